#pragma once

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Differentiable architecture search (Liu, Simonyan and Yang, "DARTS", arXiv 1806.09055): every decision
/// is a softmax over its branches, whose outputs are summed by it; each step the logits learn on a batch of their own,
/// by Adam with L2, then the weights. For spaces all of whose decisions are between branches. Differs from the paper:
/// one vector of logits a decision of any space, in place of the two cell types' edges; what is derived is the valid
/// architecture with the greatest sum of log-probabilities; second order looks ahead at the weights' own learning rate,
/// and by the training loss with all that makes it harder.
class DartsSampler : public Sampler {
 public:
  struct Options {
    double init_deviation = 1e-3;   ///< logits start as N(0, this^2); 1e-3 in the official code
    double lr = 3e-3;               ///< of the logits; 6e-4 in the paper, with batches of 64 and 50 epochs
    double weight_decay = 1e-3;     ///< L2, as in the paper
    double beta1 = 0.5;             ///< as in the paper
    double beta2 = 0.999;           ///< as in the paper
    std::int64_t warmup_steps = 0;  ///< steps before the logits start to move
    int order = 1;                  ///< 2: through the step that the weights would take, for three more runs a step
  };
  /// @throws UsageError for a space with decisions about widths, kernels or sides.
  DartsSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
               const Rng& rng);
  std::string_view name() const override { return "darts"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  std::vector<ParameterGroup> groups() override;
  bool uses(Stream stream) const override { return stream != Stream::kHeldOut; }
  bool unrolls() const override { return options_.order == 2; }
  /// "entropy" of all decisions together, as a share of what it is at most.
  std::vector<std::pair<std::string, double>> metrics() const override;
  std::optional<Architecture> derive() const override;
  SamplerState save() const override;
  void load(const SamplerState& state) override;

  /// [options] of a decision, a view: what is learned.
  at::Tensor logits(std::size_t decision) const;

 private:
  std::shared_ptr<const SearchSpace> space_;
  Options options_;
  ParameterStore logits_;  ///< a parameter a decision
};

template <class Fields>
void describe(Fields& f, DartsSampler::Options& o) {
  f("init_deviation", o.init_deviation, 0.0, 10.0, "Standard deviation of the logits at the start.");
  f("lr", o.lr, 0.0, 1000.0, "Learning rate of the logits (Adam).");
  f("weight_decay", o.weight_decay, 0.0, 100.0, "L2 of the logits.");
  f("beta1", o.beta1, 0.0, 0.9999999, "Adam's decay of the running mean of the logits' gradient.");
  f("beta2", o.beta2, 0.0, 0.9999999, "Adam's decay of the running mean of its square.");
  f("warmup_steps", o.warmup_steps, 0, std::int64_t{1} << 40, "Steps before the logits start to move.");
  f("order", o.order, 1, 2,
    "2: the logits learn through the step that the weights would take, at the price of three more runs a step.");
}

}  // namespace frontier
