#pragma once

#include "common/options.h"
#include "search_spaces/cost_bins.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Every bin of cost equally often, and every subnet of a bin: where options are drawn uniformly, nearly all subnets
/// cost the same, and the cheapest and the dearest are hardly trained. This is what is left of ShiftNAS (Zhang et al.,
/// arXiv 2307.08300) without its generator and its shift.
class CostBinsSampler : public StatelessSampler {
 public:
  struct Options : CostBinOptions {
    int subnets_per_step = 1;
  };
  CostBinsSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                  const Rng& rng);
  std::string_view name() const override { return "cost_bins"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;

 private:
  std::shared_ptr<const SearchSpace> space_;
  Options options_;
  CostBins bins_;
};

template <class Fields>
void describe(Fields& f, CostBinsSampler::Options& o) {
  describe(f, static_cast<CostBinOptions&>(o));
  f("subnets_per_step", o.subnets_per_step, 1, 1024, "Subnets a step, each of a bin of its own draw.");
}

}  // namespace frontier
