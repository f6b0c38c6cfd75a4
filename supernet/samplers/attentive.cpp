#include "supernet/samplers/attentive.h"

#include <torch/types.h>

#include "supernet/samplers/sandwich.h"

namespace frontier {

AttentiveSampler::AttentiveSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input,
                                   const Options& options, const Rng&)
    : space_(std::move(space)), options_(options), bins_(*space_, input, options) {}

std::optional<Work> AttentiveSampler::next(const StepContext& context, Rng& rng) {
  const bool compares = options_.candidates > 1 && options_.random_subnets > 0;
  if (context.works == 0) draw(rng);
  if (context.works == 0 && compares) return comparison();
  if (context.works > (compares ? 1U : 0U)) return std::nullopt;
  return sandwich(bins_.all().most_macs().arch, bins_.all().least_macs().arch,
                  compares ? chosen(context.outcomes.front()) : drawn_, distills());
}

/// The candidates of one place behind those of the other.
void AttentiveSampler::draw(Rng& rng) {
  drawn_.clear();
  for (int place = 0; place < options_.random_subnets; ++place) {
    const std::size_t bin = bins_.bin_of(space_->random(rng));
    for (int i = 0; i < options_.candidates; ++i) drawn_.push_back(bins_.draw(bin, rng));
  }
}

Work AttentiveSampler::comparison() const {
  return {.subnets = {drawn_.begin(), drawn_.end()}, .learn = Learn::kNothing, .then_step = {}};
}

std::vector<Architecture> AttentiveSampler::chosen(std::span<const Outcome> outcomes) const {
  std::vector<at::Tensor> losses;
  for (const Outcome& outcome : outcomes) losses.push_back(outcome.loss);
  const at::Tensor by_place = at::stack(losses).view({options_.random_subnets, options_.candidates});
  const at::Tensor best = (options_.attention == "best" ? by_place.argmin(1) : by_place.argmax(1)).to(at::kCPU);
  std::vector<Architecture> archs;
  for (std::int64_t place = 0; place < options_.random_subnets; ++place)
    archs.push_back(drawn_[static_cast<std::size_t>(place * options_.candidates + best[place].item<std::int64_t>())]);
  return archs;
}

}  // namespace frontier
