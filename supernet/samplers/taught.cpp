#include "supernet/samplers/taught.h"

namespace frontier {

std::optional<Work> TaughtSampler::next(const StepContext& context, Rng& rng) {
  auto work = sampler_->next(context, rng);
  if (work && learns(work->learn, Learn::kWeights))
    for (Candidate& subnet : work->subnets)
      if (subnet.lesson.is_from_labels()) subnet.lesson = lesson_;
  return work;
}

}  // namespace frontier
