#pragma once

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Differentiable architecture search (Liu, Simonyan and Yang, "DARTS", arXiv 1806.09055), first order: every decision
/// is a softmax over its branches, whose outputs are summed by it; the logits learn on batches of their own. For spaces
/// all of whose decisions are between branches (Builder::mix). Differs from the paper: one vector of logits a decision
/// of any space, in place of the two cell types' edges.
class DartsSampler : public Sampler {
 public:
  struct Options {
    double init_deviation = 1e-3;  ///< logits start as N(0, this^2); 1e-3 in the official code
    std::int64_t seed = 0;         ///< of that start
  };
  DartsSampler(std::shared_ptr<const SearchSpace> space, const Options& options);
  std::string_view name() const override { return "darts"; }
  std::vector<SampledSubnet> next(const TrainingState& state, Rng& rng) override;
  std::vector<at::Tensor> parameters() override { return logits_; }
  /// The likeliest option of every decision.
  std::optional<Architecture> derive() const override;

 private:
  std::shared_ptr<const SearchSpace> space_;
  std::vector<at::Tensor> logits_;  ///< a decision each, [options]
};

template <class Fields>
void describe(Fields& f, DartsSampler::Options& o) {
  f("init_deviation", o.init_deviation, 0.0, 10.0);
  f("seed", o.seed, 0, std::int64_t{1} << 53);
}

}  // namespace frontier
