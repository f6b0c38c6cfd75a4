#include "datasets/picture.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/data_file.h"
#include "common/errors.h"
#include "datasets/internal/codecs.h"
#include "datasets/internal/resize.h"

namespace frontier {
namespace {

[[noreturn]] void refuse_format(std::string_view file) {
  if (file.empty()) throw UsageError("the file is empty");
  if (const auto other = stand_in(file)) throw UsageError("no picture but " + *other);
  if (file.starts_with("GIF8")) throw UsageError("a GIF; only JPEG and PNG are read");
  if (file.starts_with("RIFF") && file.substr(0, 12).ends_with("WEBP"))
    throw UsageError("a WebP; only JPEG and PNG are read");
  if (file.starts_with("BM")) throw UsageError("a BMP; only JPEG and PNG are read");
  if (file.starts_with(std::string_view("II*\0", 4)) || file.starts_with(std::string_view("MM\0*", 4)))
    throw UsageError("a TIFF; only JPEG and PNG are read");
  throw UsageError("neither a JPEG nor a PNG, by its first bytes");
}

RawPicture decode(std::string_view file, const PictureShape& shape) {
  if (is_jpeg(file)) return read_jpeg(file, shape);
  if (is_png(file)) return read_png(file, shape);
  refuse_format(file);
}

/// Where the rows (or columns) of `part` of the picture lie in the file's order.
std::int64_t first_of(std::int64_t first, std::int64_t count, std::int64_t total, bool flipped) {
  return flipped ? total - first - count : first;
}

/// [height, width, channels] in the file's order, all that is left of it after cutting.
RawPicture scale_and_cut(const RawPicture& raw, const PictureShape& shape) {
  const Orientation& orientation = raw.orientation;
  const bool swaps = orientation.swaps();
  const std::int64_t seen_height = swaps ? raw.full_width : raw.full_height;
  const std::int64_t seen_width = swaps ? raw.full_height : raw.full_width;
  const double scale = cover_scale(seen_height, seen_width, shape);
  const auto scaled = [&](std::int64_t side, std::int64_t least) {
    return std::max<std::int64_t>(least, std::llround(static_cast<double>(side) * scale));
  };
  const std::int64_t height = scaled(seen_height, shape.height), width = scaled(seen_width, shape.width);
  const std::int64_t top = (height - shape.height) / 2, left = (width - shape.width) / 2;

  const std::int64_t rows = swaps ? width : height, columns = swaps ? height : width;
  Window part{swaps ? left : top, swaps ? top : left, swaps ? shape.width : shape.height,
              swaps ? shape.height : shape.width};
  part.top = first_of(part.top, part.height, rows, orientation.flips_rows());
  part.left = first_of(part.left, part.width, columns, orientation.flips_columns());
  RawPicture cut{.height = part.height, .width = part.width, .channels = raw.channels, .orientation = orientation};
  cut.pixels.resize(static_cast<std::size_t>(cut.height * cut.width * cut.channels));
  PixelView view{raw.pixels.data(), raw.height, raw.width, raw.channels, raw.width * raw.channels};
  view.seen_height = static_cast<double>(raw.full_height) / static_cast<double>(raw.scale);
  view.seen_width = static_cast<double>(raw.full_width) / static_cast<double>(raw.scale);
  resize_bilinear(view, rows, columns, part, cut.pixels.data());
  return cut;
}

/// A grey level as television weighs it: in 1/65536, rounded.
std::uint8_t grey_of(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16);
}

/// Turned, plane by plane, of as many channels as wanted.
ByteImage turned(const RawPicture& raw, std::int64_t channels) {
  const Orientation& orientation = raw.orientation;
  const bool swaps = orientation.swaps();
  ByteImage image{channels, swaps ? raw.width : raw.height, swaps ? raw.height : raw.width, {}};
  image.pixels.resize(static_cast<std::size_t>(channels * image.area()));
  std::uint8_t* out = image.pixels.data();
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x, ++out) {
      std::int64_t row = swaps ? x : y, column = swaps ? y : x;
      if (orientation.flips_rows()) row = raw.height - 1 - row;
      if (orientation.flips_columns()) column = raw.width - 1 - column;
      const std::uint8_t* pixel = raw.pixels.data() + (row * raw.width + column) * raw.channels;
      if (channels < raw.channels) {
        *out = grey_of(pixel);
      } else {
        for (std::int64_t c = 0; c < channels; ++c) out[c * image.area()] = pixel[raw.channels == 1 ? 0 : c];
      }
    }
  }
  return image;
}

}  // namespace

double cover_scale(std::int64_t height, std::int64_t width, const PictureShape& shape) {
  return std::max(static_cast<double>(shape.height) / static_cast<double>(height),
                  static_cast<double>(shape.width) / static_cast<double>(width));
}

void require_size(std::uint64_t height, std::uint64_t width) {
  if (height > 0 && width > 0 && height <= static_cast<std::uint64_t>(kMostPixels) / width) return;
  throw UsageError("its header says " + std::to_string(width) + "x" + std::to_string(height) +
                   " pixels; allowed: 1 to " + std::to_string(kMostPixels) + " in all");
}

PictureInfo picture_info(std::string_view file) {
  if (is_jpeg(file)) return jpeg_info(file);
  if (is_png(file)) return png_info(file);
  refuse_format(file);
}

ByteImage read_picture(std::string_view file, const PictureShape& shape) {
  return turned(scale_and_cut(decode(file, shape), shape), shape.channels);
}

ByteImage cut_middle(const ByteImage& image, std::int64_t height, std::int64_t width) {
  const std::int64_t top = (image.height - height) / 2, left = (image.width - width) / 2;
  ByteImage result{image.channels, height, width, {}};
  for (std::int64_t c = 0; c < image.channels; ++c)
    for (std::int64_t y = 0; y < height; ++y) {
      const auto row = image.pixels.begin() + (c * image.height + top + y) * image.width + left;
      result.pixels.insert(result.pixels.end(), row, row + width);
    }
  return result;
}

ByteImage resized(const ByteImage& image, std::int64_t height, std::int64_t width) {
  ByteImage result{image.channels, height, width,
                   std::vector<std::uint8_t>(static_cast<std::size_t>(image.channels * height * width))};
  for (std::int64_t c = 0; c < image.channels; ++c)
    resize_bilinear({image.pixels.data() + c * image.area(), image.height, image.width, 1, image.width}, height, width,
                    {0, 0, height, width}, result.plane(c).data());
  return result;
}

}  // namespace frontier
