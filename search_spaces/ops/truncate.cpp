#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// The first channels of its input. Attribute: channels.
const LayerKind& truncate() {
  static const LayerKind kKind = {
      .name = "truncate",
      .attributes = {{"channels", 1, kMostChannels}},
      .output =
          [](const Layer& layer, InputShapes inputs) {
            if (!holds_somewhere(1 - Dim::greater(layer["channels"], inputs[0]->channels)))
              throw std::logic_error("more channels asked for than the input has");
            return Shape{layer["channels"], inputs[0]->height, inputs[0]->width};
          },
      .beyond =
          [](const Layer& layer, InputShapes inputs) {
            if (layer["channels"].max() > inputs[0]->channels.max())
              throw std::logic_error("more channels asked for than the widest input has");
            return Beyond::kFills;
          },
  };
  return kKind;
}
}  // namespace frontier::ops
