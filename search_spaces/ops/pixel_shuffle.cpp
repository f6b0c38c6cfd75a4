#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {
namespace {

Shape output(const Layer& layer, InputShapes inputs) {
  const Shape& x = *inputs[0];
  const Dim& factor = layer["factor"];
  const Dim channels = x.channels / (factor * factor);
  if (factor.value() < 1) throw std::logic_error("the factor is below 1");
  if (!holds_somewhere(Dim::equal(channels * factor * factor, x.channels)))
    throw std::logic_error("the square of the factor does not divide the channels");
  return {channels, x.height * factor, x.width * factor};
}

}  // namespace

/// Channels to pixels (Shi et al., arXiv 1609.05158): [C r^2, H, W] to [C, H r, W r]. Attribute: factor r.
const LayerKind& pixel_shuffle() {
  static const LayerKind kKind = {
      .name = "pixel_shuffle",
      .attributes = {{"factor", 1, kMostSide}},
      .output = output,
      .beyond =
          [](const Layer&, InputShapes inputs) {
            if (!inputs[0]->channels.is_constant())
              throw std::logic_error("its channels are open, and each of them has its place among the pixels");
            return Beyond::kMixes;
          },
      .label = [](const Layer& layer) { return "pixel_shuffle " + std::to_string(layer.number("factor")); },
  };
  return kKind;
}

}  // namespace frontier::ops
