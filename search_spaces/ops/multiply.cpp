#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Input 0 times input 1; a 1x1 input 1 is broadcast (squeeze-excite).
const LayerKind& multiply() {
  static const LayerKind kKind = {
      .name = "multiply",
      .output = [](const Layer&, InputShapes inputs) { return *inputs[0]; },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
      .words = [](const BlockLayers&) { return BlockWords{"se"}; },
      .words_order = 4,
      .words_beside = true,
  };
  return kKind;
}
}  // namespace frontier::ops
