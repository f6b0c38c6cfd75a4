#include "search_spaces/network_graph.h"

namespace frontier::ops {
namespace {

Dim size_of(const Shape& shape) { return shape.channels * shape.height * shape.width; }

std::vector<ParameterSpec> parameters(const Layer& layer, InputShapes inputs) {
  std::vector<ParameterSpec> specs{
      {.name = "weight", .shape = {layer.output.channels, size_of(*inputs[0])}, .init = Init::kLinear, .decays = true}};
  if (layer.number("bias") != 0) specs.push_back({.name = "bias", .shape = {layer.output.channels}});
  return specs;
}

}  // namespace

/// Fully connected, over the flattened input. Attributes: out, bias (0 or 1).
const LayerKind& linear() {
  static const LayerKind kKind = {
      .name = "linear",
      .attributes = {{"out", 1, kMostChannels}, {"bias", 0, 1}},
      .output =
          [](const Layer& layer, InputShapes) {
            return Shape{layer["out"], 1, 1};
          },
      .macs = [](const Layer& layer, InputShapes inputs) { return size_of(*inputs[0]) * layer.output.channels; },
      .parameters = parameters,
      .words = [](const BlockLayers&) { return BlockWords{"linear"}; },
      .words_order = 3,
  };
  return kKind;
}
}  // namespace frontier::ops
