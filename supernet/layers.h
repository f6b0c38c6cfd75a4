#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <utility>

#include "search_spaces/ops/activation.h"

namespace frontier {

/// Layers over activations [N, C, H, W]. On the CPU in float32 most run loops of our own, whose gradients are right
/// once: see second_derivative.h for more.

/// y = act(x). float32 or bfloat16, any layout.
at::Tensor apply_activation(const at::Tensor& x, Activation act);
/// The same in place, for tensors that nobody else reads and autograd does not watch.
void apply_activation_(at::Tensor& x, Activation act);

/// Batch norm by the batch's own statistics, then the activation, in as few passes over memory as there are; with
/// gradients.
/// @param x [N, C, H, W].  @param gamma, beta [C].
at::Tensor batch_norm_train(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                            std::optional<Activation> act);

/// y = act(x * scale + shift), a channel each; with gradients where one is wanted. @param scale, shift [C].
at::Tensor scale_shift(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                       std::optional<Activation> act);

/// The same in place, without gradients.
void scale_shift_(at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, std::optional<Activation> act);

/// x * gate. @param gate [N, C, 1, 1], or of x's shape.
at::Tensor channel_gate(const at::Tensor& x, const at::Tensor& gate);
/// Mean over height and width, the first `skip` rows left out: [N, C, 1, 1].
at::Tensor global_pool(const at::Tensor& x, std::int64_t skip = 0);

/// Padding (k - 1) / 2, an even kernel reaches one further behind, so that the sides are ceil(side / stride). Padding
/// is not counted.
at::Tensor average_pool(const at::Tensor& x, std::int64_t kernel, std::int64_t stride);
at::Tensor max_pool(const at::Tensor& x, std::int64_t kernel, std::int64_t stride);

/// Bicubic interpolation between pixel centres, edges repeated.
at::Tensor resize(const at::Tensor& x, std::int64_t height, std::int64_t width);
/// y[h][w] = x[h + 1][w + 1], zeros in the last row and column.
at::Tensor shift(const at::Tensor& x);

/// Mean and biased variance of every channel; with gradients where one is wanted. @param x [N, C, H, W].  @returns two
/// [C] tensors in float32, of float64 in float64.
std::pair<at::Tensor, at::Tensor> channel_moments(const at::Tensor& x);

/// The epsilon of every batch norm.
inline constexpr double kBatchNormEpsilon = 1e-5;

/// Convolution without bias or with; padding dilation * (k - 1) / 2, none for even k. Depthwise convolutions on the CPU
/// take our own kernels; 1x1 convolutions are matrix products everywhere.
/// @param x [N, C, H, W] channels-last.  @param weight [out, C / groups, k, k], any strides.
at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias, int stride,
                       int dilation, std::int64_t groups);

}  // namespace frontier
