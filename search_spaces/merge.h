#pragma once

#include <span>
#include <vector>

#include "search_spaces/network_graph.h"

namespace frontier {

/// Several networks as one graph in which equal layers with equal inputs stand once: a population's shared prefixes are
/// kept, and computed, once.
struct MergedGraph {
  NetworkGraph graph;
  std::vector<NetworkGraph::Vertex> outputs;  ///< outputs[i] is the output of networks[i]
};

/// Layers of training alone are left out.
/// @param networks of hard selections of one space and input, sharing weights by layer name. For the least memory in
/// use at once, order them so that neighbours share long prefixes (lexicographically by their choices).
MergedGraph merge(std::span<const NetworkGraph> networks);

}  // namespace frontier
