#pragma once

#include <deque>

#include "searchers/proposals.h"

namespace frontier {

struct EvolutionOptions {
  int population = 64;       ///< members alive; paper: 100
  int sample = 16;           ///< members of a tournament; paper: 25
  int mutation_tries = 100;  ///< children tried before a proposal becomes a uniform draw
};
template <class Fields>
void describe(Fields& f, EvolutionOptions& o) {
  f("population", o.population, 1, 1'000'000, "Members alive.");
  f("sample", o.sample, 1, 1'000'000, "Members of a tournament, at most the population.");
  f("mutation_tries", o.mutation_tries, 1, 1'000'000, "Children tried before a proposal becomes a uniform draw.");
}

/// Regularized evolution (Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture
/// Search", AAAI 2019, arXiv 1802.01548, Algorithm 1): the best of a random sample of the population is mutated in one
/// decision; the child joins, the oldest member dies. Minimises the first objective and ignores the others.
///
/// Differs from the paper: children are asked for in batches; one over the budget or proposed before is thrown away and
/// mutated anew from a new sample, after `mutation_tries` replaced by a uniform draw; there is no identity mutation.
class Evolution final : public Searcher {
 public:
  /// @throws UsageError if the sample is larger than the population.
  Evolution(const SearchProblem& problem, const EvolutionOptions& options);
  std::vector<Architecture> ask(std::size_t n, Rng& rng) override;
  void tell(std::span<const Evaluated> results) override;
  nlohmann::json save() const override;
  void load(const nlohmann::json& state) override;

 private:
  const Architecture& tournament(Rng& rng) const;
  std::optional<Architecture> child(Rng& rng);

  EvolutionOptions options_;
  Proposals proposals_;
  std::deque<Evaluated> population_;  ///< oldest first
  std::size_t num_random_ = 0;        ///< proposals of the first population
};

}  // namespace frontier
