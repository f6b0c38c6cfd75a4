#pragma once

// Picture files for tests, written by libjpeg and libpng themselves.

#include <png.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// After <cstdio>, whose FILE it uses.
#include <jpeglib.h>

namespace frontier::testing_support {

using Bytes = std::vector<std::uint8_t>;

/// What a PNG file holds besides its pixels.
struct PngOptions {
  int color_type = PNG_COLOR_TYPE_RGB;
  int depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette{};
  Bytes transparency{};  ///< alpha of the palette's first colours
  std::string exif{};    ///< "II*..."
};

/// @param rows of bytes as the file stores them: 16-bit values big-endian, bits packed.
inline std::string png_file(std::uint32_t width, std::uint32_t height, const Bytes& rows,
                            const PngOptions& options = {}) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp p, png_bytep data, std::size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), size);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, width, height, options.depth, options.color_type,
               options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!options.palette.empty())
    png_set_PLTE(png, info, options.palette.data(), static_cast<int>(options.palette.size()));
  if (!options.transparency.empty())
    png_set_tRNS(png, info, options.transparency.data(), static_cast<int>(options.transparency.size()), nullptr);
  std::string exif = options.exif;
  if (!exif.empty())
    png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif.size()), reinterpret_cast<png_bytep>(exif.data()));
  png_write_info(png, info);
  const std::size_t row_bytes = png_get_rowbytes(png, info);
  std::vector<png_bytep> pointers;
  for (std::size_t y = 0; y < height; ++y) pointers.push_back(const_cast<png_bytep>(rows.data() + y * row_bytes));
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

struct JpegOptions {
  int quality = 95;
  bool progressive = false;
  bool halved_colour = false;  ///< 4:2:0, as cameras do
  std::string exif{};          ///< "II*..."
};

/// @param channels 1 grey, 3 RGB, 4 CMYK (as libjpeg writes it: with Adobe's marker, so inverted).
inline std::string jpeg_file(int width, int height, int channels, const Bytes& pixels,
                             const JpegOptions& options = {}) {
  jpeg_error_mgr errors{};
  jpeg_compress_struct codec{};
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&codec, &bytes, &size);
  codec.image_width = static_cast<JDIMENSION>(width);
  codec.image_height = static_cast<JDIMENSION>(height);
  codec.input_components = channels;
  codec.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&codec);
  jpeg_set_quality(&codec, options.quality, TRUE);
  if (options.progressive) jpeg_simple_progression(&codec);
  if (channels == 3 && !options.halved_colour)
    for (int c = 0; c < 3; ++c) codec.comp_info[c].h_samp_factor = codec.comp_info[c].v_samp_factor = 1;
  jpeg_start_compress(&codec, TRUE);
  if (!options.exif.empty()) {
    const std::string marker = std::string("Exif\0\0", 6) + options.exif;
    jpeg_write_marker(&codec, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(marker.data()),
                      static_cast<unsigned>(marker.size()));
  }
  while (codec.next_scanline < codec.image_height) {
    auto* row = const_cast<JSAMPROW>(pixels.data() + codec.next_scanline * static_cast<unsigned>(width * channels));
    jpeg_write_scanlines(&codec, &row, 1);
  }
  jpeg_finish_compress(&codec);
  jpeg_destroy_compress(&codec);
  std::string file(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return file;
}

/// An EXIF block that holds an orientation, with another entry before it.
inline std::string exif_block(int orientation, bool big_endian = false) {
  std::string block = big_endian ? "MM" : "II";
  const auto add = [&](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) block += static_cast<char>(value >> 8 * (big_endian ? size - 1 - i : i) & 255);
  };
  const auto entry = [&](std::uint32_t tag, std::uint32_t value) {
    add(tag, 2);
    add(3, 2);  // a 16-bit number
    add(1, 4);
    add(value, 2);
    add(0, 2);
  };
  add(42, 2);
  add(8, 4);
  add(2, 2);
  entry(0x0100, 7);
  entry(0x0112, static_cast<std::uint32_t>(orientation));
  add(0, 4);
  return block;
}

/// `count` times the same bytes.
inline Bytes repeated(const Bytes& piece, std::size_t count) {
  Bytes all;
  for (std::size_t i = 0; i < count; ++i) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

/// A PNG of one colour.
inline std::string plain_png(std::uint32_t width, std::uint32_t height, const Bytes& rgb) {
  return png_file(width, height, repeated(rgb, std::size_t{width} * height));
}
inline std::string plain_jpeg(int width, int height, const Bytes& rgb) {
  return jpeg_file(width, height, 3, repeated(rgb, static_cast<std::size_t>(width) * static_cast<std::size_t>(height)));
}

}  // namespace frontier::testing_support
