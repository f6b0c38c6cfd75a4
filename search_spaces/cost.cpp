#include "search_spaces/cost.h"

#include <algorithm>

#include "common/errors.h"
#include "common/text.h"

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

void CostTable::add_price(std::string name, std::vector<Dim> terms) {
  const auto names = price_names();
  if (std::find(names.begin(), names.end(), name) != names.end())
    throw UsageError("price '" + printable(name) + "' exists already; the prices are " + join(names));
  further_.push_back({std::move(name), CostSum(std::move(terms))});
}

std::vector<std::string> CostTable::price_names() const {
  std::vector<std::string> names{"macs", "params"};
  for (const auto& price : further_) names.push_back(price.name);
  return names;
}

std::size_t CostTable::price_index(std::string_view name) const {
  const auto names = price_names();
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) throw UsageError(unknown_name("price", name, names));
  return static_cast<std::size_t>(it - names.begin());
}

std::int64_t CostTable::price(std::size_t index, const Architecture& arch) const {
  return index == 0 ? macs(arch) : index == 1 ? params(arch) : further_[index - 2].sum(arch);
}

const CostSum& CostTable::price_sum(std::size_t index) const {
  return index == 0 ? macs_ : index == 1 ? params_ : further_[index - 2].sum;
}

std::vector<Dim> conditions_of(std::span<const Decision> decisions, std::span<const Dim> activity,
                               std::span<const std::vector<std::uint16_t>> allowed) {
  if (allowed.size() != decisions.size())
    throw UsageError("options are allowed for " + std::to_string(allowed.size()) + " decisions, the space has " +
                     std::to_string(decisions.size()));
  std::vector<Dim> conditions;
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    const Decision& decision = decisions[d];
    if (allowed[d].empty())
      throw UsageError("no option of '" + decision.name + "' is allowed; its options are " + join(decision.options));
    std::vector<std::int64_t> is_allowed(decision.options.size(), 0);
    for (const auto option : allowed[d]) {
      if (option >= decision.options.size())
        throw UsageError("option " + std::to_string(option) + " of '" + decision.name + "' is out of range; its " +
                         std::to_string(decision.options.size()) + " options are " + join(decision.options));
      is_allowed[option] = 1;
    }
    conditions.push_back(Dim::either(Dim::equal(activity[d], 0), Dim(static_cast<std::uint16_t>(d), is_allowed)));
  }
  return conditions;
}

void CostTable::restrict_to(std::span<const std::vector<std::uint16_t>> allowed) {
  for (const Dim& condition : conditions_of(decisions_, activity_, allowed))
    if (!condition.is_constant()) constraints_.push_back(condition);
  is_restricted_ = true;
}

bool CostTable::admits(const Architecture& arch) const {
  return std::all_of(constraints_.begin(), constraints_.end(), [&](const Dim& holds) { return holds.at(arch) != 0; });
}

}  // namespace frontier
