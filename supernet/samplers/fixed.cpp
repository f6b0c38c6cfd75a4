#include "supernet/samplers/fixed.h"

#include "common/errors.h"

namespace frontier {

FixedSampler::FixedSampler(std::shared_ptr<const SearchSpace> space, const InputShape&, const Options& options,
                           const Rng&) {
  if (options.arch.empty())
    throw UsageError("sampler 'fixed' trains one architecture; give it with --set sampler.arch=...");
  arch_ = space->parse(options.arch);
}

std::optional<Work> FixedSampler::next(const StepContext& context, Rng&) {
  if (context.works > 0) return std::nullopt;
  return Work{.subnets = {{arch_}}};
}

}  // namespace frontier
