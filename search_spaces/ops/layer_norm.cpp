#include "search_spaces/ops/shared.h"

namespace frontier::ops {

/// Norm over the channels of every pixel: weight and bias a channel.
const LayerKind& layer_norm() {
  static const LayerKind kKind = {
      .name = "layer_norm",
      .output = [](const Layer&, InputShapes inputs) { return *inputs[0]; },
      .parameters = norm_parameters,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kFills; },
      .masks = [](const Layer& layer, InputShapes) { return std::vector<Dim>{layer.output.channels}; },
  };
  return kKind;
}
}  // namespace frontier::ops
