#include <optional>
#include <stdexcept>

#include "search_spaces/ops/attention.h"
#include "supernet/attention.h"
#include "supernet/layer_function.h"

namespace frontier::functions {
namespace {

std::int64_t macs(const LayerCall& call, const at::Tensor& y) {
  const std::int64_t tokens = y.size(2) * y.size(3);
  const std::int64_t products = tokens * tokens * (call.input(0).size(1) + call.input(2).size(1));
  return position_of(call.layer()) == Position::kRelative ? 2 * products : products;
}

at::Tensor forward(const LayerCall& call) {
  const Layer& layer = call.layer();
  const at::Tensor &q = call.input(0), &k = call.input(1), &v = call.input(2);
  const std::int64_t heads = layer["heads"].max();
  if (q.size(1) % heads != 0 || v.size(1) % heads != 0)
    throw std::logic_error("attention '" + layer.name + "': its heads do not divide its channels");
  switch (position_of(layer)) {
    case Position::kNone: return frontier::attention(q, k, v, heads, std::nullopt);
    case Position::kBias: return frontier::attention(q, k, v, heads, call.weight(0));
    case Position::kRelative: break;
  }
  // Vertical key and value, then horizontal.
  return relative_attention(q, k, v, heads, {call.weight(0), call.weight(2)}, {call.weight(1), call.weight(3)},
                            layer["grid_height"].value(), layer["grid_width"].value());
}

}  // namespace

const LayerFunction& attention() {
  static const LayerFunction kFunction = {.name = "attention", .forward = forward, .macs = macs};
  return kFunction;
}

}  // namespace frontier::functions
