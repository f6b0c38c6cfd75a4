#include "search_spaces/edges.h"

#include <algorithm>
#include <unordered_map>

namespace frontier {
namespace {

class EdgeReader {
 public:
  EdgeReader(const SearchSpace& space, const InputShape& input)
      : decisions_(space.decisions()), graph_(space.build_everything(input)) {
    for (std::size_t d = 0; d < decisions_.size(); ++d) index_.emplace(decisions_[d].name, d);
  }

  Edges read() const {
    Edges edges;
    for (const Decision& decision : decisions_) edges.none.emplace_back(decision.options.size(), false);
    for (NetworkGraph::Vertex v = 0; v < graph_.size(); ++v) {
      if (!graph_[v].is("mix")) continue;
      if (const auto branches = decision_of(v, DecisionKind::kBranch)) {
        mark_none(v, edges.none[*branches]);
      } else if (is_sum(v) && graph_[v].site.inputs > 1) {
        add_site(v, edges.sites);
      }
    }
    return edges;
  }

 private:
  std::optional<std::size_t> decision_of(NetworkGraph::Vertex vertex, DecisionKind kind) const {
    const auto found = index_.find(graph_[vertex].site.name);
    if (found == index_.end() || decisions_[found->second].kind != kind) return std::nullopt;
    return found->second;
  }

  /// Of all its terms, or of those that a decision says.
  bool is_sum(NetworkGraph::Vertex vertex) const {
    if (decision_of(vertex, DecisionKind::kSubset)) return true;
    const auto& indicators = graph_[vertex].indicators;
    return std::all_of(indicators.begin(), indicators.end(),
                       [](const Dim& taken) { return taken.is_constant() && taken.value() == 1; });
  }

  /// Zeros are no inputs, or made by a layer.
  void mark_none(NetworkGraph::Vertex vertex, std::vector<bool>& none) const {
    const Layer& layer = graph_[vertex];
    none.assign(none.size(), true);
    const auto inputs = graph_.inputs(vertex);
    for (std::size_t i = 0; i < inputs.size(); ++i) none[layer.site_inputs[i]] = graph_[inputs[i]].is("zero");
  }

  /// The decision whose mix the signal is, directly or as a part of the channels.
  std::optional<std::size_t> operation_behind(NetworkGraph::Vertex vertex) const {
    if (graph_[vertex].is("mix")) return decision_of(vertex, DecisionKind::kBranch);
    if (!graph_[vertex].is("concat") && !graph_[vertex].is("channel_shuffle")) return std::nullopt;
    std::optional<std::size_t> found;
    for (const auto input : graph_.inputs(vertex))
      if (const auto operation = operation_behind(input)) {
        if (found) return std::nullopt;
        found = operation;
      }
    return found;
  }

  void add_site(NetworkGraph::Vertex vertex, std::vector<EdgeSite>& sites) const {
    const Layer& layer = graph_[vertex];
    const bool is_known =
        std::any_of(sites.begin(), sites.end(), [&](const EdgeSite& s) { return s.site == layer.site; });
    if (is_known) return;
    EdgeSite site{layer.site, decision_of(vertex, DecisionKind::kSubset), {}};
    site.operations.resize(layer.site.inputs);
    const auto inputs = graph_.inputs(vertex);
    for (std::size_t i = 0; i < inputs.size(); ++i) site.operations[layer.site_inputs[i]] = operation_behind(inputs[i]);
    sites.push_back(std::move(site));
  }

  std::span<const Decision> decisions_;
  NetworkGraph graph_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace

Edges edges_of(const SearchSpace& space, const InputShape& input) { return EdgeReader(space, input).read(); }

}  // namespace frontier
