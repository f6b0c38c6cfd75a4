#include <algorithm>
#include <stdexcept>

#include "search_spaces/ops/shared.h"

namespace frontier::ops {
namespace {

/// Whether groups divide channels, as far as both are decided.
bool may_divide(const Dim& groups, const Dim& channels) {
  return !groups.is_constant() || !channels.is_constant() || groups.value() == 0 ||
         channels.value() % groups.value() == 0;
}

Shape output(const Layer& layer, InputShapes inputs) {
  if (!may_divide(layer["groups"], inputs[0]->channels) || !may_divide(layer["groups"], layer["out"]))
    throw std::logic_error("the groups do not divide the channels");
  const Dim &kernel = layer["kernel"], &stride = layer["stride"];
  const bool even = kernel.is_constant() && kernel.value() % 2 == 0;
  const auto side = [&](const Dim& in) { return even ? (in - kernel) / stride + Dim(1) : reduced_side(in, stride); };
  return {layer["out"], side(inputs[0]->height), side(inputs[0]->width)};
}

Dim macs(const Layer& layer, InputShapes inputs) {
  return layer["kernel"] * layer["kernel"] * (inputs[0]->channels / layer["groups"]) * layer.output.channels *
         layer.output.height * layer.output.width;
}

std::vector<ParameterSpec> parameters(const Layer& layer, InputShapes inputs) {
  std::vector<ParameterSpec> specs{
      {.name = "weight",
       .shape = {layer.output.channels, inputs[0]->channels / layer["groups"], layer["kernel"], layer["kernel"]},
       .init = Init::kHeNormal,
       .decays = true,
       .num_centred = 2}};
  if (layer.number("bias") != 0) specs.push_back({.name = "bias", .shape = {layer.output.channels}});
  return specs;
}

/// Channels meet, or stay in groups; in both cases the weights of a narrower layer must be the first of a wider one's.
Beyond beyond(const Layer& layer, InputShapes inputs) {
  const Dim &kernel = layer["kernel"], &groups = layer["groups"];
  const Dim odd = kernel - kernel / Dim(2) * Dim(2);
  if (!kernel.is_constant() && holds_somewhere((Dim(1) - odd) * Dim::greater(kernel, 0)))
    throw std::logic_error("its kernel is open and may be even; even kernels have another centre and no padding");
  if (groups == Dim(1)) return Beyond::kMixes;
  if (is_open(inputs[0]->channels / groups) || is_open(layer.output.channels / groups))
    throw std::logic_error("the channels of a group are open, so that those of the groups behind it have no place");
  return layer.number("bias") != 0 ? Beyond::kFills : Beyond::kKeeps;
}

bool is_depthwise(const Layer& layer) {
  return layer["groups"].value() > 1 && layer["groups"].value() == layer.output.channels.value();
}

std::string inverted_residual_text(const Layer& depthwise, const Shape& input) {
  std::string text = "k" + std::to_string(depthwise.number("kernel"));
  const std::int64_t hidden = depthwise.output.channels.value();
  if (hidden % input.channels.value() == 0) text += " e" + std::to_string(hidden / input.channels.value());
  return text;
}

std::string one_text(const Layer& conv) {
  std::string text = "conv k" + std::to_string(conv.number("kernel"));
  if (conv.number("stride") > 1) text += " s" + std::to_string(conv.number("stride"));
  if (conv.number("groups") > 1) text += " g" + std::to_string(conv.number("groups"));
  return text;
}

/// In the words of the field: kernel and expansion of an inverted residual; else how many there are.
BlockWords words(const BlockLayers& layers) {
  constexpr std::size_t kMostOfInvertedResidual = 5;  // expand, depthwise, two of squeeze-excite, project
  std::int64_t largest = 0;
  for (const auto v : layers.of_kind) {
    const Layer& layer = layers.graph[v];
    if (is_depthwise(layer) && layers.of_kind.size() <= kMostOfInvertedResidual)
      return {inverted_residual_text(layer, layers.input), true};
    largest = std::max(largest, layer.number("kernel"));
  }
  if (layers.of_kind.size() == 1) return {one_text(layers.graph[layers.of_kind.front()])};
  return {std::to_string(layers.of_kind.size()) + " convs, k" + std::to_string(largest)};
}

}  // namespace

/// Convolution. Attributes: out, kernel, stride, groups, dilation, bias (0 or 1); padding dilation * (k - 1) / 2, none
/// for even k.
const LayerKind& conv() {
  static const LayerKind kKind = {
      .name = "conv",
      .attributes = {{"out", 1, kMostChannels},
                     {"kernel", 1, kMostSide},
                     {"stride", 1, kMostSide},
                     {"groups", 1, kMostChannels},
                     {"dilation", 1, kMostSide},
                     {"bias", 0, 1}},
      .output = output,
      .macs = macs,
      .parameters = parameters,
      .beyond = beyond,
      .masks = [](const Layer& layer, InputShapes) { return std::vector<Dim>{layer["kernel"]}; },
      .label =
          [](const Layer& layer) { return label_with_kernel(layer) + (layer["groups"].max() > 1 ? " depthwise" : ""); },
      .words = words,
      .words_order = 1,
  };
  return kKind;
}
}  // namespace frontier::ops
