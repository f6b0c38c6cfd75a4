#pragma once

#include <memory>
#include <optional>

#include "search_spaces/search_space.h"
#include "supernet/weight_bank.h"

namespace frontier {

/// A search space, what it is built for, and the shared weights of all its subnets.
struct Supernet {
  std::shared_ptr<const SearchSpace> space;
  InputShape input;
  WeightBank bank;

  /// Fresh weights. @param widest what they must hold: a subnet alone is a network of its own; none: every subnet.
  Supernet(std::shared_ptr<const SearchSpace> s, const InputShape& i, const Rng& rng,
           const std::optional<Selection>& widest = std::nullopt)
      : space(std::move(s)),
        input(i),
        bank(widest ? space->build(*widest, input) : space->build_everything(input), rng) {}
  NetworkGraph build(const Selection& selection) const { return space->build(selection, input); }
};

}  // namespace frontier
