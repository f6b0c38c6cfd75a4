#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Batch norm: weight and bias a channel; statistics are no parameters.
const LayerKind& batch_norm() {
  static const LayerKind kKind = {
      .name = "batch_norm",
      .output = [](const Layer&, InputShapes inputs) { return *inputs[0]; },
      .parameters =
          [](const Layer& layer, InputShapes) {
            return std::vector<ParameterSpec>{{.name = "weight", .shape = {layer.output.channels}, .init = Init::kOne},
                                              {.name = "bias", .shape = {layer.output.channels}}};
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kFills; },
  };
  return kKind;
}
}  // namespace frontier::ops
