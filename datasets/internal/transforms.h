#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/rng.h"
#include "datasets/augment.h"
#include "datasets/dataset.h"
#include "datasets/internal/image_ops.h"
#include "datasets/internal/resize.h"

namespace frontier {

/// Changes one training image by chance: a function of the image and what it draws from `rng`. Full thread-safety.
struct Transform {
  std::string_view name;  ///< its random domain: what it draws is not moved by another transform
  std::function<void(ByteImage& image, Rng& rng)> apply;
};

/// The rectangle that a random resized crop shows of an image.
Window draw_rectangle(const RandomResizedCropOptions& options, std::int64_t height, std::int64_t width, Rng& rng);

/// Those that `options` turn on, in their order.
/// @throws UsageError naming the setting where one cannot act on these images.
std::vector<Transform> make_transforms(const AugmentOptions& options, const Dataset& dataset);

/// The operations of RandAugment, in the paper's order.
enum class RandAugmentOperation {
  kIdentity,
  kAutocontrast,
  kEqualize,
  kRotate,
  kSolarize,
  kColor,
  kPosterize,
  kContrast,
  kBrightness,
  kSharpness,
  kShearX,
  kShearY,
  kTranslateX,
  kTranslateY,
};
inline constexpr int kRandAugmentOperations = 14;

/// @param strength magnitude / 10: 1 turns by 30 degrees, shears by 0.3, translates by 0.45 of the side, inverts
/// everything, drops 4 bits and changes factors by 0.9.  @param sign 1 or -1: which way, for those that have two.
void apply(RandAugmentOperation operation, double strength, int sign, std::uint8_t fill, ByteImage& image);

}  // namespace frontier
