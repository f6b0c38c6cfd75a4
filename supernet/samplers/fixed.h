#pragma once

#include "common/errors.h"
#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Always the same subnet: how one network is trained by the supernet's trainer.
class FixedSampler : public Sampler {
 public:
  struct Options {
    std::string arch;  ///< in the space's notation or as JSON
  };
  explicit FixedSampler(Architecture arch) : arch_(std::move(arch)) {}
  FixedSampler(const std::shared_ptr<const SearchSpace>& space, const Options& options)
      : FixedSampler(arch_of(*space, options)) {}
  std::string_view name() const override { return "fixed"; }
  std::vector<SampledSubnet> next(const TrainingState&, Rng&) override { return {{arch_, {}}}; }

  /// Canonical. @throws UsageError where none is given.
  static Architecture arch_of(const SearchSpace& space, const Options& options) {
    if (options.arch.empty()) throw UsageError("sampler.arch is empty; say which subnet the sampler 'fixed' trains");
    return space.canonical(space.parse(options.arch));
  }

 private:
  Architecture arch_;
};

template <class Fields>
void describe(Fields& f, FixedSampler::Options& o) {
  f("arch", o.arch);
}

}  // namespace frontier
