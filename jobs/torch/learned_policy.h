#pragma once

#include "jobs/torch/prepare.h"
#include "searchers/cost_policy.h"
#include "supernet/samplers/shiftnas.h"

namespace frontier {

/// What a checkpoint holds of its sampler; of a folder without one, nothing.
SamplerState sampler_state_of(const Checkpoint& checkpoint);

/// The generator that the sampler shiftnas trained with a supernet (ShiftNasSampler::scores()), whatever else was set
/// of that training: rates and momenta by subnet and teachers leave it the same generator.
class LearnedPolicy final : public CostPolicy {
 public:
  /// @param prepared of the checkpoint; may be gone afterwards.
  /// @throws UsageError for a checkpoint of another sampler, or a state that is not this one's.
  LearnedPolicy(const Prepared& prepared, const SamplerState& state);
  const std::string& price() const override { return sampler_.price(); }
  std::vector<std::vector<double>> scores(double cost, Rng* noise) const override {
    return sampler_.scores(cost, noise);
  }

 private:
  ShiftNasSampler sampler_;
};

}  // namespace frontier
