#include "search_spaces/ops/attention.h"

#include <stdexcept>

#include "search_spaces/ops/shared.h"

namespace frontier {

std::string_view to_string(Position position) {
  switch (position) {
    case Position::kNone: return "none";
    case Position::kBias: return "bias";
    case Position::kRelative: return "relative";
  }
  return "?";
}

Position position_of(const Layer& layer) { return static_cast<Position>(layer.number("position")); }

namespace ops {
namespace {

std::vector<std::string_view> position_names() {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Position::kRelative); ++i) names.push_back(to_string(static_cast<Position>(i)));
  return names;
}

/// 1 where `a` divides `b`.
Dim divides(const Dim& a, const Dim& b) { return Dim::equal(b / a * a, b); }

Shape output(const Layer& layer, InputShapes inputs) {
  const Shape &q = *inputs[0], &k = *inputs[1], &v = *inputs[2];
  if (!(q == k) || !(k.height == v.height && k.width == v.width))
    throw std::logic_error("queries, keys and values differ in shape");
  const Dim& heads = layer["heads"];
  if (!holds_somewhere(divides(heads, q.channels) * divides(heads, v.channels)))
    throw std::logic_error("the heads do not divide the channels");
  if (position_of(layer) == Position::kRelative) {
    const Dim tokens = layer["grid_height"] * layer["grid_width"] + 1;
    if (!holds_somewhere(Dim::equal(tokens, q.height * q.width)) || layer.number("max_distance") < 1)
      throw std::logic_error(
          "relative positions need a class token, the sides of the grid of tokens behind it and a distance of at least "
          "1");
  }
  return {v.channels, q.height, q.width};
}

/// t^2 a channel of queries and of values; relative positions cost the same again, as the definition multiplies them.
Dim macs(const Layer& layer, InputShapes inputs) {
  const Dim tokens = layer.output.height * layer.output.width;
  const Dim products = tokens * tokens * (inputs[0]->channels + layer.output.channels);
  return position_of(layer) == Position::kRelative ? products + products : products;
}

std::vector<ParameterSpec> parameters(const Layer& layer, InputShapes inputs) {
  const Dim& heads = layer["heads"];
  switch (position_of(layer)) {
    case Position::kNone: return {};
    case Position::kBias:
      return {{.name = "position_bias",
               .shape = {heads, layer.output.height * 2 - 1, layer.output.width * 2 - 1},
               .init = Init::kPosition,
               .num_centred = 2}};
    case Position::kRelative: break;
  }
  const Dim rows = Dim(2 * layer.number("max_distance") + 2);
  std::vector<ParameterSpec> specs;
  for (const char* axis : {"vertical", "horizontal"}) {
    specs.push_back({.name = std::string("relative_key_") + axis,
                     .shape = {rows, inputs[0]->channels / heads},
                     .init = Init::kPosition});
    specs.push_back({.name = std::string("relative_value_") + axis,
                     .shape = {rows, layer.output.channels / heads},
                     .init = Init::kPosition});
  }
  return specs;
}

/// Heads stay by themselves, as long as each has the same channels however many there are.
Beyond beyond(const Layer& layer, InputShapes inputs) {
  const Dim& heads = layer["heads"];
  if (is_open(inputs[0]->channels / heads) || is_open(inputs[2]->channels / heads))
    throw std::logic_error("the channels of a head are open, so that those of the heads behind it have no place");
  return Beyond::kFills;
}

}  // namespace

/// Attention of every pixel to all. Inputs: queries, keys, values. Attributes: heads, position (Position); of relative
/// positions grid_height and grid_width (the sides of the grid of tokens behind the class token) and max_distance.
const LayerKind& attention() {
  static const LayerKind kKind = {
      .name = "attention",
      .attributes = {{"heads", 1, kMostChannels},
                     {"position", 0, static_cast<std::int64_t>(Position::kRelative), position_names()},
                     {"grid_height", 0, kMostSide},
                     {"grid_width", 0, kMostSide},
                     {"max_distance", 0, kMostSide}},
      .num_inputs = 3,
      .output = output,
      .macs = macs,
      .parameters = parameters,
      .beyond = beyond,
      .label =
          [](const Layer& layer) {
            const std::string text = "attention h" + std::to_string(layer["heads"].max());
            const Position position = position_of(layer);
            return position == Position::kNone ? text : text + " " + std::string(to_string(position));
          },
      .words =
          [](const BlockLayers& layers) {
            return BlockWords{"attention h" + std::to_string(layers.graph[layers.of_kind.front()].number("heads")),
                              true};
          },
      .words_order = 0,
  };
  return kKind;
}

}  // namespace ops
}  // namespace frontier
