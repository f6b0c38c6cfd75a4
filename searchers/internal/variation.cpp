#include "searchers/internal/variation.h"

#include <algorithm>

namespace frontier {

std::vector<std::size_t> mutable_decisions(const FeasibleSet& feasible, const Architecture& arch) {
  const auto& table = feasible.table();
  std::vector<std::size_t> result;
  for (std::size_t d = 0; d < arch.choices.size(); ++d)
    if (table.decisions()[d].options.size() > 1 && table.activity()[d].at(arch) != 0) result.push_back(d);
  return result;
}

void fill_inactive(const FeasibleSet& feasible, Architecture& arch, Rng& rng) {
  const auto& table = feasible.table();
  const Architecture before = arch;
  for (std::size_t d = 0; d < arch.choices.size(); ++d)
    if (table.activity()[d].at(before) == 0)
      arch.choices[d] = static_cast<std::uint16_t>(rng.below(table.decisions()[d].options.size()));
}

void change(const FeasibleSet& feasible, Architecture& arch, std::size_t decision, Rng& rng) {
  const std::size_t options = feasible.table().decisions()[decision].options.size();
  const auto other = static_cast<std::uint16_t>(rng.below(options - 1));
  arch.choices[decision] = static_cast<std::uint16_t>(other < arch.choices[decision] ? other : other + 1);
}

Architecture mutate_one(const SearchProblem& problem, const Architecture& parent, Rng& rng) {
  const auto decisions = mutable_decisions(*problem.feasible, parent);
  if (decisions.empty()) return parent;
  Architecture child = parent;
  fill_inactive(*problem.feasible, child, rng);
  change(*problem.feasible, child, decisions[rng.below(decisions.size())], rng);
  return problem.space->meets_constraints(child) ? problem.space->canonical(child) : parent;
}

std::vector<Architecture> neighbours(const SearchProblem& problem, const Architecture& arch) {
  std::vector<Architecture> found;
  for (const auto d : mutable_decisions(*problem.feasible, arch)) {
    const std::size_t options = problem.feasible->table().decisions()[d].options.size();
    for (std::size_t option = 0; option < options; ++option) {
      if (option == arch.choices[d]) continue;
      Architecture changed = arch;
      changed.choices[d] = static_cast<std::uint16_t>(option);
      if (!problem.space->meets_constraints(changed)) continue;
      changed = problem.space->canonical(changed);
      if (changed != arch && may_be_proposed(problem, changed) &&
          std::find(found.begin(), found.end(), changed) == found.end())
        found.push_back(std::move(changed));
    }
  }
  return found;
}

}  // namespace frontier
