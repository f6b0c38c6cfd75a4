#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <utility>

// After <cstdio>, whose FILE they use.
#include <jerror.h>
#include <jpeglib.h>

#include "common/errors.h"
#include "datasets/internal/codecs.h"

namespace frontier {
namespace {

constexpr int kMostScans = 200;  // of a progressive file: more is made to take time
constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr std::string_view kExifStart("Exif\0\0", 6);

/// libjpeg's errors, and its warnings that pixels were guessed, come back as a message from guarded().
struct JpegErrors {
  jpeg_error_mgr base{};  // first: libjpeg knows this address
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = {};

  [[noreturn]] static void fail(j_common_ptr codec) {
    auto* errors = reinterpret_cast<JpegErrors*>(codec->err);
    codec->err->format_message(codec, errors->message);
    std::longjmp(errors->jump, 1);
  }
  static void warn(j_common_ptr codec, int level) {
    const int code = codec->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR) fail(codec);
  }
  jpeg_error_mgr* start() {
    jpeg_std_error(&base);
    base.error_exit = fail;
    base.emit_message = warn;
    base.output_message = [](j_common_ptr) {};
    return &base;
  }
};

/// Runs `step`, which calls libjpeg and holds no object with a destructor. @throws UsageError with libjpeg's message.
template <class Step>
void guarded(JpegErrors& errors, const Step& step) {
  if (setjmp(errors.jump) != 0) throw UsageError(std::string("damaged JPEG: ") + errors.message);
  step();
}

class JpegReader {
 public:
  JpegReader() {
    codec_.err = errors_.start();
    guarded(errors_, [&] { jpeg_create_decompress(&codec_); });
  }
  ~JpegReader() { jpeg_destroy_decompress(&codec_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  /// @param file must outlive this.
  void read_header(std::string_view file) {
    guarded(errors_, [&] {
      jpeg_mem_src(&codec_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
      jpeg_save_markers(&codec_, kExifMarker, 0xffff);
      jpeg_read_header(&codec_, TRUE);
    });
    require_size(codec_.image_height, codec_.image_width);
    orientation_ = find_orientation();
  }

  PictureInfo info() const {
    PictureInfo info{.height = codec_.image_height,
                     .width = codec_.image_width,
                     .grey = codec_.num_components == 1,
                     .turned = orientation_.turns()};
    if (orientation_.swaps()) std::swap(info.height, info.width);
    return info;
  }

  RawPicture read(const PictureShape& shape) {
    const PictureInfo seen = info();
    const double scale = cover_scale(seen.height, seen.width, shape);
    const bool four = codec_.num_components == 4;
    codec_.scale_num = 1;
    codec_.scale_denom = 1;
    while (codec_.scale_denom < 8 && 1.0 / (2 * codec_.scale_denom) >= scale) codec_.scale_denom *= 2;
    codec_.out_color_space = four ? JCS_CMYK : shape.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    codec_.dct_method = JDCT_ISLOW;
    guarded(errors_, [&] { jpeg_calc_output_dimensions(&codec_); });
    RawPicture picture{.height = codec_.output_height,
                       .width = codec_.output_width,
                       .channels = codec_.out_color_components,
                       .full_height = codec_.image_height,
                       .full_width = codec_.image_width,
                       .scale = codec_.scale_denom,
                       .orientation = orientation_};
    picture.pixels.resize(static_cast<std::size_t>(picture.height * picture.width * picture.channels));
    read_rows(picture.pixels.data(), static_cast<std::size_t>(picture.width * picture.channels));
    if (four) to_rgb(picture);
    return picture;
  }

 private:
  struct ScanLimit : jpeg_progress_mgr {
    static void check(j_common_ptr codec) {
      if (codec->is_decompressor == 0 || reinterpret_cast<j_decompress_ptr>(codec)->input_scan_number <= kMostScans)
        return;
      auto* errors = reinterpret_cast<JpegErrors*>(codec->err);
      std::snprintf(errors->message, sizeof errors->message, "it has more than %d scans", kMostScans);
      std::longjmp(errors->jump, 1);
    }
  };

  void read_rows(std::uint8_t* row, std::size_t row_bytes) {
    ScanLimit limit{};
    limit.progress_monitor = ScanLimit::check;
    codec_.progress = &limit;
    guarded(errors_, [&] {
      jpeg_start_decompress(&codec_);
      while (codec_.output_scanline < codec_.output_height) {
        JSAMPROW rows[] = {row + codec_.output_scanline * row_bytes};
        jpeg_read_scanlines(&codec_, rows, 1);
      }
      jpeg_finish_decompress(&codec_);
    });
    codec_.progress = nullptr;
  }

  /// Ink on paper: what is left of white. Adobe's programs store it inverted.
  void to_rgb(RawPicture& picture) const {
    const bool inverted = codec_.saw_Adobe_marker != 0;
    const std::size_t count = picture.pixels.size() / 4;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint8_t* ink = picture.pixels.data() + 4 * i;
      const auto left = [&](int c) { return inverted ? ink[c] : 255 - ink[c]; };
      const int black = left(3);
      for (std::size_t c = 0; c < 3; ++c)
        picture.pixels[3 * i + c] = static_cast<std::uint8_t>((left(static_cast<int>(c)) * black + 127) / 255);
    }
    picture.pixels.resize(3 * count);
    picture.channels = 3;
  }

  Orientation find_orientation() const {
    for (const jpeg_marker_struct* marker = codec_.marker_list; marker != nullptr; marker = marker->next) {
      const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
      if (marker->marker == kExifMarker && data.starts_with(kExifStart))
        return exif_orientation(data.substr(kExifStart.size()));
    }
    return Orientation();
  }

  JpegErrors errors_;
  jpeg_decompress_struct codec_{};
  Orientation orientation_;
};

class JpegWriter {
 public:
  JpegWriter() {
    codec_.err = errors_.start();
    guarded(errors_, [&] { jpeg_create_compress(&codec_); });
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&codec_);
    std::free(bytes_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  std::string write(const ByteImage& image, int quality) {
    start(image, quality);
    std::vector<std::uint8_t> row(static_cast<std::size_t>(image.width * image.channels));
    for (std::int64_t y = 0; y < image.height; ++y) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        const auto column = static_cast<std::int64_t>(i) / image.channels,
                   channel = static_cast<std::int64_t>(i) % image.channels;
        row[i] = image.pixels[static_cast<std::size_t>(channel * image.area() + y * image.width + column)];
      }
      JSAMPROW rows[] = {row.data()};
      guarded(errors_, [&] { jpeg_write_scanlines(&codec_, rows, 1); });
    }
    guarded(errors_, [&] { jpeg_finish_compress(&codec_); });
    return {reinterpret_cast<const char*>(bytes_), size_};
  }

 private:
  void start(const ByteImage& image, int quality) {
    codec_.image_height = static_cast<JDIMENSION>(image.height);
    codec_.image_width = static_cast<JDIMENSION>(image.width);
    codec_.input_components = static_cast<int>(image.channels);
    codec_.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    guarded(errors_, [&] {
      jpeg_mem_dest(&codec_, &bytes_, &size_);
      jpeg_set_defaults(&codec_);
      jpeg_set_quality(&codec_, quality, TRUE);
      jpeg_start_compress(&codec_, TRUE);
    });
  }

  JpegErrors errors_;
  jpeg_compress_struct codec_{};
  unsigned char* bytes_ = nullptr;  ///< made by libjpeg
  unsigned long size_ = 0;
};

}  // namespace

bool is_jpeg(std::string_view file) { return file.starts_with("\xff\xd8\xff"); }

PictureInfo jpeg_info(std::string_view file) {
  JpegReader reader;
  reader.read_header(file);
  return reader.info();
}

RawPicture read_jpeg(std::string_view file, const PictureShape& shape) {
  JpegReader reader;
  reader.read_header(file);
  return reader.read(shape);
}

std::string encode_jpeg(const ByteImage& image, int quality) { return JpegWriter().write(image, quality); }

}  // namespace frontier
