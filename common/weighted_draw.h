#pragma once

#include <cstddef>
#include <numeric>
#include <span>

#include "common/rng.h"

namespace frontier {

/// A place, each as likely as its weight is of the sum of all; never one of weight 0. @param weights none negative, not
/// all 0.
inline std::size_t draw_weighted(std::span<const double> weights, Rng& rng) {
  double left = rng.uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t drawn = 0;
  for (std::size_t i = 0; i < weights.size() && left >= 0; ++i) {
    if (weights[i] == 0) continue;
    drawn = i;
    left -= weights[i];
  }
  return drawn;
}

}  // namespace frontier
