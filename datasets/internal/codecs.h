#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/picture.h"

namespace frontier {

/// How a picture lies in its file, beside how it is to be seen: EXIF's orientation, 1 to 8.
class Orientation {
 public:
  explicit Orientation(int exif = 1) : exif_(exif) {}
  bool turns() const { return exif_ != 1; }
  /// Whether what are rows in the file are columns of the picture.
  bool swaps() const { return exif_ >= 5; }
  /// Whether the file's rows (columns) go from last to first.
  bool flips_rows() const { return exif_ == 3 || exif_ == 4 || exif_ == 6 || exif_ == 7; }
  bool flips_columns() const { return exif_ == 2 || exif_ == 3 || exif_ == 7 || exif_ == 8; }

 private:
  int exif_;
};

/// The orientation in an EXIF block ("II*..." or "MM.*..."); none where there is none or it is damaged.
Orientation exif_orientation(std::string_view tiff);

/// Pixels as a file holds them: not yet turned.
struct RawPicture {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels{};            ///< [height, width, channels]
  std::int64_t full_height = 0, full_width = 0;  ///< before it was decoded at a smaller scale:
  std::int64_t scale = 1;                        ///< one pixel for so many by so many
  Orientation orientation{};
};

/// By how much a picture of this size (as it is seen) is to be scaled to cover `shape`.
double cover_scale(std::int64_t height, std::int64_t width, const PictureShape& shape);

bool is_jpeg(std::string_view file);
bool is_png(std::string_view file);

/// What picture_info and read_picture do, of one format each.
PictureInfo jpeg_info(std::string_view file);
PictureInfo png_info(std::string_view file);
/// @param shape decides at which scale the file is decoded: it still covers the shape; and the channels.
RawPicture read_jpeg(std::string_view file, const PictureShape& shape);
RawPicture read_png(std::string_view file, const PictureShape& shape);

/// @throws UsageError for a picture without pixels, or with more than kMostPixels.
void require_size(std::uint64_t height, std::uint64_t width);

}  // namespace frontier
