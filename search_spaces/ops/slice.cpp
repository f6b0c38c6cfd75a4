#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {
namespace {

Shape output(const Layer& layer, InputShapes inputs) {
  const Dim &begin = layer["begin"], &channels = layer["channels"];
  if (begin.min() < 0 || channels.max() < 1 ||
      !holds_somewhere(Dim(1) - Dim::greater(begin + channels, inputs[0]->channels)))
    throw std::logic_error("the channels asked for are not those of the input");
  return {channels, inputs[0]->height, inputs[0]->width};
}

}  // namespace

/// Some channels of its input, from any on. Attributes: begin, channels.
const LayerKind& slice() {
  static const LayerKind kKind = {
      .name = "slice",
      .attributes = {{"begin", 0, kMostChannels}, {"channels", 1, kMostChannels}},
      .output = output,
      .beyond =
          [](const Layer&, InputShapes inputs) {
            if (!inputs[0]->channels.is_constant())
              throw std::logic_error("the channels of its input are open, so that a part of them has no place");
            return Beyond::kMixes;
          },
      .label =
          [](const Layer& layer) {
            const std::int64_t begin = layer["begin"].max();
            return "slice " + std::to_string(begin) + ":" + std::to_string(begin + layer["channels"].max());
          },
  };
  return kKind;
}

}  // namespace frontier::ops
