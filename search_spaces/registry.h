#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/settings.h"
#include "search_spaces/search_space.h"

namespace frontier {

struct SpaceInfo {
  std::string name;
  std::string summary;  ///< one line
};

/// The spaces that make_space() knows, in the order they are shown.
std::vector<SpaceInfo> known_spaces();
/// The same, each with what there is to set.
std::vector<NamedOptions> space_settings();

/// @param text a name, alone or with options (space_options.h); what name() of a space says is such a text, which makes
/// the same space again.
/// @throws UsageError listing the known spaces, or the options of the space.
std::shared_ptr<const SearchSpace> make_space(std::string_view text);

/// The name() of the space that a setting means: a text for make_space(), or an object {"name": ..., options}. A plain
/// name passes as it is, known or not, and so does one with parentheses that is no known space's.
/// @throws UsageError for anything else.
std::string space_name(const nlohmann::json& setting);

}  // namespace frontier
