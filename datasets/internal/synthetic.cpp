#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/rng.h"
#include "datasets/internal/readers.h"

namespace frontier {
namespace {

/// A wave across the image: value(x, y) = sin(across * x + down * y + phase).
struct Grating {
  double across, down;
};

/// Directions fill the quarter from horizontal to vertical only: a flip leads out of it, never to another class.
/// Neighbours in direction differ in pitch as well.
Grating grating_of(int label, const SyntheticOptions& o) {
  const double angle = 0.5 * std::numbers::pi * label / (o.classes - 1);
  const double cycles = label % 2 == 0 ? 3.0 : 5.0;
  const double radians_a_pixel =
      2.0 * std::numbers::pi * cycles / std::min(std::max(o.height, 12), std::max(o.width, 12));
  return {radians_a_pixel * std::cos(angle), radians_a_pixel * std::sin(angle)};
}

/// About normal with standard deviation 1: the sum of four random bytes. A quarter of the cost of Rng::normal() a
/// pixel.
double quick_normal(std::uint64_t bits) {
  const auto sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24 & 255);
  return (static_cast<double>(sum) - 510.0) / 147.8;
}

void draw_image(int label, const SyntheticOptions& o, Rng rng, std::uint8_t* out) {
  const Grating grating = grating_of(label, o);
  const double contrast = 0.15 + 0.15 * rng.uniform();
  const double dx = 2.0 * rng.uniform();
  const double dy = 2.0 * rng.uniform();
  for (int c = 0; c < o.channels; ++c) {
    const double phase = 2.0 * std::numbers::pi * c * (label + 1) / (o.classes + 1);
    for (int y = 0; y < o.height; ++y) {
      for (int x = 0; x < o.width; ++x) {
        const double wave = std::sin(grating.across * (x + dx) + grating.down * (y + dy) + phase);
        const double value = 0.5 + contrast * wave + o.noise * quick_normal(rng.next() >> 32);
        *out++ = static_cast<std::uint8_t>(std::lround(255.0 * std::clamp(value, 0.0, 1.0)));
      }
    }
  }
}

RawImages make_part(std::int64_t count, const SyntheticOptions& o, const Rng& rng) {
  RawImages part{empty_images(count, o.channels, o.height, o.width), empty_labels(count), {}, {}};
  auto* images = part.images.mutable_data_ptr<std::uint8_t>();
  auto* labels = part.labels.mutable_data_ptr<std::int64_t>();
  const std::int64_t pixels = std::int64_t{o.channels} * o.height * o.width;
  for (std::int64_t i = 0; i < count; ++i) {
    const int label = static_cast<int>(i % o.classes);  // in turn, so that every prefix is balanced
    labels[i] = label;
    draw_image(label, o, rng.split(static_cast<std::uint64_t>(i)), images + i * pixels);
  }
  return part;
}

}  // namespace

RawData make_synthetic(const SyntheticOptions& options) {
  const Rng rng = Rng(static_cast<std::uint64_t>(options.seed)).domain("data.synthetic");
  RawData data;
  data.train = make_part(options.train_size, options, rng.split(0));
  data.test = make_part(options.test_size, options, rng.split(1));
  data.classes = options.classes;
  data.class_names = numbered_classes(options.classes);
  data.facts.form = "synthetic images";
  return data;
}

}  // namespace frontier
