#include <algorithm>
#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {
namespace {

/// What the inputs that are there have: by indicators of which one is 1 the input's, else what they have in common.
Dim of_chosen(const Layer& layer, InputShapes inputs, Dim Shape::*side) {
  const Dim& first = inputs[0]->*side;
  if (std::all_of(inputs.begin(), inputs.end(), [&](const Shape* shape) { return shape->*side == first; }))
    return first;
  Dim result = 0, chosen = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    result = result + layer.indicators[i] * (inputs[i]->*side);
    chosen = chosen + layer.indicators[i];
  }
  if (!(chosen == Dim(1))) throw std::logic_error("the terms of a sum differ in shape");
  return result;
}

Shape output(const Layer& layer, InputShapes inputs) {
  return {of_chosen(layer, inputs, &Shape::channels), of_chosen(layer, inputs, &Shape::height),
          of_chosen(layer, inputs, &Shape::width)};
}

}  // namespace

/// The sum of those inputs whose indicators are 1; softly, of all, each weighed by its indicator's expectation.
const LayerKind& mix() {
  static const LayerKind kKind = {
      .name = "mix",
      .num_inputs = 1,
      .more_inputs = true,
      .soft_only = true,
      .output = output,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kSums; },
  };
  return kKind;
}
}  // namespace frontier::ops
