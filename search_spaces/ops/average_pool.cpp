#include "search_spaces/ops/shared.h"

namespace frontier::ops {

/// Padding (k - 1) / 2 and one more behind if k is even, which is not counted. Attributes: kernel, stride.
const LayerKind& average_pool() {
  static const LayerKind kKind = {
      .name = "average_pool",
      .attributes = {{"kernel", 1, kMostSide}, {"stride", 1, kMostSide}},
      .output = pooled_shape,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
      .label = label_with_kernel,
      .words = [](const BlockLayers&) { return BlockWords{"average pool"}; },
      .words_order = 7,
  };
  return kKind;
}
}  // namespace frontier::ops
