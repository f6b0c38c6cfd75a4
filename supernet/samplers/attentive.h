#pragma once

#include "common/options.h"
#include "search_spaces/cost_bins.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Attention to the best or the worst (Wang et al., "AttentiveNAS: Improving Neural Architecture Search via Attentive
/// Sampling", arXiv 2011.09011, algorithm 1): the sandwich, whose random subnets are chosen. For each a cost is drawn
/// as uniformly drawn subnets have it, then some candidates of that cost, which run on the batch without learning; the
/// one of the least loss (best-up) or the greatest (worst-up) is trained. Differs from the paper: candidates are
/// compared by the loss on the batch alone, not by a predictor of accuracy fitted on a first training; costs are bins
/// (CostBins), not multiples of 25 M.
class AttentiveSampler : public StatelessSampler {
 public:
  struct Options : CostBinOptions {
    std::string attention = "worst";  ///< the paper tries both
    int candidates = 3;               ///< of a cost; each costs a forward pass
    int random_subnets = 2;           ///< 2 in the paper
    std::string distill = "inplace";  ///< the largest teaches all others; none: they learn from the labels
  };
  AttentiveSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                   const Rng& rng);
  std::string_view name() const override { return "attentive"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  bool distills() const override { return options_.distill == "inplace"; }

 private:
  void draw(Rng& rng);
  Work comparison() const;
  std::vector<Architecture> chosen(std::span<const Outcome> outcomes) const;

  std::shared_ptr<const SearchSpace> space_;
  Options options_;
  CostBins bins_;
  std::vector<Architecture> drawn_;  ///< of the step that is under way
};

template <class Fields>
void describe(Fields& f, AttentiveSampler::Options& o) {
  describe(f, static_cast<CostBinOptions&>(o));
  f("attention", o.attention, {"best", "worst"},
    "Which candidate of a cost is trained: of the least loss, or of the greatest.");
  f("candidates", o.candidates, 1, 1000, "Subnets of a cost that are compared on the batch.");
  f("random_subnets", o.random_subnets, 0, 1024,
    "Subnets so chosen that are trained beside the largest and the smallest.");
  f("distill", o.distill, {"none", "inplace"},
    "inplace: the largest subnet teaches the others in place of the labels.");
}

}  // namespace frontier
