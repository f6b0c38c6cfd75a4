#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

/// Options that a softmax compares, fewer than there are.
struct DrawnOptions {
  std::vector<std::uint16_t> options;  ///< ascending, each once
  std::vector<double> noise;           ///< Gumbel's, of all options
  std::uint16_t first = 0;             ///< the one that was drawn first
};

/// Draws without replacement, with probabilities in proportion to softmax((log_softmax(logits) + noise) / temperature),
/// each raised by 1e-7, so that none is impossible.
/// @param count at most as many as there are options.
DrawnOptions draw_options(std::span<const double> logits, std::size_t count, double temperature, Rng& rng);

/// [options]: the softmax of (logits + noise) / temperature over the options drawn, 0 elsewhere. The others get no
/// gradient: what normalises all logits cancels.
/// @param logits [options], may have gradients.
at::Tensor gates_of(const DrawnOptions& drawn, const at::Tensor& logits, double temperature);

}  // namespace frontier
