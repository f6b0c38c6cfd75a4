#include "search_spaces/ops/attention.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

using Integers = std::vector<std::int64_t>;

struct Sizes {
  std::int64_t heads = 0, tokens = 0, query = 0, value = 0;  ///< query and value: channels a head
};

Sizes sizes_of(const Layer& layer, InputShapes inputs) {
  const std::int64_t heads = layer.number("heads");
  return {heads, layer.output.height.value() * layer.output.width.value(), inputs[0]->channels.value() / heads,
          inputs[2]->channels.value() / heads};
}

/// Where the table of biases, flattened, has the one of every pair of query and key.
Integers bias_places(std::int64_t height, std::int64_t width) {
  Integers places;
  for (std::int64_t query = 0; query < height * width; ++query)
    for (std::int64_t key = 0; key < height * width; ++key)
      places.push_back((key / width - query / width + height - 1) * (2 * width - 1) + key % width - query % width +
                       width - 1);
  return places;
}

/// The row that a pair of query and key has in a table of vectors; place() of a token is its row or column.
template <class Place>
Integers vector_rows(std::int64_t tokens, std::int64_t farthest, const Place& place) {
  Integers rows;
  for (std::int64_t query = 0; query < tokens; ++query)
    for (std::int64_t key = 0; key < tokens; ++key) {
      const bool of_class = query == 0 || key == 0;
      const std::int64_t offset = place(key - 1) - place(query - 1);
      rows.push_back(of_class ? 0 : std::clamp(offset, -farthest, farthest) + farthest + 1);
    }
  return rows;
}

/// [tokens, tokens, channels]: the vectors of all pairs.
std::string vectors_onnx(OnnxLayer& layer, const std::string& of, std::int64_t tokens) {
  const std::int64_t width = layer.layer().number("grid_width"), farthest = layer.layer().number("max_distance");
  const auto gathered = [&](const std::string& axis, const Integers& rows) {
    return layer.node("Gather", {layer.weight("relative_" + of + "_" + axis), layer.matrix(rows, tokens)},
                      (of + "_" + axis), {{"axis", std::int64_t{0}}});
  };
  const std::string vertical =
      gathered("vertical", vector_rows(tokens, farthest, [&](std::int64_t pixel) { return pixel / width; }));
  const std::string horizontal =
      gathered("horizontal", vector_rows(tokens, farthest, [&](std::int64_t pixel) { return pixel % width; }));
  return layer.node("Add", {vertical, horizontal}, (of + "_vectors"));
}

std::string bias_onnx(OnnxLayer& layer) {
  const Shape& y = layer.layer().output;
  const std::int64_t height = y.height.value(), width = y.width.value();
  const std::string table = layer.node(
      "Reshape", {layer.weight("position_bias"), layer.integers({layer.layer().number("heads"), -1})}, "table");
  return layer.node("Gather", {table, layer.matrix(bias_places(height, width), height * width)}, "bias",
                    {{"axis", std::int64_t{1}}});
}

/// softmax(q k^T / sqrt(channels a head) + bias) v, heads and tokens as dimensions of their own.
void onnx(OnnxLayer& layer) {
  const Position position = position_of(layer.layer());
  const auto [heads, tokens, of_query, of_value] = sizes_of(layer.layer(), layer.shapes());
  const auto by_head = [&](std::size_t slot, std::int64_t channels, const std::string& part) {
    return layer.node("Reshape", {layer.input(slot), layer.integers({0, heads, channels, tokens})}, part);
  };
  const auto turned = [&](const std::string& x, const std::string& part) {
    return layer.node("Transpose", {x}, part, {{"perm", Integers{0, 1, 3, 2}}});
  };
  const std::string scale = layer.number(1 / std::sqrt(static_cast<double>(of_query))),
                    query = layer.node("Mul", {turned(by_head(0, of_query, "q"), "queries"), scale}, "query");
  std::string logits = layer.node("MatMul", {query, by_head(1, of_query, "k")}, "products");
  if (position == Position::kBias) logits = layer.node("Add", {logits, bias_onnx(layer)}, "logits");
  if (position == Position::kRelative) {
    const std::string relative = layer.node("Einsum", {query, vectors_onnx(layer, "key", tokens)}, "relative_products",
                                            {{"equation", "nhqc,qkc->nhqk"}});
    logits = layer.node("Add", {logits, relative}, "logits");
  }
  const std::string share = layer.node("Softmax", {logits}, "share", {{"axis", std::int64_t{-1}}}),
                    value = turned(by_head(2, of_value, "v"), "values");
  std::string sum = layer.node("MatMul", {share, value}, "sum");
  if (position == Position::kRelative) {
    const std::string relative = layer.node("Einsum", {share, vectors_onnx(layer, "value", tokens)}, "relative_sum",
                                            {{"equation", "nhqk,qkc->nhqc"}});
    sum = layer.node("Add", {sum, relative}, "all");
  }
  const Shape& y = layer.layer().output;
  layer.result("Reshape",
               {turned(sum, "channels"), layer.integers({0, y.channels.value(), y.height.value(), y.width.value()})});
}

