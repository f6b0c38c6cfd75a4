#include "supernet/samplers/sandwich.h"

#include "search_spaces/budget.h"

namespace frontier {

SandwichSampler::SandwichSampler(std::shared_ptr<const SearchSpace> space, const Options& options)
    : space_(std::move(space)), options_(options) {
  const FeasibleSet all(*space_, space_->default_input(), Budget{});
  largest_ = all.most_macs().arch;
  smallest_ = all.least_macs().arch;
}

std::vector<SampledSubnet> SandwichSampler::next(const TrainingState&, Rng& rng) {
  std::vector<SampledSubnet> subnets{{largest_, {}}, {smallest_, {}}};
  for (int i = 0; i < options_.random_subnets; ++i) subnets.push_back({space_->random(rng), {}});
  return subnets;
}

}  // namespace frontier
