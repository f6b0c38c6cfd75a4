#include "supernet/samplers/branches.h"

#include <torch/types.h>

#include <algorithm>
#include <limits>
#include <map>

#include "common/errors.h"

namespace frontier {
namespace {

constexpr std::size_t kMostShares = 12;

bool is_decided(const Shape& shape) {
  return shape.channels.is_constant() && shape.height.is_constant() && shape.width.is_constant();
}

/// Sums of branches need layers of one shape each, whatever is chosen.
void require_branches(std::string_view sampler, const SearchSpace& space) {
  const std::string sums = "sampler '" + std::string(sampler) + "' sums branches; ";
  if (space.listed())
    throw UsageError(sums + "the networks of '" + space.name() + "' are listed, not made of branches");
  const NetworkGraph everything = space.build_everything(space.default_input());
  for (NetworkGraph::Vertex v = 0; v < everything.size(); ++v) {
    const Layer& layer = everything[v];
    bool decided = is_decided(layer.output);
    for (const auto& attribute : layer.attributes.entries()) decided = decided && attribute.value.is_constant();
    if (!decided)
      throw UsageError(sums + "'" + space.name() + "' has decisions about the size of layers (layer '" +
                       (layer.name.empty() ? std::string(layer.kind->name) : layer.name) +
                       "'), so choose another sampler or a space of branches such as nas_bench_macro");
  }
}

const std::shared_ptr<const SearchSpace>& checked(std::string_view sampler,
                                                  const std::shared_ptr<const SearchSpace>& space) {
  require_branches(sampler, *space);
  return space;
}

/// Those that have logits.
std::vector<bool> learned_decisions(const SearchSpace& space, bool with_subsets) {
  std::vector<bool> learned;
  for (const Decision& decision : space.decisions())
    learned.push_back(with_subsets || decision.kind != DecisionKind::kSubset);
  return learned;
}

}  // namespace

BranchSampler::BranchSampler(std::string_view name, std::shared_ptr<const SearchSpace> space, const InputShape& input,
                             Learned learned, const LogitOptions& options, const Rng& rng, bool weighs_edges)
    : BranchSampler(name, space, edges_of(*checked(name, space), input), learned, options, rng, weighs_edges) {}

BranchSampler::BranchSampler(std::string_view name, const std::shared_ptr<const SearchSpace>& space, Edges edges,
                             Learned learned, const LogitOptions& options, const Rng& rng, bool weighs_edges)
    : LogitSampler(
          name, space, learned_decisions(*space, learned == Learned::kAll),
          [&] {
            std::vector<std::pair<std::string, std::size_t>> weighed;
            if (weighs_edges)
              for (const EdgeSite& site : edges.sites) weighed.emplace_back(edge_parameter(site), site.site.inputs);
            return weighed;
          }(),
          options, rng),
      edges_(std::move(edges)) {}

std::vector<std::pair<std::string, double>> BranchSampler::metrics() const {
  std::map<std::string, std::pair<double, int>> shares;
  const auto all = probabilities();
  for (std::size_t d = 0; d < all.size(); ++d) {
    if (!has_logits(d) || space().decisions()[d].kind != DecisionKind::kBranch) continue;
    for (std::size_t i = 0; i < all[d].size(); ++i) {
      auto& [sum, count] = shares[space().decisions()[d].options[i]];
      sum += all[d][i];
      ++count;
    }
  }
  auto metrics = LogitSampler::metrics();
  if (shares.size() <= kMostShares)
    for (const auto& [option, share] : shares) metrics.emplace_back("share/" + option, share.first / share.second);
  return metrics;
}

std::vector<std::vector<double>> BranchSampler::scores() const {
  auto scores = probabilities();
  const bool chooses_edges = std::any_of(edges_.sites.begin(), edges_.sites.end(),
                                         [](const EdgeSite& site) { return site.subset.has_value(); });
  for (std::size_t d = 0; d < scores.size(); ++d) {
    if (space().decisions()[d].kind == DecisionKind::kSubset) scores[d].assign(scores[d].size(), 0);
    for (std::size_t i = 0; chooses_edges && i < scores[d].size(); ++i)
      if (edges_.none[d][i]) scores[d][i] = -std::numeric_limits<double>::infinity();
  }
  return scores;
}

at::Tensor BranchSampler::even_gates(std::size_t decision) const {
  const auto options = static_cast<std::int64_t>(space().decisions()[decision].options.size());
  return at::full({options}, 1 / static_cast<double>(options), parameters().values().options());
}

Candidate BranchSampler::everything(const std::function<at::Tensor(const at::Tensor& logits)>& gates,
                                    EdgeWeights edges) const {
  std::vector<at::Tensor> all;
  for (std::size_t d = 0; d < space().decisions().size(); ++d)
    all.push_back(has_logits(d) ? gates(learned_logits(d)) : even_gates(d));
  return {Selection::everything(space().decisions()),
          Gates(space().decisions(), std::move(all)).with_sites(edge_sites(), std::move(edges))};
}

BranchSampler::EdgeWeights BranchSampler::every_edge() const {
  EdgeWeights weights;
  for (const EdgeSite& site : edges_.sites)
    if (site.subset)
      weights.emplace(site.site.name,
                      at::ones({static_cast<std::int64_t>(site.site.inputs)}, parameters().values().options()));
  return weights;
}

std::vector<Site> BranchSampler::edge_sites() const {
  std::vector<Site> sites;
  for (const EdgeSite& site : edges_.sites) sites.push_back(site.site);
  return sites;
}

}  // namespace frontier
