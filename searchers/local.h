#pragma once

#include <deque>
#include <unordered_map>

#include "searchers/proposals.h"

namespace frontier {

/// Best-first local search (White, Nolen and Savani, "Local Search is State of the Art for Neural Architecture Search
/// Benchmarks", later "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021, arXiv 2005.02960,
/// Algorithm 1): all neighbours of the current subnet are evaluated, the best becomes the current one if it is better,
/// else the search starts anew from a uniform draw. Neighbours differ in one decision that has an effect (neighbours()
/// says precisely). Minimises the first objective and ignores the others.
///
/// It moves after every completed neighbourhood, so it does best where proposals are told before more are asked for.
/// Where more are asked for than the neighbourhood still holds, the rest are uniform draws: the starts of later climbs,
/// in the order of their proposal.
///
/// Differs from the paper: neighbours that were told before keep their value and are not evaluated again; neighbours
/// beyond the budget are none; what was told before the first proposal gives the first start, the best of it.
class LocalSearch final : public Searcher {
 public:
  explicit LocalSearch(const SearchProblem& problem) : proposals_(problem) {}
  std::vector<Architecture> ask(std::size_t n, Rng& rng) override;
  void tell(std::span<const Evaluated> results) override;
  nlohmann::json save() const override;
  void load(const nlohmann::json& state) override;

 private:
  std::optional<Architecture> next(Rng& rng);
  void settle(Rng& rng);
  void move_to(const Architecture& arch, Rng& rng);
  bool is_complete() const;
  double value_of(const Architecture& arch) const { return told_.at(arch).front(); }

  Proposals proposals_;
  std::unordered_map<Architecture, std::vector<double>> told_;  ///< objectives of what lies within the budget
  bool begun_ = false;                                          ///< whether something was proposed
  std::optional<Architecture> current_;                         ///< told; none between two climbs
  std::vector<Architecture> neighbours_;                        ///< of current_
  std::vector<Architecture> queue_;                             ///< neighbours to propose, the next one last
  std::deque<Architecture> starts_;                             ///< uniform draws from which no climb began yet
};

}  // namespace frontier
