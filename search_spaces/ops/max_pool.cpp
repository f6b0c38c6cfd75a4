#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Padding as that of average_pool. Attributes: kernel, stride.
const LayerKind& max_pool() {
  static const LayerKind kKind = {
      .name = "max_pool",
      .output =
          [](const Layer& layer, InputShapes inputs) {
            return Shape{inputs[0]->channels, reduced_side(inputs[0]->height, layer["stride"]),
                         reduced_side(inputs[0]->width, layer["stride"])};
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
      .label =
          [](const Layer& layer) {
            const std::string k = std::to_string(layer["kernel"].max());
            return "max_pool " + k + "x" + k;
          },
      .words = [](const BlockLayers&) { return BlockWords{"max pool"}; },
      .words_order = 8,
  };
  return kKind;
}
}  // namespace frontier::ops
