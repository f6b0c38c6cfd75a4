#pragma once

#include "supernet/samplers/branches.h"

namespace frontier {

/// Dirichlet architecture search (Chen et al., "DrNAS: Dirichlet Neural Architecture Search", arXiv 2006.10355): the
/// weights of a decision's branches are drawn from a Dirichlet distribution of concentration elu(logits) + 1 in every
/// pass, and the logits learn through the draw (pathwise derivative). An anchor pulls towards the flat distribution,
/// where all logits are 0: Adam's weight decay, or the divergence from it as a penalty. Differs from the paper: no
/// progressive widening of partial channels; the space's own partial channels may be used.
class DrnasSampler : public BranchSampler {
 public:
  struct Options : LogitOptions {
    double warmup_share = 0;  ///< of the steps, in which weights alone are trained: 10 of 50 epochs in DARTS' space
    std::string anchor = "decay";  ///< decay: weight_decay alone; kl: the divergence from the flat distribution
    double anchor_weight = 1e-3;   ///< of the divergence
  };
  /// @throws UsageError also for an anchor of both kinds.
  DrnasSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
               const Rng& rng);
  /// The divergence from the flat distributions, summed over decisions, where it is the anchor.
  at::Tensor penalty(const Work& work, const Candidate& subnet) override;

 protected:
  Candidate subnet(const StepContext& context, Rng& rng) override;
  /// Means of the distributions.
  std::vector<std::vector<double>> probabilities() const override;
  bool is_warm(const StepContext& context) const override { return context.is_past(options_.warmup_share); }

 private:
  Options options_;
};

/// One draw from Dirichlet(concentration), with its pathwise derivative. @param concentration [n] positive, float32 or
/// float64.  @param seed of the draw.
at::Tensor sample_dirichlet(const at::Tensor& concentration, std::uint64_t seed);
/// KL(Dirichlet(concentration) || Dirichlet(1)). @param concentration [n].  @returns [].
at::Tensor divergence_from_flat(const at::Tensor& concentration);

template <class Fields>
void describe(Fields& f, DrnasSampler::Options& o) {
  describe(f, static_cast<LogitOptions&>(o));
  f("warmup_share", o.warmup_share, 0.0, 1.0, "Share of the steps before the logits start to move.");
  f("anchor", o.anchor, {"decay", "kl"},
    "What pulls towards the flat distribution: the logits' weight decay, or a divergence in the loss (weight_decay is "
    "0 then).");
  f("anchor_weight", o.anchor_weight, 0.0, 1e6, "Of the divergence in the loss.");
}

}  // namespace frontier
