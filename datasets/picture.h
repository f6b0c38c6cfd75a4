#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace frontier {

/// An image of bytes, plane after plane.
struct ByteImage {
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels{};  ///< [channels, height, width]

  std::int64_t area() const { return height * width; }
  std::span<std::uint8_t> plane(std::int64_t channel) {
    return std::span(pixels).subspan(static_cast<std::size_t>(channel * area()), static_cast<std::size_t>(area()));
  }
  bool operator==(const ByteImage&) const = default;
};

/// What the header of a JPEG or PNG file says.
struct PictureInfo {
  std::int64_t height = 0, width = 0;  ///< as it is seen: after EXIF's turn
  bool grey = false;                   ///< one channel (or grey with transparency)
  bool transparent = false;            ///< has an alpha channel or a transparent colour
  bool turned = false;                 ///< EXIF says to turn or mirror it
};

/// How files become images of one shape.
struct PictureShape {
  std::int64_t channels = 3;  ///< 3: red, green, blue; 1: grey
  std::int64_t height = 0, width = 0;
};

/// Larger pictures are refused: a file of a few bytes may announce them.
inline constexpr std::int64_t kMostPixels = std::int64_t{1} << 26;

/// Told by the first bytes, whatever the file's name. @param file its bytes; those of the header are enough.
/// @throws UsageError saying what is wrong with it, without its name.
PictureInfo picture_info(std::string_view file);

/// Decodes a JPEG (baseline, progressive; grey, colour, CMYK) or PNG (1 to 16 bits, grey, colour, palette,
/// transparent): turned as EXIF says, shrunk or enlarged until it covers `shape` (bilinear, averaging over all pixels
/// that an output pixel stands for), and cut to its middle. A picture of that size stays as it is. What is transparent
/// is laid over white; grey becomes three equal channels, and colour becomes grey by 0.299 R + 0.587 G + 0.114 B. JPEGs
/// that are shrunk to a half and below are decoded at 1/2, 1/4 or 1/8 first. Equal on every machine with the same
/// libjpeg. Full thread-safety. @throws UsageError saying what is wrong with the file, without its name.
ByteImage read_picture(std::string_view file, const PictureShape& shape);

/// The middle `height` x `width` of an image that is at least as large.
ByteImage cut_middle(const ByteImage& image, std::int64_t height, std::int64_t width);

/// Resized as read_picture resizes.
ByteImage resized(const ByteImage& image, std::int64_t height, std::int64_t width);

/// The bytes of a JPEG file. @param image 1 or 3 channels.  @param quality 1 to 100.
std::string encode_jpeg(const ByteImage& image, int quality);
/// The bytes of a PNG file. @param image 1 or 3 channels.
std::string encode_png(const ByteImage& image);

}  // namespace frontier
