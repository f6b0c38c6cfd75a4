#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// All inputs, along channels.
const LayerKind& concat() {
  static const LayerKind kKind = {
      .name = "concat",
      .output =
          [](const Layer&, InputShapes inputs) {
            Shape shape = *inputs[0];
            for (const Shape* input : inputs.subspan(1)) shape.channels = shape.channels + input->channels;
            return shape;
          },
  };
  return kKind;
}
}  // namespace frontier::ops
