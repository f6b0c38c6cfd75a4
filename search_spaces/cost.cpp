#include "search_spaces/cost.h"

#include <algorithm>

namespace frontier {

Dim layer_macs(const NetworkGraph& graph, NetworkGraph::Vertex vertex) {
  const Layer& layer = graph[vertex];
  if (layer.training_only || layer.kind->macs == nullptr) return 0;
  return layer.exists * layer.kind->macs(layer, graph.input_shapes(vertex));
}

Dim layer_params(const NetworkGraph& graph, NetworkGraph::Vertex vertex) {
  const Layer& layer = graph[vertex];
  if (layer.training_only) return 0;
  Dim params = 0;
  for (const ParameterSpec& spec : parameters_of(graph, vertex)) {
    Dim size = 1;
    for (std::size_t d = spec.shape.size(); d-- > 0;) size = size * spec.shape[d];  // small diagrams first
    params = params + size;
  }
  return layer.exists * params;
}

std::vector<LayerCost> layer_costs(const NetworkGraph& graph) {
  std::vector<LayerCost> costs;
  costs.reserve(graph.size());
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    costs.push_back({v, layer_macs(graph, v).value(), layer_params(graph, v).value()});
  return costs;
}

Cost cost(const NetworkGraph& graph) {
  Cost total;
  std::vector<std::int64_t> bytes(graph.size());
  std::vector<std::size_t> waiting(graph.size());
  std::int64_t alive = 0;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (!graph[v].training_only)
      for (const auto input : graph.inputs(v)) ++waiting[input];
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    if (graph[v].training_only) continue;
    total.macs += layer_macs(graph, v).value();
    total.params += layer_params(graph, v).value();
    const Shape& shape = graph[v].output;
    bytes[v] = 4 * shape.channels.value() * shape.height.value() * shape.width.value();
    if (v > 0) total.activation_bytes += bytes[v];
    alive += bytes[v];
    total.peak_bytes = std::max(total.peak_bytes, alive);
    for (const auto input : graph.inputs(v))
      if (--waiting[input] == 0) alive -= bytes[input];
  }
  return total;
}

CostSum::CostSum(std::vector<Dim> terms) {
  struct Factor {
    Dim dim;
    std::vector<std::uint16_t> decisions;
  };
  std::vector<Factor> sorted;
  for (auto& term : terms) {
    if (term.is_constant()) {
      constant_ += term.value();
    } else {
      auto decisions = term.decisions();
      sorted.push_back({std::move(term), std::move(decisions)});
    }
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Factor& a, const Factor& b) { return a.decisions.size() > b.decisions.size(); });
  std::vector<Factor> factors;
  for (auto& term : sorted) {
    const auto folds_into = [&](Factor& factor) {
      if (!std::includes(factor.decisions.begin(), factor.decisions.end(), term.decisions.begin(),
                         term.decisions.end()))
        return false;
      const Dim sum = factor.dim + term.dim;
      if (sum.size() > factor.dim.size() + term.dim.size()) return false;
      factor.dim = sum;
      return true;
    };
    if (std::none_of(factors.begin(), factors.end(), folds_into)) factors.push_back(std::move(term));
  }
  for (auto& factor : factors) {
    if (factor.dim.is_constant()) {
      constant_ += factor.dim.value();
    } else {
      factors_.push_back(std::move(factor.dim));
    }
  }
}

std::int64_t CostSum::operator()(const Architecture& arch) const {
  std::int64_t sum = constant_;
  for (const auto& factor : factors_) sum += factor.at(arch);
  return sum;
}

CostTable::CostTable(std::vector<Decision> decisions, std::function<Cost(const Architecture&)> price)
    : decisions_(std::move(decisions)), activity_(decisions_.size(), Dim(1)), price_(std::move(price)) {}

std::pair<std::int64_t, std::int64_t> CostTable::macs_and_params(const Architecture& arch) const {
  if (!price_) return {macs_(arch), params_(arch)};
  const Cost price = price_(arch);
  return {price.macs, price.params};
}

CostTable::CostTable(const NetworkGraph& everything, std::vector<Decision> decisions, std::vector<Dim> activity,
                     std::vector<Dim> constraints)
    : decisions_(std::move(decisions)), activity_(std::move(activity)), constraints_(std::move(constraints)) {
  std::vector<Dim> macs, params;
  for (NetworkGraph::Vertex v = 0; v < everything.size(); ++v) {
    macs.push_back(layer_macs(everything, v));
    params.push_back(layer_params(everything, v));
  }
  macs_ = CostSum(std::move(macs));
  params_ = CostSum(std::move(params));
}

}  // namespace frontier
