#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "db/store.h"

namespace frontier {

// Fronts of results and of means over seeds: a table for people, all numbers as CSV, one JSON document.

/// @param with_protocol how each was measured, too.
std::string front_text(const std::vector<Objective>& objectives, const Front& front, bool with_protocol);
std::string front_text(const std::vector<Objective>& objectives, const MeanFront& front, bool with_protocol);

std::string front_csv(const Front& front);
std::string front_csv(const MeanFront& front);

nlohmann::ordered_json front_json(const std::vector<Objective>& objectives, const Front& front);
nlohmann::ordered_json front_json(const std::vector<Objective>& objectives, const MeanFront& front);

}  // namespace frontier
