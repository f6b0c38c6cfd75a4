#include "datasets/internal/transforms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "common/errors.h"
#include "common/options.h"

namespace frontier {
namespace {

double uniform(double low, double high, Rng& rng) { return low + (high - low) * rng.uniform(); }

std::int64_t below(std::int64_t n, Rng& rng) {
  return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(n)));
}

/// Rows [top, top + height) and columns [left, left + width), as far as they lie in the image.
struct Rectangle {
  std::int64_t top, left, height, width;
};

/// Sets every pixel of `where` to value_of(channel), called for each.
template <class Value>
void fill(ByteImage& image, const Rectangle& where, Value&& value_of) {
  const std::int64_t top = std::max<std::int64_t>(where.top, 0), left = std::max<std::int64_t>(where.left, 0);
  const std::int64_t bottom = std::min(where.top + where.height, image.height);
  const std::int64_t right = std::min(where.left + where.width, image.width);
  for (std::int64_t c = 0; c < image.channels; ++c)
    for (std::int64_t y = top; y < bottom; ++y)
      for (std::int64_t x = left; x < right; ++x)
        image.plane(c)[static_cast<std::size_t>(y * image.width + x)] = value_of(c);
}

Transform color_jitter(const ColorJitterOptions& options) {
  using Change = void (*)(ByteImage&, double);
  std::vector<std::pair<Change, double>> changes;
  if (options.brightness > 0) changes.emplace_back(image_ops::brightness, options.brightness);
  if (options.contrast > 0) changes.emplace_back(image_ops::contrast, options.contrast);
  if (options.saturation > 0) changes.emplace_back(image_ops::saturation, options.saturation);
  if (options.hue > 0) changes.emplace_back(image_ops::hue, options.hue);
  return {"color_jitter", [changes](ByteImage& image, Rng& rng) {
            auto order = changes;
            rng.shuffle(order);
            for (const auto& [change, strength] : order) {
              const bool turns = change == image_ops::hue;
              change(image, turns ? uniform(-strength, strength, rng)
                                  : uniform(std::max(0.0, 1 - strength), 1 + strength, rng));
            }
          }};
}

Transform rand_augment(const RandAugmentOptions& options, std::int64_t channels) {
  std::vector<RandAugmentOperation> operations;
  for (int i = 0; i < kRandAugmentOperations; ++i) {
    const auto operation = static_cast<RandAugmentOperation>(i);
    if (channels == 3 || operation != RandAugmentOperation::kColor) operations.push_back(operation);
  }
  return {"rand_augment", [options, operations](ByteImage& image, Rng& rng) {
            for (int n = 0; n < options.operations; ++n) {
              const auto operation = operations[rng.below(operations.size())];
              const int sign = rng.below(2) == 0 ? 1 : -1;
              apply(operation, options.magnitude / 10.0, sign, static_cast<std::uint8_t>(options.fill), image);
            }
          }};
}

/// Algorithm 1 of the paper.
void erase(const RandomErasingOptions& options, ByteImage& image, Rng& rng) {
  if (rng.uniform() >= options.probability) return;
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    const double area = uniform(options.smallest, options.largest, rng) * static_cast<double>(image.area());
    const double aspect = uniform(options.aspect, 1 / options.aspect, rng);
    const std::int64_t height = std::max<std::int64_t>(1, std::llround(std::sqrt(area * aspect)));
    const std::int64_t width = std::max<std::int64_t>(1, std::llround(std::sqrt(area / aspect)));
    if (height > image.height || width > image.width) continue;
    const std::int64_t top = below(image.height - height + 1, rng);
    const std::int64_t left = below(image.width - width + 1, rng);
    return fill(image, {top, left, height, width},
                [&](std::int64_t) { return static_cast<std::uint8_t>(rng.below(256)); });
  }
}

Transform cutout(int side, const std::vector<double>& mean) {
  std::vector<std::uint8_t> colour;
  for (const double m : mean) colour.push_back(static_cast<std::uint8_t>(std::lround(255 * std::clamp(m, 0.0, 1.0))));
  return {"cutout", [side, colour](ByteImage& image, Rng& rng) {
            const std::int64_t top = below(image.height, rng) - side / 2;
            const std::int64_t left = below(image.width, rng) - side / 2;
            fill(image, {top, left, side, side}, [&](std::int64_t c) { return colour[static_cast<std::size_t>(c)]; });
          }};
}

[[noreturn]] void refuse(const std::string& what) { throw UsageError("loader.augment." + what); }

/// Refuses settings of a transform that is switched off. @param off the same with only the switch as it is.
template <class Options>
void require_defaults(const Options& options, const Options& off, const std::string& transform, const char* switched) {
  const nlohmann::json given = write_options(options), idle = write_options(off);
  for (const auto& [key, value] : given.items())
    if (value != idle[key])
      refuse(transform + "." + key + " = " + value.dump() + " has no effect while loader.augment." + transform + "." +
             switched + " is 0");
}

