#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/options.h"

namespace frontier {

/// A search space as settings ask for it: its name, and options of its network.
struct SpaceRequest {
  std::string name;
  nlohmann::json options = nlohmann::json::object();
};

/// Reads a plain name, "darts(cells=8,search=true)" or {"name": "darts", "cells": 8, "search": true}. Which options
/// there are is for the space to say. @throws UsageError with what is wrong in the text.
SpaceRequest parse_space(std::string_view text);

/// The text that parse_space() reads: the name alone where no value differs from its default, else with those that do,
/// sorted by their names. @param values, defaults objects of the same keys; strings of letters, digits and _ alone.
std::string space_text(std::string_view name, const nlohmann::json& values, const nlohmann::json& defaults);

/// `defaults` with the options asked for. @throws UsageError listing the options there are.
template <class Options>
Options with_space_options(Options defaults, const nlohmann::json& options) {
  read_options(options, "space", defaults);
  return defaults;
}

}  // namespace frontier
