#include "report/decisions.h"

#include <nlohmann/json.hpp>

namespace frontier {

std::vector<DecisionUse> decisions_of(const SearchSpace& space, std::span<const std::string> archs) {
  const auto decisions = space.decisions();
  std::vector<std::vector<std::size_t>> counts;
  for (const Decision& decision : decisions) counts.emplace_back(decision.options.size());
  for (const std::string& text : archs) {
    const nlohmann::json choices = space.to_json(space.parse(text));  // without the decisions that have no effect
    for (std::size_t d = 0; d < decisions.size(); ++d)
      if (const auto choice = choices.find(decisions[d].name); choice != choices.end())
        if (const auto option = decisions[d].find(choice->get<std::string>())) ++counts[d][*option];
  }
  std::vector<DecisionUse> uses;
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    DecisionUse use{.decision = decisions[d].name, .num_options = counts[d].size(), .num_networks = 0, .options = {}};
    for (std::size_t option = 0; option < counts[d].size(); ++option) {
      if (counts[d][option] == 0) continue;
      use.num_networks += counts[d][option];
      use.options.push_back({decisions[d].options[option], option, counts[d][option]});
    }
    if (use.num_networks > 0) uses.push_back(std::move(use));
  }
  return uses;
}

}  // namespace frontier
