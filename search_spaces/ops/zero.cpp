#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Zeros. Attributes: channels, height, width.
const LayerKind& zero() {
  static const LayerKind kKind = {
      .name = "zero",
      .output =
          [](const Layer& layer, InputShapes) {
            return Shape{layer["channels"], layer["height"], layer["width"]};
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
  };
  return kKind;
}
}  // namespace frontier::ops
