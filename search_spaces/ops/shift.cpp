#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// y[h][w] = x[h + 1][w + 1], zeros in the last row and column: what a strided layer leaves out otherwise.
const LayerKind& shift() {
  static const LayerKind kKind = {
      .name = "shift",
      .output = [](const Layer&, InputShapes inputs) { return *inputs[0]; },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
  };
  return kKind;
}
}  // namespace frontier::ops
