#include <torch/types.h>
#include <optional>

#include "supernet/layer_function.h"
#include "supernet/layers.h"
#include "supernet/ops/batch_norm.h"

namespace frontier::functions {
namespace {

std::int64_t macs(const LayerCall& call, const at::Tensor& y) { return call.weight(0).numel() * y.size(2) * y.size(3); }

/// At which ring around the centre a tap is: as the smallest place of a kernel's mask that it needs. [k * k] int64.
at::Tensor rings(std::int64_t kernel, const at::TensorOptions& options) {
  const at::Tensor distance = (at::arange(kernel, options.dtype(at::kLong)) - kernel / 2).abs();
  return 2 * at::maximum(distance.unsqueeze(0), distance.unsqueeze(1)).flatten();
}

/// The weight with the taps of an open kernel as far as they are there.
at::Tensor weight_of(const LayerCall& call) {
  const at::Tensor &weight = call.weight(0), mask = call.chain.front().mask();
  if (!mask.defined()) return weight;
  const std::int64_t kernel = weight.size(2);
  return weight *
         mask.index_select(0, rings(kernel, mask.options())).to(weight.scalar_type()).reshape({kernel, kernel});
}

/// Evaluation: the norm behind it and then an activation.
bool absorbs(std::span<const BoundLayer> chain, const Layer& next, const RunSpec& spec) {
  if (spec.norm != Norm::kStored || spec.learn != Learn::kNothing) return false;
  return chain.size() == 1 ? next.is("batch_norm") : chain.size() == 2 && next.is("activation");
}

/// The norm's scale goes into the weights, which are far smaller than the activations; its shift becomes the bias.
std::vector<at::Tensor> fold(const LayerCall& call) {
  if (call.chain.size() == 1) return {};
  auto [scale, shift] = norm_scale_shift(call.chain[1], call.spec);
  if (call.chain.front().weights.size() > 1) shift = call.weight(1) * scale + shift;
  return {weight_of(call) * scale.reshape({-1, 1, 1, 1}), shift};
}

at::Tensor folded_forward(const LayerCall& call) {
  const Layer& layer = call.layer();
  const int stride = static_cast<int>(layer.number("stride")), dilation = static_cast<int>(layer.number("dilation"));
  const auto activation = call.chain.size() == 3 ? std::optional(activation_of(*call.chain[2].layer)) : std::nullopt;
  const at::Tensor &weight = call.folded[0], &shift = call.folded[1];
  const std::int64_t groups = call.input().size(1) / weight.size(1);
  if (groups > 1) {  // the shift goes with the activation
    at::Tensor y = convolution(call.input(), weight, std::nullopt, stride, dilation, groups);
    scale_shift_(y, at::ones_like(shift), shift, activation);
    return y;
  }
  at::Tensor y = convolution(call.input(), weight, shift, stride, dilation, groups);
  if (activation) apply_activation_(y, *activation);
  return y;
}

at::Tensor forward(const LayerCall& call) {
  if (!call.folded.empty()) return folded_forward(call);
  const Layer& layer = call.layer();
  const auto bias = call.chain.front().weights.size() > 1 ? std::optional(call.weight(1)) : std::nullopt;
  const at::Tensor &x = call.input(), weight = weight_of(call);
  return convolution(x, weight, bias, static_cast<int>(layer.number("stride")),
                     static_cast<int>(layer.number("dilation")), x.size(1) / weight.size(1));
}

}  // namespace

const LayerFunction& conv() {
  static const LayerFunction kFunction = {
      .name = "conv", .forward = forward, .macs = macs, .absorbs = absorbs, .fold = fold};
  return kFunction;
}

}  // namespace frontier::functions
