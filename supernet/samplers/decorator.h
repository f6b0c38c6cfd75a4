#pragma once

#include <memory>
#include <utility>

#include "supernet/samplers/sampler.h"

namespace frontier {

/// Another sampler, to be changed in some way: everything else is passed on to it.
class SamplerDecorator : public Sampler {
 public:
  explicit SamplerDecorator(std::unique_ptr<Sampler> sampler) : sampler_(std::move(sampler)) {}
  std::string_view name() const override { return sampler_->name(); }
  std::optional<Work> next(const StepContext& context, Rng& rng) override { return sampler_->next(context, rng); }
  void observe(const Work& work, std::span<const Outcome> outcomes) override { sampler_->observe(work, outcomes); }
  at::Tensor penalty(const Work& work, const Candidate& subnet) override { return sampler_->penalty(work, subnet); }
  std::vector<ParameterGroup> groups() override { return sampler_->groups(); }
  bool uses(Stream stream) const override { return sampler_->uses(stream); }
  bool unrolls() const override { return sampler_->unrolls(); }
  bool distills() const override { return sampler_->distills(); }
  std::vector<std::pair<std::string, double>> metrics() const override { return sampler_->metrics(); }
  std::optional<Selection> widest() const override { return sampler_->widest(); }
  std::optional<Architecture> derive() const override { return sampler_->derive(); }
  SamplerState save() const override { return sampler_->save(); }
  void load(const SamplerState& state) override { sampler_->load(state); }

 protected:
  Sampler& sampler() { return *sampler_; }
  const Sampler& sampler() const { return *sampler_; }

 private:
  std::unique_ptr<Sampler> sampler_;
};

}  // namespace frontier
