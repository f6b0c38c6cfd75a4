#pragma once

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Always the same subnet, whose weights are all there is: a network trained on its own, from scratch.
class FixedSampler : public StatelessSampler {
 public:
  struct Options {
    std::string arch;  ///< in the space's notation or its JSON form
  };
  /// @throws UsageError if there is no architecture or it is no member.
  FixedSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
               const Rng& rng);
  std::string_view name() const override { return "fixed"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  std::optional<Selection> widest() const override { return Selection(arch_); }
  std::optional<Architecture> derive() const override { return arch_; }

 private:
  Architecture arch_;
};

template <class Fields>
void describe(Fields& f, FixedSampler::Options& o) {
  f("arch", o.arch, "The one architecture that is trained, in the space's notation or as JSON; it must be given.");
}

}  // namespace frontier
