#include "datasets/internal/image_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace frontier::image_ops {
namespace {

using Table = std::array<std::uint8_t, 256>;

template <class Function>
Table table_of(Function&& value_of) {
  Table table;
  for (int v = 0; v < 256; ++v) table[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(value_of(v));
  return table;
}

/// Replaces each pixel by its entry.
void replace_by(const Table& table, std::span<std::uint8_t> pixels) {
  for (std::uint8_t& pixel : pixels) pixel = table[pixel];
}

/// A byte, cut towards zero.
std::uint8_t to_byte(float value) { return static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f)); }

/// From `base` (factor 0) over `value` (factor 1) and beyond.
std::uint8_t blend(int base, int value, double factor) {
  return to_byte(static_cast<float>(base) + static_cast<float>(factor) * static_cast<float>(value - base));
}

/// Luminance after ITU-R 601-2.
int grey_of(int red, int green, int blue) { return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16; }

/// The grey of pixel `i`.
int grey_at(const ByteImage& image, std::int64_t i) {
  const std::uint8_t* pixel = image.pixels.data() + i;
  if (image.channels == 1) return *pixel;
  return grey_of(pixel[0], pixel[image.area()], pixel[2 * image.area()]);
}

/// Nearest-pixel resampling: output (x, y) shows the input pixel that holds the point source(x + 0.5, y + 0.5).
template <class Source>
void resample(ByteImage& image, std::uint8_t fill, Source&& source) {
  const std::vector<std::uint8_t> input = image.pixels;
  for (std::int64_t y = 0, i = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x, ++i) {
      const auto [px, py] = source(static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5);
      const auto column = static_cast<std::int64_t>(std::floor(px));
      const auto row = static_cast<std::int64_t>(std::floor(py));
      const bool inside = column >= 0 && column < image.width && row >= 0 && row < image.height;
      for (std::int64_t c = 0; c < image.channels; ++c) {
        const std::int64_t plane = c * image.area();
        image.pixels[static_cast<std::size_t>(plane + i)] =
            inside ? input[static_cast<std::size_t>(plane + row * image.width + column)] : fill;
      }
    }
  }
}

}  // namespace

void autocontrast(ByteImage& image) {
  for (std::int64_t c = 0; c < image.channels; ++c) {
    const auto plane = image.plane(c);
    const auto [low, high] = std::minmax_element(plane.begin(), plane.end());
    if (*low == *high) continue;
    const double scale = 255.0 / (*high - *low);
    const double offset = -*low * scale;
    replace_by(table_of([&](int v) { return std::clamp(static_cast<int>(v * scale + offset), 0, 255); }), plane);
  }
}

void equalize(ByteImage& image) {
  for (std::int64_t c = 0; c < image.channels; ++c) {
    const auto plane = image.plane(c);
    std::array<std::int64_t, 256> counts{};
    for (const std::uint8_t pixel : plane) ++counts[pixel];
    const std::uint8_t highest = *std::max_element(plane.begin(), plane.end());
    const std::int64_t step = (image.area() - counts[highest]) / 255;
    if (step == 0) continue;
    std::int64_t below = step / 2;
    replace_by(table_of([&](int v) {
                 const std::int64_t value = std::min<std::int64_t>(below / step, 255);
                 below += counts[static_cast<std::size_t>(v)];
                 return value;
               }),
               plane);
  }
}

void solarize(ByteImage& image, int threshold) {
  replace_by(table_of([&](int v) { return v < threshold ? v : 255 - v; }), image.pixels);
}

void posterize(ByteImage& image, int bits) {
  replace_by(table_of([&](int v) { return v & ~((1 << (8 - bits)) - 1); }), image.pixels);
}

void brightness(ByteImage& image, double factor) {
  replace_by(table_of([&](int v) { return blend(0, v, factor); }), image.pixels);
}