void check_colours(const AugmentOptions& options, const Dataset& dataset) {
  const auto& jitter = options.color_jitter;
  const bool jitters = jitter.brightness > 0 || jitter.contrast > 0 || jitter.saturation > 0 || jitter.hue > 0;
  if (dataset.channels() != 1 && dataset.channels() != 3 && (jitters || options.rand_augment.operations > 0))
    refuse((jitters ? "color_jitter" : "rand_augment") + std::string(" works on images of 1 or 3 channels; ") +
           dataset.name + " has " + std::to_string(dataset.channels()));
  if (dataset.channels() == 1 && (jitter.saturation > 0 || jitter.hue > 0))
    refuse(std::string("color_jitter.") + (jitter.saturation > 0 ? "saturation" : "hue") +
           " has no effect on grey images; set it to 0");
}

void check_areas(const AugmentOptions& options, const Dataset& dataset) {
  const auto& erasing = options.random_erasing;
  if (erasing.smallest > erasing.largest)
    refuse("random_erasing.smallest = " + nlohmann::json(erasing.smallest).dump() +
           " is more than largest = " + nlohmann::json(erasing.largest).dump());
  const std::int64_t side = std::min(dataset.height(), dataset.width());
  if (options.cutout > side)
    refuse("cutout = " + std::to_string(options.cutout) + " is more than the side of the images, " +
           std::to_string(side));
}

}  // namespace

void apply(RandAugmentOperation operation, double strength, int sign, std::uint8_t fill, ByteImage& image) {
  const double factor = std::max(0.0, 1 + sign * 0.9 * strength);
  const double shear = sign * 0.3 * strength;
  const auto pixels = [&](std::int64_t side) { return std::trunc(sign * 0.45 * strength * static_cast<double>(side)); };
  switch (operation) {
    case RandAugmentOperation::kIdentity: return;
    case RandAugmentOperation::kAutocontrast: return image_ops::autocontrast(image);
    case RandAugmentOperation::kEqualize: return image_ops::equalize(image);
    case RandAugmentOperation::kRotate: return image_ops::rotate(image, sign * 30 * strength, fill);
    case RandAugmentOperation::kSolarize:
      return image_ops::solarize(image, std::max(0, static_cast<int>(std::lround(256 * (1 - strength)))));
    case RandAugmentOperation::kColor: return image_ops::saturation(image, factor);
    case RandAugmentOperation::kPosterize:
      return image_ops::posterize(image, std::max(1, 8 - static_cast<int>(std::lround(4 * strength))));
    case RandAugmentOperation::kContrast: return image_ops::contrast(image, factor);
    case RandAugmentOperation::kBrightness: return image_ops::brightness(image, factor);
    case RandAugmentOperation::kSharpness: return image_ops::sharpness(image, factor);
    case RandAugmentOperation::kShearX: return image_ops::shear_x(image, shear, fill);
    case RandAugmentOperation::kShearY: return image_ops::shear_y(image, shear, fill);
    case RandAugmentOperation::kTranslateX: return image_ops::translate(image, pixels(image.width), 0, fill);
    case RandAugmentOperation::kTranslateY: return image_ops::translate(image, 0, pixels(image.height), fill);
  }
}

Window draw_rectangle(const RandomResizedCropOptions& options, std::int64_t height, std::int64_t width, Rng& rng) {
  constexpr int kTries = 10;
  const double area = static_cast<double>(height * width), widest = -std::log(options.aspect);
  for (int i = 0; i < kTries; ++i) {
    const double target = uniform(options.smallest, 1, rng) * area;
    const double aspect = std::exp(uniform(-widest, widest, rng));
    const std::int64_t w = std::llround(std::sqrt(target * aspect)), h = std::llround(std::sqrt(target / aspect));
    if (h < 1 || w < 1 || h > height || w > width) continue;
    const std::int64_t top = below(height - h + 1, rng);
    return {top, below(width - w + 1, rng), h, w};
  }
  // The largest rectangle in the middle whose aspect is allowed.
  const double aspect =
      std::clamp(static_cast<double>(width) / static_cast<double>(height), options.aspect, 1 / options.aspect);
  const std::int64_t w = std::min<std::int64_t>(width, std::llround(static_cast<double>(height) * aspect));
  const std::int64_t h = std::min<std::int64_t>(height, std::llround(static_cast<double>(width) / aspect));
  return {(height - h) / 2, (width - w) / 2, h, w};
}

std::vector<Transform> make_transforms(const AugmentOptions& options, const Dataset& dataset) {
  check_colours(options, dataset);
  check_areas(options, dataset);
  std::vector<Transform> transforms;
  const auto& jitter = options.color_jitter;
  if (jitter.brightness > 0 || jitter.contrast > 0 || jitter.saturation > 0 || jitter.hue > 0)
    transforms.push_back(color_jitter(jitter));
  if (options.rand_augment.operations > 0)
    transforms.push_back(rand_augment(options.rand_augment, dataset.channels()));
  else
    require_defaults(options.rand_augment, {}, "rand_augment", "operations");
  if (options.random_erasing.probability > 0)
    transforms.push_back({"random_erasing", [erasing = options.random_erasing](ByteImage& image, Rng& rng) {
                            erase(erasing, image, rng);
                          }});
  else
    require_defaults(options.random_erasing, {}, "random_erasing", "probability");
  if (options.cutout > 0) transforms.push_back(cutout(options.cutout, dataset.mean));
  return transforms;
}

}  // namespace frontier
