#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace frontier {

/// What a data set holds as one HTML document that fetches nothing: facts, counts a class, samples of every class.
/// @param document of the job "data", with samples.  @param version of Frontier.
std::string contact_sheet(const nlohmann::ordered_json& document, const std::string& version);

}  // namespace frontier
