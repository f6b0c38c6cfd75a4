#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Padding (k - 1) / 2 and one more behind if k is even, which is not counted. Attributes: kernel, stride.
const LayerKind& average_pool() {
  static const LayerKind kKind = {
      .name = "average_pool",
      .output =
          [](const Layer& layer, InputShapes inputs) {
            return Shape{inputs[0]->channels, reduced_side(inputs[0]->height, layer["stride"]),
                         reduced_side(inputs[0]->width, layer["stride"])};
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
      .label =
          [](const Layer& layer) {
            const std::string k = std::to_string(layer["kernel"].max());
            return "average_pool " + k + "x" + k;
          },
      .words = [](const BlockLayers&) { return BlockWords{"average pool"}; },
      .words_order = 7,
  };
  return kKind;
}
}  // namespace frontier::ops
