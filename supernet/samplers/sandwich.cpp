#include "supernet/samplers/sandwich.h"

#include "search_spaces/budget.h"

namespace frontier {

SandwichSampler::SandwichSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input,
                                 const Options& options, const Rng&)
    : space_(std::move(space)), options_(options) {
  const FeasibleSet all(*space_, input, Budget{});
  largest_ = all.most_macs().arch;
  smallest_ = all.least_macs().arch;
}

std::optional<Work> SandwichSampler::next(const StepContext& context, Rng& rng) {
  if (context.works > 0) return std::nullopt;
  Lesson lesson;
  if (options_.distill == "inplace") lesson.of = {0};
  Work work{.subnets = {{largest_}, {.selection = smallest_, .lesson = lesson}}};
  for (int i = 0; i < options_.random_subnets; ++i)
    work.subnets.push_back({.selection = space_->random(rng), .lesson = lesson});
  return work;
}

}  // namespace frontier
