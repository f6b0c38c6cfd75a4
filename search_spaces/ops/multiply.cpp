#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {
namespace {

Shape output(const Layer&, InputShapes inputs) {
  const Shape &x = *inputs[0], &gate = *inputs[1];
  const bool broadcast = gate.height == Dim(1) && gate.width == Dim(1);
  if (!(gate.channels == x.channels) || !(broadcast || (gate.height == x.height && gate.width == x.width)))
    throw std::logic_error("the gate does not fit what it is multiplied with");
  return x;
}

}  // namespace

/// Input 0 times input 1; a 1x1 input 1 is broadcast (squeeze-excite).
const LayerKind& multiply() {
  static const LayerKind kKind = {
      .name = "multiply",
      .num_inputs = 2,
      .output = output,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
      .words = [](const BlockLayers&) { return BlockWords{"se"}; },
      .words_order = 4,
      .words_beside = true,
  };
  return kKind;
}
}  // namespace frontier::ops
