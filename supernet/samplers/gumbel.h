#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <cstddef>
#include <cstdint>

#include "common/rng.h"

namespace frontier {

/// A number of Gumbel's distribution, -log(Exp(1)).
double gumbel(Rng& rng);
/// [size] of them.
at::Tensor gumbel_noise(std::size_t size, Rng& rng, const at::TensorOptions& options);

/// [size]: 1 at a place, else 0. @param place [] int64.
at::Tensor one_hot(std::int64_t size, const at::Tensor& place, const at::TensorOptions& options);

/// One option, drawn by Gumbel's maximum, with the gradient of the softmax behind the draw (straight-through).
/// @param logits [options], may have gradients.  @param noise [options], see gumbel_noise().
/// @returns [options]: 1 where softmax((log_softmax(logits) + noise) / temperature) is greatest, else 0, exactly.
at::Tensor straight_through(const at::Tensor& logits, const at::Tensor& noise, double temperature);

}  // namespace frontier
