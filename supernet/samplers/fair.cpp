#include "supernet/samplers/fair.h"

#include <algorithm>
#include <numeric>

#include "common/errors.h"

namespace frontier {

FairSampler::FairSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options&, const Rng&)
    : space_(std::move(space)), decks_(space_->decisions().size()) {
  if (space_->listed() || !space_->cost_table(input).constraints().empty())
    throw UsageError(
        "sampler 'fair' takes every option equally often, but not all combinations of options are "
        "networks of '" +
        space_->name() + "'; choose another sampler");
  for (const Decision& decision : space_->decisions())
    subnets_per_step_ = std::max(subnets_per_step_, decision.options.size());
}

std::optional<Work> FairSampler::next(const StepContext& context, Rng& rng) {
  if (context.works > 0) return std::nullopt;
  Work work;
  for (std::size_t i = 0; i < subnets_per_step_; ++i) {
    Architecture arch;
    for (std::size_t d = 0; d < decks_.size(); ++d) {
      auto& deck = decks_[d];
      if (deck.empty()) {
        deck.resize(space_->decisions()[d].options.size());
        std::iota(deck.begin(), deck.end(), std::uint16_t{0});
        rng.shuffle(deck);
      }
      arch.choices.push_back(deck.back());
      deck.pop_back();
    }
    work.subnets.push_back({space_->canonical(arch)});
  }
  return work;
}

SamplerState FairSampler::save() const { return {.tensors = {}, .values = {{"decks", decks_}}}; }

void FairSampler::load(const SamplerState& state) {
  const auto refuse = [&] {
    throw UsageError("the checkpoint's sampler state is not of sampler 'fair' on '" + space_->name() + "'");
  };
  if (!state.tensors.empty() || state.values.size() != 1 || !state.values.contains("decks")) refuse();
  std::vector<std::vector<std::uint16_t>> decks;
  try {
    decks = state.values["decks"].get<std::vector<std::vector<std::uint16_t>>>();
  } catch (const nlohmann::json::exception&) {
    refuse();
  }
  if (decks.size() != decks_.size()) refuse();
  for (std::size_t d = 0; d < decks.size(); ++d) {
    std::vector<std::uint16_t> sorted = decks[d];
    std::sort(sorted.begin(), sorted.end());
    const bool repeats = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
    if (repeats || (!sorted.empty() && sorted.back() >= space_->decisions()[d].options.size())) refuse();
  }
  decks_ = std::move(decks);
}

}  // namespace frontier
