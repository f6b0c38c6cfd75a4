#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {

/// Channels brought to a greater number, each the mean of those it covers (TAS, arXiv 1905.09717, section 3.2).
/// Attribute: channels, whose largest value is what they are brought to: all of them then say something, so that there
/// is nothing beyond the width to hide.
const LayerKind& interpolate_channels() {
  static const LayerKind kKind = {
      .name = "interpolate_channels",
      .attributes = {{"channels", 1, kMostChannels}},
      .soft_only = true,
      .output =
          [](const Layer& layer, InputShapes inputs) {
            if (layer["channels"].max() < inputs[0]->channels.max())
              throw std::logic_error("the input has more channels than it is to be brought to");
            return Shape{layer["channels"], inputs[0]->height, inputs[0]->width};
          },
      .beyond = [](const Layer&, InputShapes) { return Beyond::kSums; },
  };
  return kKind;
}

}  // namespace frontier::ops
