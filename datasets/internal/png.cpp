#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "common/errors.h"
#include "datasets/internal/codecs.h"

namespace frontier {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1a\n", 8);

struct PngError {
  char message[256] = {};
  static void fail(png_structp png, png_const_charp message) {
    auto* error = static_cast<PngError*>(png_get_error_ptr(png));
    std::snprintf(error->message, sizeof error->message, "%s", message);
    png_longjmp(png, 1);
  }
  static void ignore(png_structp, png_const_charp) {}
};

/// Runs `step`, which calls libpng and holds no object with a destructor. @throws UsageError with libpng's message.
template <class Step>
void guarded(png_structp png, PngError& error, const Step& step) {
  if (setjmp(png_jmpbuf(png)) != 0) throw UsageError(std::string("damaged PNG: ") + error.message);
  step();
}

class PngReader {
 public:
  explicit PngReader(std::string_view file) : rest_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &error_, PngError::fail, PngError::ignore);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw Error("cannot start libpng (out of memory?)");
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  void read_header() {
    guarded(png_, error_, [&] {
      png_set_read_fn(png_, this, copy);
      png_set_user_limits(png_, static_cast<png_uint_32>(kMostPixels), static_cast<png_uint_32>(kMostPixels));
      png_read_info(png_, info_);
    });
    require_size(png_get_image_height(png_, info_), png_get_image_width(png_, info_));
  }

  PictureInfo info() const {
    const bool swaps = orientation().swaps();
    const std::int64_t height = png_get_image_height(png_, info_), width = png_get_image_width(png_, info_);
    return {.height = swaps ? width : height,
            .width = swaps ? height : width,
            .grey = (png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR) == 0,
            .transparent = is_transparent(),
            .turned = orientation().turns()};
  }

  /// Rows of 8-bit grey or RGB, each with alpha where it is transparent.
  RawPicture read() {
    guarded(png_, error_, [&] {
      png_set_expand(png_);
      png_set_scale_16(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    RawPicture picture{.height = png_get_image_height(png_, info_),
                       .width = png_get_image_width(png_, info_),
                       .channels = png_get_channels(png_, info_)};
    picture.full_height = picture.height;
    picture.full_width = picture.width;
    const std::size_t row_bytes = png_get_rowbytes(png_, info_);
    picture.pixels.resize(row_bytes * static_cast<std::size_t>(picture.height));
    std::vector<png_bytep> rows;
    for (std::size_t y = 0; y < static_cast<std::size_t>(picture.height); ++y)
      rows.push_back(picture.pixels.data() + y * row_bytes);
    guarded(png_, error_, [&] {
      png_read_image(png_, rows.data());
      png_read_end(png_, info_);
    });
    picture.orientation = orientation();
    return picture;
  }

 private:
  static void copy(png_structp png, png_bytep out, std::size_t count) {
    auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader->rest_.size()) png_error(png, "it ends too early");
    std::memcpy(out, reader->rest_.data(), count);
    reader->rest_.remove_prefix(count);
  }

  bool is_transparent() const {
    return (png_get_color_type(png_, info_) & PNG_COLOR_MASK_ALPHA) != 0 ||
           png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
  }

  Orientation orientation() const {
    png_uint_32 size = 0;
    png_bytep exif = nullptr;
    if (png_get_eXIf_1(png_, info_, &size, &exif) == 0) return Orientation();
    return exif_orientation({reinterpret_cast<const char*>(exif), size});
  }

  std::string_view rest_;  ///< not yet read
  PngError error_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

/// Lays what is transparent over white; then 1 or 3 channels are left.
void drop_alpha(RawPicture& picture) {
  const std::int64_t colours = picture.channels - 1;
  const std::size_t count = static_cast<std::size_t>(picture.height * picture.width);
  std::uint8_t* out = picture.pixels.data();
  const std::uint8_t* in = out;
  for (std::size_t i = 0; i < count; ++i, in += colours + 1) {
    const int alpha = in[colours];
    for (std::int64_t c = 0; c < colours; ++c)
      *out++ = static_cast<std::uint8_t>((in[c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
  picture.channels = colours;
  picture.pixels.resize(count * static_cast<std::size_t>(colours));
}

}  // namespace

bool is_png(std::string_view file) { return file.starts_with(kSignature); }

PictureInfo png_info(std::string_view file) {
  PngReader reader(file);
  reader.read_header();
  return reader.info();
}

RawPicture read_png(std::string_view file, const PictureShape&) {
  PngReader reader(file);
  reader.read_header();
  RawPicture picture = reader.read();
  if (picture.channels == 2 || picture.channels == 4) drop_alpha(picture);
  return picture;
}

std::string encode_png(const ByteImage& image) {
  const auto channels = static_cast<std::size_t>(image.channels), area = static_cast<std::size_t>(image.area());
  std::vector<std::uint8_t> pixels(image.pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = image.pixels[i % channels * area + i / channels];
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::string file(PNG_IMAGE_PNG_SIZE_MAX(header), '\0');
  png_alloc_size_t size = file.size();
  if (png_image_write_to_memory(&header, file.data(), &size, 0, pixels.data(), 0, nullptr) == 0)
    throw Error(std::string("cannot write a PNG: ") + header.message);
  file.resize(size);
  return file;
}

}  // namespace frontier
