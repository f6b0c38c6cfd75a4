#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

/// A place where edges of a cell meet: all of its inputs are added, or a decision says which.
struct EdgeSite {
  Site site;
  std::optional<std::size_t> subset;  ///< the decision about which inputs are added; none: all are
  /// Of every input the decision about branches whose output it is; none: it is another signal.
  std::vector<std::optional<std::size_t>> operations;
};

/// How the cells of a space are made of edges, for methods that weigh operations and edges.
struct Edges {
  std::vector<EdgeSite> sites;          ///< with two inputs or more, each once
  std::vector<std::vector<bool>> none;  ///< [decision][option]: a branch that gives zeros
};

/// Reads them from the network with everything selected. Networks of listed spaces have none.
Edges edges_of(const SearchSpace& space, const InputShape& input);

}  // namespace frontier
