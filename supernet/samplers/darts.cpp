#include "supernet/samplers/darts.h"

#include <torch/types.h>

#include "supernet/numbers.h"

namespace frontier {

DartsSampler::DartsSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                           const Rng& rng)
    : BranchSampler("darts", std::move(space), input, Learned::kAll, options, rng), options_(options) {}

Candidate DartsSampler::subnet(const StepContext&, Rng&) {
  std::vector<at::Tensor> gates;
  for (std::size_t d = 0; d < space().decisions().size(); ++d) gates.push_back(at::softmax(learned_logits(d), 0));
  return {Selection::everything(space().decisions()), Gates(space().decisions(), std::move(gates))};
}

std::vector<std::vector<double>> DartsSampler::scores() const {
  std::vector<std::vector<double>> scores;
  for (std::size_t d = 0; d < space().decisions().size(); ++d)
    scores.push_back(numbers_of(at::log_softmax(logits(d).to(at::kDouble), 0)));
  return scores;
}

}  // namespace frontier
