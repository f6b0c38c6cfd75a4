#include <torch/types.h>
#include <optional>

#include "supernet/layer_function.h"

namespace frontier::functions {
namespace {

at::Tensor forward(const LayerCall& call) {
  const auto bias = call.chain.front().weights.size() > 1 ? std::optional(call.weight(1)) : std::nullopt;
  const at::Tensor y = at::linear(call.input().flatten(1), call.weight(0), bias);
  return y.reshape({y.size(0), y.size(1), 1, 1});
}

}  // namespace

const LayerFunction& linear() {
  static const LayerFunction kFunction = {
      .name = "linear", .forward = forward, .macs = [](const LayerCall& call, const at::Tensor&) {
        return call.weight(0).numel();
      }};
  return kFunction;
}

}  // namespace frontier::functions
