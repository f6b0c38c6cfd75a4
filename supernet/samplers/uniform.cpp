#include "supernet/samplers/uniform.h"

namespace frontier {

UniformSampler::UniformSampler(std::shared_ptr<const SearchSpace> space, const InputShape&, const Options& options,
                               const Rng&)
    : space_(std::move(space)), options_(options) {}

std::optional<Work> UniformSampler::next(const StepContext& context, Rng& rng) {
  if (context.works > 0) return std::nullopt;
  Work work;
  for (int i = 0; i < options_.subnets_per_step; ++i) work.subnets.push_back({space_->random(rng)});
  return work;
}

}  // namespace frontier
