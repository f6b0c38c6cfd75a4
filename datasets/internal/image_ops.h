#pragma once

#include <cstdint>

#include "datasets/picture.h"

namespace frontier {

/// Operations on 8-bit images, in place, with the arithmetic of Pillow (which the papers' code uses). Images have one
/// channel (grey) or three (red, green, blue).
namespace image_ops {

/// Stretches each channel so that its smallest value becomes 0 and its largest 255. A constant channel stays.
void autocontrast(ByteImage& image);
/// Maps each channel so that its values are spread evenly.
void equalize(ByteImage& image);
/// Inverts what is `threshold` or above.
void solarize(ByteImage& image, int threshold);
/// Keeps the `bits` highest bits of each value; 1 to 8.
void posterize(ByteImage& image, int bits);

/// value = value * factor.
void brightness(ByteImage& image, double factor);
/// Moves away from the image's mean grey by `factor`: 0 gives that grey, 1 the image.
void contrast(ByteImage& image, double factor);
/// Moves away from each pixel's own grey by `factor`. Three channels.
void saturation(ByteImage& image, double factor);
/// Moves away from a blurred image by `factor`; the border of one pixel stays.
void sharpness(ByteImage& image, double factor);
/// Turns the colour circle: 1/3 makes red green. Three channels.
void hue(ByteImage& image, double turns);

/// Anticlockwise about the middle. What comes from outside is `fill`; nearest pixel, as for all three below.
void rotate(ByteImage& image, double degrees, std::uint8_t fill);
/// Output (x, y) shows input (x + `amount` * y, y).
void shear_x(ByteImage& image, double amount, std::uint8_t fill);
/// Output (x, y) shows input (x, y + `amount` * x).
void shear_y(ByteImage& image, double amount, std::uint8_t fill);
/// Output (x, y) shows input (x + dx, y + dy).
void translate(ByteImage& image, double dx, double dy, std::uint8_t fill);

}  // namespace image_ops
}  // namespace frontier
