#include "search_spaces/merge.h"

#include <map>
#include <stdexcept>
#include <tuple>

namespace frontier {

MergedGraph merge(std::span<const NetworkGraph> networks) {
  using Vertex = NetworkGraph::Vertex;
  // Everything that makes two layers compute the same: what they are, how large, with whose weights, on which inputs.
  using Key = std::tuple<std::string, const LayerKind*, std::vector<std::int64_t>, std::vector<Vertex>>;
  MergedGraph merged;
  std::map<Key, Vertex> known;
  for (const auto& network : networks) {
    std::vector<Vertex> place(network.size());
    for (Vertex v = 0; v < network.size(); ++v) {
      const Layer& layer = network[v];
      if (layer.training_only) continue;  // an evaluation needs none of them
      if (!layer.indicators.empty()) throw std::logic_error("networks of soft selections are not merged");
      std::vector<Vertex> inputs = network.inputs(v);
      for (auto& input : inputs) input = place[input];
      std::vector<std::int64_t> numbers{layer.output.channels.value(), layer.output.height.value(),
                                        layer.output.width.value()};
      for (const auto& attribute : layer.attributes.entries()) numbers.push_back(attribute.value.value());
      Key key{layer.name, layer.kind, std::move(numbers), inputs};
      const auto [it, inserted] = known.try_emplace(std::move(key), 0);
      if (inserted) it->second = merged.graph.add(layer, inputs);
      place[v] = it->second;
    }
    merged.outputs.push_back(place[network.output()]);
  }
  return merged;
}

}  // namespace frontier
