#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Zeros. Attributes: channels, height, width.
const LayerKind& zero() {
  static const LayerKind kKind = {
      .name = "zero",
      .attributes = {{"channels", 1, kMostChannels}, {"height", 1, kMostSide}, {"width", 1, kMostSide}},
      .output =
          [](const Layer& layer, InputShapes) {
            return Shape{layer["channels"], layer["height"], layer["width"]};
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
  };
  return kKind;
}
}  // namespace frontier::ops
