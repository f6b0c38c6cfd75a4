#pragma once

#include <functional>
#include <map>

#include "common/options.h"
#include "search_spaces/edges.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// How the parameters that say how good a branch is are trained.
struct BranchOptions {
  double init_deviation = 1e-3;  ///< logits start as N(0, this^2)
  double lr = 3e-4;              ///< of the logits
  double weight_decay = 1e-3;    ///< L2
  double beta1 = 0.5;
  double beta2 = 0.999;
};

template <class Fields>
void describe(Fields& f, BranchOptions& o) {
  f("init_deviation", o.init_deviation, 0.0, 10.0, "Standard deviation of the logits at the start.");
  f("lr", o.lr, 0.0, 1000.0, "Learning rate of the logits (Adam).");
  f("weight_decay", o.weight_decay, 0.0, 100.0, "L2 of the logits.");
  f("beta1", o.beta1, 0.0, 0.9999999, "Adam's decay of the running mean of the logits' gradient.");
  f("beta2", o.beta2, 0.0, 0.9999999, "Adam's decay of the running mean of its square.");
}

/// What samplers have in common that learn by gradient which branches of a space are best: a vector of logits a
/// decision, trained by Adam on images of their own, in turns with the weights; what is derived is the valid
/// architecture of the greatest sum of scores. For spaces all of whose decisions are between branches, or which of some
/// signals are added.
class BranchSampler : public Sampler {
 public:
  std::string_view name() const override { return name_; }
  /// On the logits, then on the weights, or the other way round (trains_weights_first).
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  std::vector<ParameterGroup> groups() override;
  bool uses(Stream stream) const override { return stream != Stream::kHeldOut; }
  /// "entropy" of all decisions together, as a share of what it is at most; "share/OPTION": the mean probability of an
  /// option, over all decisions that have it, where they are few.
  std::vector<std::pair<std::string, double>> metrics() const override;
  std::optional<Architecture> derive() const override;
  SamplerState save() const override { return {.tensors = parameters_.tensors(), .values = nlohmann::json::object()}; }
  void load(const SamplerState& state) override { parameters_.load(state.tensors, "architecture parameters"); }

  /// [options] of a decision that has logits, a view: what is learned.
  at::Tensor logits(std::size_t decision) const;

 protected:
  /// Which decisions have logits.
  enum class Learned { kAll, kBranches };
  /// @param further parameters beside the logits.
  /// @throws UsageError for a space with decisions about widths, kernels or sides.
  BranchSampler(std::string_view name, std::shared_ptr<const SearchSpace> space, const InputShape& input,
                Learned learned, const BranchOptions& options, const Rng& rng, bool weighs_edges = false);

  /// What a pass runs, with gates as functions of the parameters.
  virtual Candidate subnet(const StepContext& context, Rng& rng) = 0;
  /// What derive() adds up: [decision][option]. By default the probabilities of branches; zeros are no choice in
  /// spaces where decisions say which edges there are.
  virtual std::vector<std::vector<double>> scores() const;
  /// Of every option, float64: softmax of the logits, uniform where there are none.
  virtual std::vector<std::vector<double>> probabilities() const;
  /// Whether the logits move yet.
  virtual bool is_warm(const StepContext& /*context*/) const { return true; }
  virtual bool trains_weights_first() const { return false; }

  bool has_logits(std::size_t decision) const;
  /// As a function of the parameters.
  at::Tensor learned_logits(std::size_t decision) const;
  using EdgeWeights = std::map<std::string, at::Tensor, std::less<>>;
  /// Every branch and every edge, weighed. @param gates of a decision's logits; without logits they are all alike.
  Candidate everything(const std::function<at::Tensor(const at::Tensor& logits)>& gates, EdgeWeights edges) const;
  /// [options] gates of a decision without logits: all alike.
  at::Tensor even_gates(std::size_t decision) const;
  /// Weights of 1 for every edge that decisions choose between: all are added up while they are compared.
  EdgeWeights every_edge() const;
  std::vector<Site> edge_sites() const;
  const SearchSpace& space() const { return *space_; }
  const Edges& edges() const { return edges_; }
  const ParameterStore& parameters() const { return parameters_; }
  static std::string edge_parameter(const EdgeSite& site) { return "edges." + site.site.name; }

 private:
  std::string_view name_;
  std::shared_ptr<const SearchSpace> space_;
  Edges edges_;
  BranchOptions options_;
  ParameterStore parameters_;  ///< one a decision, named like it; edge_parameter() a site
};

}  // namespace frontier