void contrast(ByteImage& image, double factor) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < image.area(); ++i) sum += grey_at(image, i);
  const int mean = static_cast<int>(static_cast<double>(sum) / static_cast<double>(image.area()) + 0.5);
  replace_by(table_of([&](int v) { return blend(mean, v, factor); }), image.pixels);
}

void saturation(ByteImage& image, double factor) {
  for (std::int64_t i = 0; i < image.area(); ++i) {
    const int grey = grey_at(image, i);
    for (std::int64_t c = 0; c < image.channels; ++c) {
      std::uint8_t& value = image.pixels[static_cast<std::size_t>(c * image.area() + i)];
      value = blend(grey, value, factor);
    }
  }
}

void sharpness(ByteImage& image, double factor) {
  const std::int64_t width = image.width;
  for (std::int64_t c = 0; c < image.channels; ++c) {
    const auto plane = image.plane(c);
    const std::vector<std::uint8_t> input(plane.begin(), plane.end());
    for (std::int64_t y = 1; y + 1 < image.height; ++y) {
      for (std::int64_t x = 1; x + 1 < width; ++x) {
        const std::uint8_t* middle = input.data() + y * width + x;
        int sum = 4 * *middle;  // and once more below: the kernel is 5 in the middle, 1 around it
        for (const std::int64_t row : {-width, std::int64_t{0}, width})
          sum += middle[row - 1] + middle[row] + middle[row + 1];
        plane[static_cast<std::size_t>(y * width + x)] = blend((2 * sum + 13) / 26, *middle, factor);
      }
    }
  }
}

void hue(ByteImage& image, double turns) {
  const std::int64_t area = image.area();
  for (std::int64_t i = 0; i < area; ++i) {
    std::uint8_t* const pixel = image.pixels.data() + i;
    const double red = pixel[0], green = pixel[area], blue = pixel[2 * area];
    const double most = std::max({red, green, blue});
    const double least = std::min({red, green, blue});
    const double range = most - least;
    if (range == 0) continue;
    const double place = most == red     ? (green - blue) / range
                         : most == green ? 2 + (blue - red) / range
                                         : 4 + (red - green) / range;  // in sixths of the circle, from red
    const double turned = place + 6 * turns;
    const double sixths = turned - 6 * std::floor(turned / 6);
    const int sector = std::min(static_cast<int>(sixths), 5);
    const double part = sixths - sector;
    const auto byte = [](double value) { return static_cast<std::uint8_t>(std::lround(value)); };
    const std::uint8_t high = byte(most), low = byte(least);
    const std::uint8_t between = byte(sector % 2 == 0 ? least + range * part : most - range * part);
    const std::array<std::array<std::uint8_t, 3>, 6> colours = {{{high, between, low},
                                                                 {between, high, low},
                                                                 {low, high, between},
                                                                 {low, between, high},
                                                                 {between, low, high},
                                                                 {high, low, between}}};
    for (std::int64_t c = 0; c < 3; ++c)
      pixel[c * area] = colours[static_cast<std::size_t>(sector)][static_cast<std::size_t>(c)];
  }
}

void rotate(ByteImage& image, double degrees, std::uint8_t fill) {
  const double angle = degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const double x0 = static_cast<double>(image.width) / 2, y0 = static_cast<double>(image.height) / 2;
  resample(image, fill, [&](double x, double y) {
    return std::pair(x0 + cosine * (x - x0) - sine * (y - y0), y0 + sine * (x - x0) + cosine * (y - y0));
  });
}

void shear_x(ByteImage& image, double amount, std::uint8_t fill) {
  resample(image, fill, [&](double x, double y) { return std::pair(x + amount * y, y); });
}

void shear_y(ByteImage& image, double amount, std::uint8_t fill) {
  resample(image, fill, [&](double x, double y) { return std::pair(x, y + amount * x); });
}

void translate(ByteImage& image, double dx, double dy, std::uint8_t fill) {
  resample(image, fill, [&](double x, double y) { return std::pair(x + dx, y + dy); });
}

}  // namespace frontier::image_ops
