#pragma once

#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

/// Architectures in the space's notation or JSON, from texts and a file with one a line (empty: none), as written.
/// @throws UsageError if there is none; a bad one in the file is named by its line.
std::vector<Architecture> read_archs_as_written(const SearchSpace& space, const std::vector<std::string>& texts,
                                                const std::string& file);
/// Their canonical forms.
std::vector<Architecture> read_archs(const SearchSpace& space, const std::vector<std::string>& texts,
                                     const std::string& file);

}  // namespace frontier
