#include "supernet/samplers/sandwich.h"

#include "search_spaces/budget.h"

namespace frontier {

Work sandwich(const Architecture& largest, const Architecture& smallest, std::span<const Architecture> others,
              bool taught) {
  Lesson lesson;
  if (taught) lesson.of = {0};
  Work work{.subnets = {{largest}, {.selection = smallest, .lesson = lesson}}};
  for (const Architecture& arch : others) work.subnets.push_back({.selection = arch, .lesson = lesson});
  return work;
}

SandwichSampler::SandwichSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input,
                                 const Options& options, const Rng&)
    : space_(std::move(space)), options_(options) {
  const FeasibleSet all(*space_, input, Budget{});
  largest_ = all.most_macs().arch;
  smallest_ = all.least_macs().arch;
}

std::optional<Work> SandwichSampler::next(const StepContext& context, Rng& rng) {
  if (context.works > 0) return std::nullopt;
  std::vector<Architecture> others;
  for (int i = 0; i < options_.random_subnets; ++i) others.push_back(space_->random(rng));
  return sandwich(largest_, smallest_, others, distills());
}

}  // namespace frontier
