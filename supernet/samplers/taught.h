#pragma once

#include "supernet/samplers/decorator.h"

namespace frontier {

/// Another sampler, and how its subnets are taught: whatever trains weights by the labels learns from a teacher in
/// their place, or beside them, where there is one; all lessons, those of subnets that learn from others among them,
/// are learned by one divergence, but for those to which the sampler gives one of its own.
class TaughtSampler : public SamplerDecorator {
 public:
  TaughtSampler(std::unique_ptr<Sampler> sampler, std::optional<Lesson> teacher, const DivergenceOptions& divergence)
      : SamplerDecorator(std::move(sampler)), teacher_(std::move(teacher)), divergence_(divergence) {}
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  bool distills() const override { return teacher_ || SamplerDecorator::distills(); }

 private:
  std::optional<Lesson> teacher_;
  DivergenceOptions divergence_;
};

}  // namespace frontier
