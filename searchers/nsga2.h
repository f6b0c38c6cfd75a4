#pragma once

#include "searchers/proposals.h"

namespace frontier {

struct Nsga2Options {
  int population = 64;        ///< survivors of a generation, and children in one; paper: 100
  double crossover = 0.9;     ///< probability that a child has two parents; paper: 0.9
  double mutations = 1.0;     ///< decisions changed in a child, expected; paper: 1
  int variation_tries = 100;  ///< children tried before a proposal becomes a uniform draw
};
template <class Fields>
void describe(Fields& f, Nsga2Options& o) {
  f("population", o.population, 2, 1'000'000, "Survivors of a generation, and children in one.");
  f("crossover", o.crossover, 0.0, 1.0, "Probability that a child has two parents.");
  f("mutations", o.mutations, 0.0, 1e6, "Decisions changed in a child, expected.");
  f("variation_tries", o.variation_tries, 1, 1'000'000, "Children tried before a proposal becomes a uniform draw.");
}

/// Crowding distance of the points of one front (Deb et al. 2002, section III-B), `dims` values a point. The two ends
/// of an objective get infinity; an objective in which all are equal adds nothing. Never NaN.
std::vector<double> crowding_distances(std::span<const double> points, std::size_t dims);

/// NSGA-II (Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
/// TEVC 2002): binary tournaments by rank, then crowding distance; uniform crossover and mutation; the best of parents
/// and children survive.
///
/// Differs from the paper: the limits of the budget are kept by proposing only what is within them (a child over the
/// budget or proposed before is made anew, after `variation_tries` replaced by a uniform draw); crossover is uniform
/// over categorical decisions instead of simulated binary; a generation ends when as many children as the population
/// has were told, so children of two generations may be out at once when more are asked for than told.
class Nsga2 final : public Searcher {
 public:
  Nsga2(const SearchProblem& problem, const Nsga2Options& options);
  std::vector<Architecture> ask(std::size_t n, Rng& rng) override;
  void tell(std::span<const Evaluated> results) override;
  nlohmann::json save() const override;
  void load(const nlohmann::json& state) override;

 private:
  void select();
  void rank();
  const Architecture& tournament(Rng& rng) const;
  Architecture vary(Rng& rng) const;
  std::optional<Architecture> child(Rng& rng);

  Nsga2Options options_;
  Proposals proposals_;
  std::vector<Evaluated> parents_;   ///< survivors
  std::vector<Evaluated> children_;  ///< told since the last selection
  std::size_t num_random_ = 0;       ///< proposals of the first generation
  std::vector<std::size_t> ranks_;   ///< of parents_
  std::vector<double> crowding_;     ///< of parents_
};

}  // namespace frontier
