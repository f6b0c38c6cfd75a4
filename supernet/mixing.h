#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace frontier {

/// What soft selections do to activations [N, C, H, W]; all with gradients.

/// Sum over i of weights[i] * inputs[i], in one pass over memory.
/// @param inputs of one shape.  @param weights [n].
/// @throws std::invalid_argument unless there are inputs, all of one shape, and a weight each.
at::Tensor weighted_sum(std::span<const at::Tensor> inputs, const at::Tensor& weights);

/// x * mask, a number a channel. @param mask [C].
/// @throws std::invalid_argument if the mask has another shape.
at::Tensor masked(const at::Tensor& x, const at::Tensor& mask);

/// Channel-wise interpolation to [N, out_channels, H, W] (Dong and Yang, "Network Pruning via Transformable
/// Architecture Search", arXiv 1905.09717, section 3.2): output channel t is the mean of input channels floor(t C /
/// out_channels) up to ceil((t + 1) C / out_channels), which is adaptive average pooling along the channels, as in the
/// official code. x itself where the numbers of channels are equal.
/// @throws std::invalid_argument if out_channels < 1.
at::Tensor interpolate_channels(const at::Tensor& x, std::int64_t out_channels);

}  // namespace frontier
