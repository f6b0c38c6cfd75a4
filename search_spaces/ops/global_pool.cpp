#include <algorithm>
#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {
namespace {

Shape output(const Layer& layer, InputShapes inputs) {
  const std::int64_t skip = layer.number("skip");
  const Shape& x = *inputs[0];
  if (skip < 0 || !holds_somewhere(Dim::greater(x.height, skip)) ||
      (skip > 0 && !holds_somewhere(Dim::equal(x.width, 1))))
    throw std::logic_error("the input is no sequence of more than " + std::to_string(skip) + " tokens");
  return {x.channels, 1, 1};
}

}  // namespace

/// Mean over height and width: [C, 1, 1]. Attribute: skip, so many first rows left out (tokens).
const LayerKind& global_pool() {
  static const LayerKind kKind = {
      .name = "global_pool",
      .attributes = {{"skip", 0, kMostChannels}},
      .output = output,
      .beyond = [](const Layer&, InputShapes) { return Beyond::kKeeps; },
      .words =
          [](const BlockLayers& layers) {
            // That of a squeeze-excite is part of its gate.
            const bool gated = std::any_of(layers.all.begin(), layers.all.end(),
                                           [&](std::size_t v) { return layers.graph[v].is("multiply"); });
            return BlockWords{gated ? "" : "pool"};
          },
      .words_order = 6,
  };
  return kKind;
}
}  // namespace frontier::ops
