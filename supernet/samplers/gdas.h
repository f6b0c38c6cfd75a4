#pragma once

#include "common/schedule.h"
#include "supernet/samplers/branches.h"

namespace frontier {

/// Gradient-based search by a differentiable architecture sampler (Dong and Yang, "Searching for a Robust Neural
/// Architecture in Four GPU Hours", arXiv 1910.04465): every pass draws one branch a decision by Gumbel's maximum and
/// runs it alone; the logits learn through the softmax behind the draw (straight-through), whose temperature falls.
/// Differs from the paper's code for NAS-Bench-201: branches that are not drawn add nothing to the output, nor to the
/// gradients; the clipping of the weights leaves the logits' gradients out.
class GdasSampler : public BranchSampler {
 public:
  struct Options : LogitOptions {
    double temperature = 10;       ///< at the start
    double temperature_end = 0.1;  ///< falls to it linearly
  };
  GdasSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
              const Rng& rng);

 protected:
  Candidate subnet(const StepContext& context, Rng& rng) override;
  bool trains_weights_first() const override { return true; }

 private:
  Options options_;
};

template <class Fields>
void describe(Fields& f, GdasSampler::Options& o) {
  describe(f, static_cast<LogitOptions&>(o));
  f("temperature", o.temperature, 1e-3, 1e3, "Of the softmax behind the draws, at the start.");
  f("temperature_end", o.temperature_end, 1e-3, 1e3,
    "Of the softmax behind the draws at the end, to which it falls linearly.");
}

}  // namespace frontier
