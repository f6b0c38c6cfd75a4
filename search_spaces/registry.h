#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

struct SpaceInfo {
  std::string name;
  std::string summary;  ///< one line
};

/// The spaces that make_space() knows, in the order they are shown.
std::vector<SpaceInfo> known_spaces();

/// @throws UsageError listing the known spaces.
std::shared_ptr<const SearchSpace> make_space(std::string_view name);

}  // namespace frontier
