#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Zeros beyond its width where that is open: in front of layers of soft networks that bring channels together. Hard
/// networks have none.
const LayerKind& mask() {
  static const LayerKind kKind = {
      .name = "mask",
      .soft_only = true,
      .output = [](const Layer&, InputShapes inputs) { return *inputs[0]; },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
      .masks = [](const Layer& layer, InputShapes) { return std::vector<Dim>{layer.output.channels}; },
  };
  return kKind;
}
}  // namespace frontier::ops
