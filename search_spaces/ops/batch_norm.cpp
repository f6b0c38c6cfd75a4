#include "search_spaces/ops/shared.h"

namespace frontier::ops {

/// Batch norm; statistics are no parameters. Attribute: affine (0 or 1), whether it has a weight and a bias a channel.
const LayerKind& batch_norm() {
  static const LayerKind kKind = {
      .name = "batch_norm",
      .attributes = {{"affine", 0, 1}},
      .output = [](const Layer&, InputShapes inputs) { return *inputs[0]; },
      .parameters =
          [](const Layer& layer, InputShapes inputs) {
            return layer.number("affine") != 0 ? norm_parameters(layer, inputs) : std::vector<ParameterSpec>();
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kFills; },
  };
  return kKind;
}
}  // namespace frontier::ops
