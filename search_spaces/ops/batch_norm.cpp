#include "search_spaces/ops/shared.h"

namespace frontier::ops {

/// Batch norm: weight and bias a channel; statistics are no parameters.
const LayerKind& batch_norm() {
  static const LayerKind kKind = {
      .name = "batch_norm",
      .output = [](const Layer&, InputShapes inputs) { return *inputs[0]; },
      .parameters = norm_parameters,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kFills; },
  };
  return kKind;
}
}  // namespace frontier::ops
