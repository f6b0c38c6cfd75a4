#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

/// --input and --classes: what a space is built for; where not given, the space's own.
struct BuiltFor {
  std::string input;
  std::optional<std::int64_t> classes;
  InputShape input_of(const SearchSpace& space) const;
};
void add_built_for(CLI::App& command, BuiltFor& options);

/// --arch and --archs: architectures in the space's notation or JSON.
struct ArchOptions {
  std::vector<std::string> archs;
  std::string file;
};
void add_arch_options(CLI::App& command, ArchOptions& options);

}  // namespace frontier
