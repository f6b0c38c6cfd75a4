#pragma once

#include <memory>

#include "supernet/samplers/sampler.h"

namespace frontier {

/// Another sampler, and how its subnets are taught: whatever trains weights by the labels learns from a teacher in
/// their place, or beside them, where there is one; all lessons, those of subnets that learn from others among them,
/// are learned by one divergence.
class TaughtSampler : public Sampler {
 public:
  TaughtSampler(std::unique_ptr<Sampler> sampler, std::optional<Lesson> teacher, const DivergenceOptions& divergence)
      : sampler_(std::move(sampler)), teacher_(std::move(teacher)), divergence_(divergence) {}
  std::string_view name() const override { return sampler_->name(); }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  void observe(const Work& work, std::span<const Outcome> outcomes) override { sampler_->observe(work, outcomes); }
  at::Tensor penalty(const Work& work, const Candidate& subnet) override { return sampler_->penalty(work, subnet); }
  std::vector<ParameterGroup> groups() override { return sampler_->groups(); }
  bool uses(Stream stream) const override { return sampler_->uses(stream); }
  bool unrolls() const override { return sampler_->unrolls(); }
  bool distills() const override { return teacher_ || sampler_->distills(); }
  std::vector<std::pair<std::string, double>> metrics() const override { return sampler_->metrics(); }
  std::optional<Selection> widest() const override { return sampler_->widest(); }
  std::optional<Architecture> derive() const override { return sampler_->derive(); }
  SamplerState save() const override { return sampler_->save(); }
  void load(const SamplerState& state) override { sampler_->load(state); }

 private:
  std::unique_ptr<Sampler> sampler_;
  std::optional<Lesson> teacher_;
  DivergenceOptions divergence_;
};

}  // namespace frontier
