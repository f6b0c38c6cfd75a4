#include "search_spaces/ops/shared.h"

namespace frontier::ops {

/// Bilinear interpolation between pixel centres, edges repeated. Attributes: height, width.
const LayerKind& resize_bilinear() {
  static const LayerKind kKind = {
      .name = "resize_bilinear",
      .attributes = {{"height", 1, kMostSide}, {"width", 1, kMostSide}},
      .output = resized_shape,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
  };
  return kKind;
}

}  // namespace frontier::ops
