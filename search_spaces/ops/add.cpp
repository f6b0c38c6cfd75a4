#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {
namespace {

Shape output(const Layer& layer, InputShapes inputs) {
  if (layer.indicators.empty() && !(*inputs[0] == *inputs[1])) throw std::logic_error("the two inputs differ in shape");
  return *inputs[1];
}

}  // namespace

/// The sum of two inputs. Where one has an indicator it may differ in shape from the sum, which then leaves it out.
const LayerKind& add() {
  static const LayerKind kKind = {
      .name = "add",
      .num_inputs = 2,
      .output = output,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kSums; },
      .words = [](const BlockLayers&) { return BlockWords{"skip"}; },
      .words_order = 5,
      .words_beside = true,
  };
  return kKind;
}
}  // namespace frontier::ops
