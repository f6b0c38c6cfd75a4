#include <torch/types.h>
#include <optional>
#include <stdexcept>

#include "supernet/layer_function.h"
#include "supernet/layers.h"
#include "supernet/ops/batch_norm.h"

namespace frontier::functions {
namespace {

bool absorbs(std::span<const BoundLayer> chain, const Layer& next, const RunSpec& spec) {
  return chain.size() == 1 && next.is("activation") && spec.norm != Norm::kIdentity;
}

/// [c] each, of the activations' type where the norm has none of its own.
std::pair<at::Tensor, at::Tensor> weight_and_bias(const BoundLayer& norm, const at::TensorOptions& options,
                                                  std::int64_t channels) {
  if (!norm.weights.empty()) return {norm.weights[0], norm.weights[1]};
  return {at::ones({channels}, options), at::zeros({channels}, options)};
}

std::vector<at::Tensor> fold(const LayerCall& call) {
  const auto [scale, shift] = norm_scale_shift(call.chain.front(), call.spec);
  return {scale, shift};
}

at::Tensor forward(const LayerCall& call) {
  const at::Tensor& x = call.input();
  const auto [weight, bias] = weight_and_bias(call.chain.front(), x.options(), x.size(1));
  const auto activation = call.chain.size() > 1 ? std::optional(activation_of(*call.chain[1].layer)) : std::nullopt;
  switch (call.spec.norm) {
    case Norm::kBatch: return batch_norm_train(x, weight, bias, activation);
    case Norm::kCollect: {
      const auto [mean, variance] = channel_moments(x);
      call.spec.statistics->add(call.chain.front().vertex, mean, variance);
      const at::Tensor factor = weight * at::rsqrt(variance + kBatchNormEpsilon);
      return scale_shift(x, factor, bias - mean * factor, activation);
    }
    case Norm::kStored: {
      if (!call.folded.empty()) return scale_shift(x, call.folded[0], call.folded[1], activation);
      const auto [scale, shift] = norm_scale_shift(call.chain.front(), call.spec);
      const at::Tensor y = x * scale.reshape({1, -1, 1, 1}) + shift.reshape({1, -1, 1, 1});
      return activation ? apply_activation(y, *activation) : y;
    }
    case Norm::kIdentity: return x;
  }
  throw std::logic_error("norm");
}

}  // namespace

std::pair<at::Tensor, at::Tensor> norm_scale_shift(const BoundLayer& norm, const RunSpec& spec) {
  const auto& entry = spec.statistics->at(norm.vertex);
  const at::Tensor scale = at::rsqrt(entry.variance + kBatchNormEpsilon);
  if (norm.weights.empty()) return {scale, -entry.mean * scale};
  const at::Tensor weighed = norm.weights[0] * scale;
  return {weighed, norm.weights[1] - entry.mean * weighed};
}

const LayerFunction& batch_norm() {
  static const LayerFunction kFunction = {.name = "batch_norm", .forward = forward, .absorbs = absorbs, .fold = fold};
  return kFunction;
}

}  // namespace frontier::functions
