#pragma once

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Single-path one-shot sampling (Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling",
/// arXiv 1904.00420): every decision independently, every option equally likely. Differs from the paper: several
/// subnets a step are possible; their gradients are added up.
class UniformSampler : public StatelessSampler {
 public:
  struct Options {
    int subnets_per_step = 1;  ///< 1 in the paper
  };
  UniformSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                 const Rng& rng);
  std::string_view name() const override { return "uniform"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;

 private:
  std::shared_ptr<const SearchSpace> space_;
  Options options_;
};

template <class Fields>
void describe(Fields& f, UniformSampler::Options& o) {
  f("subnets_per_step", o.subnets_per_step, 1, 1024, "Subnets a step; their gradients are added up.");
}

}  // namespace frontier
