#include "supernet/samplers/pc_darts.h"

#include <torch/types.h>

#include <algorithm>

#include "common/errors.h"
#include "supernet/numbers.h"

namespace frontier {

PcDartsSampler::PcDartsSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input,
                               const Options& options, const Rng& rng)
    : BranchSampler("pc_darts", std::move(space), input, Learned::kBranches, options, rng, options.edge_normalisation),
      options_(options) {
  if (!options.edge_normalisation && options.edge_score != "product")
    throw UsageError("sampler.edge_score = " + options.edge_score +
                     " has no effect without edge normalisation; set sampler.edge_normalisation to true");
}

Candidate PcDartsSampler::subnet(const StepContext&, Rng&) {
  EdgeWeights weights = every_edge();
  if (options_.edge_normalisation)
    for (const EdgeSite& site : edges().sites)
      weights[site.site.name] = at::softmax(learned(parameters(), edge_parameter(site)), 0);
  return everything([](const at::Tensor& logits) { return at::softmax(logits, 0); }, std::move(weights));
}

std::vector<double> PcDartsSampler::edge_weights(const EdgeSite& site) const {
  if (!options_.edge_normalisation) return std::vector<double>(site.site.inputs, 1.0);
  return numbers_of(at::softmax(parameters().value(edge_parameter(site)).to(at::kDouble), 0));
}

std::vector<std::vector<double>> PcDartsSampler::scores() const {
  constexpr double kTieBreak = 1e-9;  // operations within an edge that edge weights alone have chosen
  constexpr double kLeast = 1e-300;   // what is forbidden stays so, whatever its edge weighs
  auto scores = BranchSampler::scores();
  for (const EdgeSite& site : edges().sites) {
    const std::vector<double> weights = edge_weights(site);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (!site.operations[i]) continue;
      const double weight = std::max(weights[i], kLeast);
      for (double& score : scores[*site.operations[i]])
        score = options_.edge_score == "product" ? score * weight : weight + kTieBreak * score;
    }
  }
  return scores;
}

}  // namespace frontier
