#include "supernet/samplers/cost_bins.h"

namespace frontier {

CostBinsSampler::CostBinsSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input,
                                 const Options& options, const Rng&)
    : space_(std::move(space)), options_(options), bins_(*space_, input, options) {}

std::optional<Work> CostBinsSampler::next(const StepContext& context, Rng& rng) {
  if (context.works > 0) return std::nullopt;
  Work work;
  for (int i = 0; i < options_.subnets_per_step; ++i)
    work.subnets.push_back({bins_.draw(rng.below(bins_.size()), rng)});
  return work;
}

}  // namespace frontier
