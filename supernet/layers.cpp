#include "supernet/layers.h"

#include <torch/types.h>

#include <stdexcept>

namespace frontier {

at::Tensor apply_activation(const at::Tensor& x, Activation act) {
  switch (act) {
    case Activation::kReLU: return at::relu(x);
    case Activation::kReLU6: return at::hardtanh(x, 0, 6);
    case Activation::kHSwish: return at::hardswish(x);
    case Activation::kHSigmoid: return at::hardsigmoid(x);
    case Activation::kSigmoid: return at::sigmoid(x);
  }
  throw std::logic_error("activation");
}

void apply_activation_(at::Tensor& x, Activation act) {
  switch (act) {
    case Activation::kReLU: at::relu_(x); return;
    case Activation::kReLU6: at::hardtanh_(x, 0, 6); return;
    case Activation::kHSwish: at::hardswish_(x); return;
    case Activation::kHSigmoid: at::hardsigmoid_(x); return;
    case Activation::kSigmoid: at::sigmoid_(x); return;
  }
}

at::Tensor batch_norm_train(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, std::optional<Activation> act) {
  at::Tensor y = at::batch_norm(x, scale, shift, {}, {}, true, 0.0, kBatchNormEpsilon, true);
  return act ? apply_activation(y, *act) : y;
}

std::pair<at::Tensor, at::Tensor> channel_moments(const at::Tensor& x) {
  auto [variance, mean] = at::var_mean(x.to(at::kFloat), at::IntArrayRef{0, 2, 3}, /*unbiased=*/false);
  return {mean, variance};
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias, int stride, int dilation, std::int64_t groups) {
  const std::int64_t padding = dilation * (weight.size(2) - 1) / 2;
  return at::conv2d(x, weight, bias, stride, padding, dilation, groups);
}

}  // namespace frontier
