#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// The image. Attributes: channels, height, width.
const LayerKind& input() {
  static const LayerKind kKind = {
      .name = "input",
      .attributes = {{"channels", 1, kMostChannels}, {"height", 1, kMostSide}, {"width", 1, kMostSide}},
      .num_inputs = 0,
      .output =
          [](const Layer& layer, InputShapes) {
            return Shape{layer["channels"], layer["height"], layer["width"]};
          },
  };
  return kKind;
}
}  // namespace frontier::ops
