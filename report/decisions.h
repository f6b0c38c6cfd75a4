#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/page.h"
#include "search_spaces/search_space.h"

namespace frontier {

/// Of each decision that has an effect in some of the networks, how often they take each option.
/// @throws UsageError if a text is no architecture of the space.
std::vector<DecisionUse> decisions_of(const SearchSpace& space, std::span<const std::string> archs);

}  // namespace frontier
