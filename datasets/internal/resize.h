#pragma once

#include <cstdint>

namespace frontier {

/// A rectangle of an image whose pixels have `channels` bytes beside each other.
struct PixelView {
  const std::uint8_t* pixels = nullptr;  ///< of its upper left corner
  std::int64_t height = 0, width = 0, channels = 1;
  std::int64_t row_bytes = 0;  ///< from one row to the next
  /// Size of what is seen, in these pixels, where only a part of the last row or column is; 0: all of them.
  double seen_height = 0, seen_width = 0;
};

/// Part of an image that is resized: the whole of it is never made.
struct Window {
  std::int64_t top = 0, left = 0, height = 0, width = 0;
};

/// `part` of `from` resized to height x width: bilinear where it is enlarged; where it is shrunk, the triangle is as
/// wide as the pixels that an output pixel stands for, so that none is left out. Counted in integers, so equal on
/// every machine. @param out [part.height, part.width, channels].
void resize_bilinear(const PixelView& from, std::int64_t height, std::int64_t width, const Window& part,
                     std::uint8_t* out);

}  // namespace frontier
