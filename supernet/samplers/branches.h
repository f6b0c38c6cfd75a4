#pragma once

#include <functional>
#include <map>

#include "search_spaces/edges.h"
#include "supernet/samplers/logits.h"

namespace frontier {

/// What samplers have in common that learn which branches of a space are best. For spaces all of whose decisions are
/// between branches, or which of some signals are added.
class BranchSampler : public LogitSampler {
 public:
  /// Beside the entropy "share/OPTION": the mean probability of an option, over all decisions that have it, where they
  /// are few.
  std::vector<std::pair<std::string, double>> metrics() const override;

 protected:
  /// Which decisions have logits.
  enum class Learned { kAll, kBranches };
  /// @param further parameters beside the logits.
  /// @throws UsageError for a space with decisions about widths, kernels or sides.
  BranchSampler(std::string_view name, std::shared_ptr<const SearchSpace> space, const InputShape& input,
                Learned learned, const LogitOptions& options, const Rng& rng, bool weighs_edges = false);

  /// What derive() adds up: [decision][option]. By default the probabilities of branches; zeros are no choice in
  /// spaces where decisions say which edges there are.
  std::vector<std::vector<double>> scores() const override;

  using EdgeWeights = std::map<std::string, at::Tensor, std::less<>>;
  /// Every branch and every edge, weighed. @param gates of a decision's logits; without logits they are all alike.
  Candidate everything(const std::function<at::Tensor(const at::Tensor& logits)>& gates, EdgeWeights edges) const;
  /// [options] gates of a decision without logits: all alike.
  at::Tensor even_gates(std::size_t decision) const;
  /// Weights of 1 for every edge that decisions choose between: all are added up while they are compared.
  EdgeWeights every_edge() const;
  std::vector<Site> edge_sites() const;
  const Edges& edges() const { return edges_; }
  static std::string edge_parameter(const EdgeSite& site) { return "edges." + site.site.name; }

 private:
  BranchSampler(std::string_view name, const std::shared_ptr<const SearchSpace>& space, Edges edges, Learned learned,
                const LogitOptions& options, const Rng& rng, bool weighs_edges);

  Edges edges_;
};

}  // namespace frontier
