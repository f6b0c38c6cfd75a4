#pragma once

#include "searchers/proposals.h"

namespace frontier {

/// Random search: every proposal uniform among the subnets within the budget that were not proposed before. Ends when
/// there are none left. The baseline for all others (Li and Talwalkar, "Random Search and Reproducibility for Neural
/// Architecture Search", arXiv 1902.07638). Differs from the paper: none proposed twice.
class RandomSearcher final : public Searcher {
 public:
  explicit RandomSearcher(const SearchProblem& problem) : proposals_(problem) {}
  std::vector<Architecture> ask(std::size_t n, Rng& rng) override;
  void tell(std::span<const Evaluated> results) override;
  nlohmann::json save() const override;
  void load(const nlohmann::json& state) override;

 private:
  Proposals proposals_;
};

}  // namespace frontier
