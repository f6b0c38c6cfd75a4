#pragma once

#include <string>
#include <vector>

#include "common/errors.h"
#include "common/rng.h"

namespace frontier {

/// What a generator that was trained with a supernet says of the subnets of a wanted cost. Thread-safety: const.
class CostPolicy {
 public:
  virtual ~CostPolicy() = default;
  /// What costs are of: "macs" or "params".
  virtual const std::string& price() const = 0;
  /// [decision][option], as FeasibleSet::best() takes them: logarithms of probabilities, for which the best is the
  /// likeliest subnet; with `noise` Gumbel noise is added to them, for which it is a draw.
  /// @param cost in units of the price.
  virtual std::vector<std::vector<double>> scores(double cost, Rng* noise) const = 0;
};

/// Why a searcher that asks a policy cannot search `what`, which has none.
inline UsageError no_policy_of(const std::string& what) {
  return UsageError("searcher 'shiftnas' asks a generator for subnets of a wanted cost, and " + what +
                    " has none; search a checkpoint of `frontier train --sampler shiftnas`");
}

}  // namespace frontier
