#pragma once

#include "supernet/samplers/sampler.h"

namespace frontier {

/// Always the same subnet: how one network is trained by the supernet's trainer.
class FixedSampler : public Sampler {
 public:
  explicit FixedSampler(Architecture arch) : arch_(std::move(arch)) {}
  std::string_view name() const override { return "fixed"; }
  std::vector<SampledSubnet> next(const TrainingState&, Rng&) override { return {{arch_, {}}}; }

 private:
  Architecture arch_;
};

}  // namespace frontier
