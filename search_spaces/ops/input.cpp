#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// The image. Attributes: channels, height, width.
const LayerKind& input() {
  static const LayerKind kKind = {
      .name = "input",
      .output =
          [](const Layer& layer, InputShapes) {
            return Shape{layer["channels"], layer["height"], layer["width"]};
          },
  };
  return kKind;
}
}  // namespace frontier::ops
