#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace frontier {

/// What the job "compare" found, as tables.
std::string comparison_text(const nlohmann::ordered_json& document);
/// What it says of a comparison that is not finished: --dry-run.
std::string left_text(const nlohmann::ordered_json& document);

}  // namespace frontier
