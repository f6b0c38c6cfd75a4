#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Bilinear interpolation between pixel centres, edges repeated. Attributes: height, width.
const LayerKind& resize_bilinear() {
  static const LayerKind kKind = {
      .name = "resize_bilinear",
      .output =
          [](const Layer& layer, InputShapes inputs) {
            return Shape{inputs[0]->channels, layer["height"], layer["width"]};
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
  };
  return kKind;
}

}  // namespace frontier::ops
