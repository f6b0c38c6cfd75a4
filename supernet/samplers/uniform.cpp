#include "supernet/samplers/uniform.h"

namespace frontier {

std::vector<SampledSubnet> UniformSampler::next(const TrainingState&, Rng& rng) {
  std::vector<SampledSubnet> subnets;
  for (int i = 0; i < options_.subnets_per_step; ++i) subnets.push_back({space_->random(rng), {}});
  return subnets;
}

}  // namespace frontier
