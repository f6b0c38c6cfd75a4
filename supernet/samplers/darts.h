#pragma once

#include "supernet/samplers/branches.h"

namespace frontier {

/// Differentiable architecture search (Liu, Simonyan and Yang, "DARTS", arXiv 1806.09055): every decision
/// is a softmax over its branches, whose outputs are summed by it; each step the logits learn on a batch of their own,
/// by Adam with L2, then the weights. For spaces all of whose decisions are between branches. Differs from the paper:
/// one vector of logits a decision of any space, those about which edges a node reads included, in place of the two
/// cell types' edges; what is derived is the valid architecture with the greatest sum of log-probabilities; second
/// order looks ahead at the weights' own learning rate, and by the training loss with all that makes it harder.
class DartsSampler : public BranchSampler {
 public:
  struct Options : LogitOptions {
    Options() { lr = 3e-3; }        ///< 6e-4 in the paper, with batches of 64 and 50 epochs
    std::int64_t warmup_steps = 0;  ///< steps before the logits start to move
    int order = 1;                  ///< 2: through the step that the weights would take, for three more runs a step
  };
  /// @throws UsageError for a space with decisions about widths, kernels or sides.
  DartsSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
               const Rng& rng);
  bool unrolls() const override { return options_.order == 2; }

 protected:
  Candidate subnet(const StepContext& context, Rng& rng) override;
  std::vector<std::vector<double>> scores() const override;
  bool is_warm(const StepContext& context) const override { return context.step >= options_.warmup_steps; }

 private:
  Options options_;
};

template <class Fields>
void describe(Fields& f, DartsSampler::Options& o) {
  describe(f, static_cast<LogitOptions&>(o));
  f("warmup_steps", o.warmup_steps, 0, std::int64_t{1} << 40, "Steps before the logits start to move.");
  f("order", o.order, 1, 2,
    "2: the logits learn through the step that the weights would take, at the price of three more runs a step.");
}

}  // namespace frontier
