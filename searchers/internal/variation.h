#pragma once

#include "searchers/searcher.h"

namespace frontier {

/// Decisions of `arch` that have an effect and more than one option.
std::vector<std::size_t> mutable_decisions(const FeasibleSet& feasible, const Architecture& arch);

/// Gives every decision that has no effect in `arch` a uniform option, so that parts which a mutation brings to life
/// (the third block when the depth grows) are random instead of always option 0. Not canonical.
void fill_inactive(const FeasibleSet& feasible, Architecture& arch, Rng& rng);

/// Another option, uniformly, for one decision.
void change(const FeasibleSet& feasible, Architecture& arch, std::size_t decision, Rng& rng);

/// Changes one decision that has an effect, chosen uniformly. Canonical. An architecture without such
/// decisions stays, and so does one whose change the space's constraints do not allow.
Architecture mutate_one(const SearchProblem& problem, const Architecture& parent, Rng& rng);

/// What lies one decision away: `arch` with another option for one decision that has an effect, canonical, within the
/// budget; each once, without `arch` itself. Decisions that the change brings to life take option 0, so that the
/// neighbours are a fixed set.
std::vector<Architecture> neighbours(const SearchProblem& problem, const Architecture& arch);

}  // namespace frontier
