#pragma once

#include <ATen/core/Tensor.h>

#include <span>

namespace frontier {

/// sum over i of weights[i] * inputs[i]; with gradients to both. Inputs of fewer channels than the widest count as
/// zeros beyond theirs.
/// @param inputs [N, C_i, H, W], equal but for the channels.  @param weights [inputs].
/// @throws std::logic_error if they do not fit together.
at::Tensor soft_sum(std::span<const at::Tensor> inputs, const at::Tensor& weights);

}  // namespace frontier
