#include "search_spaces/ops/shared.h"

namespace frontier::ops {

/// Padding as that of average_pool. Attributes: kernel, stride.
const LayerKind& max_pool() {
  static const LayerKind kKind = {
      .name = "max_pool",
      .attributes = {{"kernel", 1, kMostSide}, {"stride", 1, kMostSide}},
      .output = pooled_shape,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
      .label = label_with_kernel,
      .words = [](const BlockLayers&) { return BlockWords{"max pool"}; },
      .words_order = 8,
  };
  return kKind;
}
}  // namespace frontier::ops
