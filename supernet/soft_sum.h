#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace frontier {

/// sum over i of weights[i] * inputs[i]; with gradients to both. Inputs of fewer than `channels` count as zeros beyond
/// theirs; what is wider is cut, as no network has it.
/// @param inputs [N, C_i, H, W], equal but for the channels.  @param weights [inputs].
/// @returns [N, channels, H, W].  @throws std::logic_error if they do not fit together.
at::Tensor soft_sum(std::span<const at::Tensor> inputs, const at::Tensor& weights, std::int64_t channels);

}  // namespace frontier
