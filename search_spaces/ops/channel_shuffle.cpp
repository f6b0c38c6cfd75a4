#include <stdexcept>

#include "search_spaces/network_graph.h"

namespace frontier::ops {
namespace {

Shape output(const Layer& layer, InputShapes inputs) {
  const Dim &groups = layer["groups"], &channels = inputs[0]->channels;
  if (groups.min() < 1 || !holds_somewhere(Dim::equal(channels / groups * groups, channels)))
    throw std::logic_error("the groups do not divide the channels");
  return *inputs[0];
}

}  // namespace

/// Channels in another order (Zhang et al., "ShuffleNet", arXiv 1707.01083): channel g (C / groups) + j goes to
/// j groups + g. Attribute: groups.
const LayerKind& channel_shuffle() {
  static const LayerKind kKind = {
      .name = "channel_shuffle",
      .attributes = {{"groups", 1, kMostChannels}},
      .output = output,
      .beyond =
          [](const Layer&, InputShapes inputs) {
            if (!inputs[0]->channels.is_constant())
              throw std::logic_error("its channels are open, and each of them has its place");
            return Beyond::kMixes;
          },
      .label = [](const Layer& layer) { return "channel_shuffle " + std::to_string(layer["groups"].max()); },
  };
  return kKind;
}

}  // namespace frontier::ops
