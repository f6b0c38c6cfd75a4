#pragma once

#include <memory>

#include "search_spaces/search_space.h"
#include "supernet/weight_bank.h"

namespace frontier {

/// A search space, what it is built for, and the shared weights of all its subnets.
struct Supernet {
  std::shared_ptr<const SearchSpace> space;
  InputShape input;
  WeightBank bank;

  /// Fresh weights.
  Supernet(std::shared_ptr<const SearchSpace> s, const InputShape& i, const Rng& rng)
      : space(std::move(s)), input(i), bank(space->build_everything(input), rng) {}
  /// Weights of one subnet alone: a network of its own.
  Supernet(std::shared_ptr<const SearchSpace> s, const InputShape& i, const Architecture& only, const Rng& rng)
      : space(std::move(s)), input(i), bank(space->build(only, input), rng) {}
  NetworkGraph build(const Selection& selection) const { return space->build(selection, input); }
};

}  // namespace frontier
