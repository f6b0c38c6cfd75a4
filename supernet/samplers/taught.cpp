#include "supernet/samplers/taught.h"

namespace frontier {

std::optional<Work> TaughtSampler::next(const StepContext& context, Rng& rng) {
  auto work = sampler().next(context, rng);
  if (!work || !learns(work->learn, Learn::kWeights)) return work;
  for (Candidate& subnet : work->subnets) {
    if (teacher_ && subnet.lesson.is_from_labels()) subnet.lesson = *teacher_;
    if (subnet.lesson.divergence == DivergenceOptions{}) subnet.lesson.divergence = divergence_;
  }
  return work;
}

}  // namespace frontier
