#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace frontier {

/// What the job "search" found, as a table for people. @param metric the first objective.
std::string search_text(const nlohmann::ordered_json& document, const std::string& metric);
/// The same of repeated searches.
std::string repeats_text(const nlohmann::ordered_json& document, const std::string& metric);

}  // namespace frontier
