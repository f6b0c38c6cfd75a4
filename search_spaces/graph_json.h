#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "search_spaces/network_graph.h"

namespace frontier {

/// A hard network as it is taken away: the layers that its output needs, without those of training alone, each with a
/// name of its own. Layers with parameters keep theirs.
struct FinishedGraph {
  NetworkGraph graph;
  std::vector<NetworkGraph::Vertex> origins;  ///< by vertex: which it was
};
/// @throws UsageError naming a layer that only a soft network has, or whose size is not decided.
FinishedGraph finished(const NetworkGraph& graph);

/// By vertex the block that a layer belongs to: the longest part of its name before a dot that is no layer itself
/// ("stage0.block1" of "stage0.block1.expand" and of "stage0.block1.expand.bn"); empty where there is none.
std::vector<std::string> block_names(const NetworkGraph& graph);

/// A finished graph as it is stored (docs/formats/model.md).
nlohmann::ordered_json graph_to_json(const NetworkGraph& graph);
/// The same graph back, by vertices, names, attributes and shapes. @param source names the text in messages.
/// @throws UsageError naming the layer and what is wrong with it, for anything that graph_to_json() would not write:
/// what is returned has decided, consistent shapes.
NetworkGraph graph_from_json(const nlohmann::json& json, std::string_view source);

}  // namespace frontier
