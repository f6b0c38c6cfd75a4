#pragma once

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Strict fairness (Chu, Zhang and Xu, "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture
/// Search", arXiv 1907.01845, algorithm 1): as many subnets a step as a decision has options, drawn without
/// replacement, so that each option takes part once; their gradients are added up to one update. Where decisions have
/// different numbers of options, a step has as many subnets as the greatest of them, and the others go on through
/// shuffled decks, so that at no time two options of a decision have been taken numbers of times that differ by more
/// than 1. Differs from the paper: gradients are added, not averaged, as with every sampler here. Fair are the options
/// as drawn, those of blocks beyond the depth among them.
class FairSampler : public Sampler {
 public:
  struct Options {};
  /// @throws UsageError for a space whose architectures must meet conditions: what is left out would not be fair.
  FairSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
              const Rng& rng);
  std::string_view name() const override { return "fair"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  SamplerState save() const override;
  void load(const SamplerState& state) override;

 private:
  std::shared_ptr<const SearchSpace> space_;
  std::size_t subnets_per_step_ = 1;
  std::vector<std::vector<std::uint16_t>> decks_;  ///< by decision: options that are still to come in this round
};

template <class Fields>
void describe(Fields&, FairSampler::Options&) {}

}  // namespace frontier