constexpr std::string_view kAttention = R"(class Attention(nn.Module):
    """Attention of all pixels to all; heads are equal parts of the channels."""

    def __init__(self, heads):
        super().__init__()
        self.heads = heads

    def forward(self, q, k, v):
        def by_head(x):
            return x.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)

        y = self.attend(by_head(q), by_head(k), by_head(v))
        return y.transpose(2, 3).flatten(1, 2).unflatten(2, q.shape[2:])

    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v))";

constexpr std::string_view kBiasedAttention = R"(class BiasedAttention(Attention):
    """With a number added for every offset of key from query."""

    def __init__(self, heads, height, width):
        super().__init__(heads)
        self.position_bias = nn.Parameter(torch.zeros(heads, 2 * height - 1, 2 * width - 1))
        row, column = torch.arange(height * width) // width, torch.arange(height * width) % width
        self.register_buffer("row", row[None, :] - row[:, None] + height - 1, persistent=False)
        self.register_buffer("column", column[None, :] - column[:, None] + width - 1, persistent=False)

    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, self.position_bias[:, self.row, self.column][None]))";

constexpr std::string_view kRelativeAttention = R"(class RelativeAttention(Attention):
    """With a vector added to keys and to values for every offset of key from query; the first token is the class token."""

    def __init__(self, heads, query_channels, value_channels, height, width, farthest):
        super().__init__(heads)
        for name, channels in (("key", query_channels), ("value", value_channels)):
            for axis in ("vertical", "horizontal"):
                self.register_parameter(f"relative_{name}_{axis}", nn.Parameter(torch.zeros(2 * farthest + 2, channels)))
        pixel = torch.arange(height * width)
        for axis, place in (("vertical", pixel // width), ("horizontal", pixel % width)):
            rows = (place[None, :] - place[:, None]).clamp(-farthest, farthest) + farthest + 1
            self.register_buffer(axis, F.pad(rows, (1, 0, 1, 0)), persistent=False)

    def attend(self, q, k, v):
        keys = self.relative_key_vertical[self.vertical] + self.relative_key_horizontal[self.horizontal]
        values = self.relative_value_vertical[self.vertical] + self.relative_value_horizontal[self.horizontal]
        q = q * q.shape[-1] ** -0.5
        share = (q @ k.transpose(2, 3) + torch.einsum("nhqc,qkc->nhqk", q, keys)).softmax(-1)
        return share @ v + torch.einsum("nhqk,qkc->nhqc", share, values))";

std::string module_of(const PythonCall& call) {
  const Layer& layer = call.layer;
  const auto [heads, tokens, of_query, of_value] = sizes_of(layer, call.shapes);
  const auto list = [](const Integers& values) {
    std::vector<std::string> texts;
    for (const std::int64_t value : values) texts.push_back(std::to_string(value));
    return join(texts);
  };
  switch (position_of(layer)) {
    case Position::kNone: return "Attention(" + std::to_string(heads) + ")";
    case Position::kBias:
      return "BiasedAttention(" + list({heads, layer.output.height.value(), layer.output.width.value()}) + ")";
    case Position::kRelative:
      return "RelativeAttention(" +
             list({heads, of_query, of_value, layer.number("grid_height"), layer.number("grid_width"),
                   layer.number("max_distance")}) +
             ")";
  }
  throw std::logic_error("position");
}

std::vector<std::string_view> helpers_of(Position position) {
  if (position == Position::kBias) return {kAttention, kBiasedAttention};
  if (position == Position::kRelative) return {kAttention, kRelativeAttention};
  return {kAttention};
}

PythonLayer pytorch(const PythonCall& call) {
  return {.module = module_of(call),
          .call = "{self}(" + call.input(0) + ", " + call.input(1) + ", " + call.input(2) + ")",
          .helpers = helpers_of(position_of(call.layer))};
}

}  // namespace

const LayerWriter& attention() {
  static const LayerWriter kWriter = {.name = "attention", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
