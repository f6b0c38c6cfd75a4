#include "searchers/proposals.h"

#include <algorithm>
#include <cmath>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {

Proposals::Proposals(const SearchProblem& problem) : problem_(problem) {
  if (problem.num_objectives == 0) throw UsageError("a search needs at least one objective");
  if (problem.among == nullptr) return;
  for (std::size_t i = 0; i < problem.among->size(); ++i)
    if (problem.feasible->contains((*problem.among)[i])) within_.push_back(i);
}

/// Of all that may be proposed.
CountRange Proposals::count(bool exactly) const {
  if (problem_.among != nullptr) return {within_.size(), within_.size()};
  return exactly ? problem_.feasible->count() : problem_.feasible->estimate();
}

/// Uniform among all that may be proposed.
Architecture Proposals::draw_any(Rng& rng) const {
  if (problem_.among == nullptr) return problem_.feasible->draw(rng);
  return (*problem_.among)[within_[rng.below(within_.size())]];
}

Evaluated Proposals::checked(const Evaluated& result) const {
  Evaluated checked{problem_.space->canonical(result.arch), result.objectives};
  // Only for messages: writing an architecture costs more than all the rest here.
  const auto name = [&] { return "result of " + problem_.space->to_string(checked.arch); };
  if (checked.objectives.size() != problem_.num_objectives)
    throw UsageError(name() + " has " + std::to_string(checked.objectives.size()) + " objectives, the search has " +
                     std::to_string(problem_.num_objectives));
  for (std::size_t i = 0; i < checked.objectives.size(); ++i)
    if (!std::isfinite(checked.objectives[i]))
      throw UsageError(name() + ": objective " + std::to_string(i) + " is not a finite number");
  return checked;
}

bool Proposals::accept(const Architecture& arch) {
  return may_be_proposed(problem_, arch) && known_.insert(arch).second;
}

std::optional<Architecture> Proposals::draw(Rng& rng) {
  CountRange count = this->count(/*exactly=*/false);
  if (count.at_least <= known_.size()) count = this->count(/*exactly=*/true);  // near the end: worth its seconds
  // Architectures told from elsewhere may lie outside the budget, so what is known bounds what is used up from above.
  const auto used = [&] {
    return static_cast<BigCount>(
        std::count_if(known_.begin(), known_.end(), [&](const auto& arch) { return may_be_proposed(problem_, arch); }));
  };
  if (count.at_most <= known_.size() && count.at_most <= used()) return std::nullopt;
  // With k of n left a draw is new with probability k / n, so only an exhausted set fails 50 n times (chance e^-50).
  const BigCount patience = std::min<BigCount>(count.at_most, 10'000'000) * 50 + 1000;
  for (BigCount tries = 0; tries < patience; ++tries) {
    Architecture arch = draw_any(rng);
    if (known_.insert(arch).second) return arch;
  }
  return std::nullopt;
}

std::vector<Architecture> Proposals::collect(std::size_t n, const std::function<std::optional<Architecture>()>& next) {
  std::vector<Architecture> batch;
  while (batch.size() < n) {
    auto arch = next();
    if (!arch) break;
    batch.push_back(std::move(*arch));
  }
  return batch;
}

std::vector<Evaluated> Proposals::take(std::span<const Evaluated> results) {
  std::vector<Evaluated> taken;
  for (const auto& result : results) taken.push_back(checked(result));
  for (const auto& result : taken) known_.insert(result.arch);
  std::erase_if(taken, [&](const Evaluated& result) { return !problem_.feasible->contains(result.arch); });
  return taken;
}

nlohmann::json Proposals::save() const {
  std::vector<Architecture> sorted(known_.begin(), known_.end());
  std::sort(sorted.begin(), sorted.end());
  nlohmann::json json = nlohmann::json::array();
  for (const auto& arch : sorted) json.push_back(arch.choices);
  return json;
}

void Proposals::load(const nlohmann::json& state) {
  std::unordered_set<Architecture> known;
  for (const auto& item : state) known.insert(architecture_from_json(item, *problem_.space));
  known_ = std::move(known);
}

nlohmann::json to_json(const std::vector<Evaluated>& results) {
  nlohmann::json json = nlohmann::json::array();
  for (const auto& result : results) json.push_back({{"arch", result.arch.choices}, {"objectives", result.objectives}});
  return json;
}

std::vector<Evaluated> evaluated_from_json(const nlohmann::json& json, const SearchProblem& problem) {
  std::vector<Evaluated> results;
  const Proposals check(problem);
  for (const auto& item : json)
    results.push_back(check.checked(
        {architecture_from_json(item.at("arch"), *problem.space), item.at("objectives").get<std::vector<double>>()}));
  return results;
}

Architecture architecture_from_json(const nlohmann::json& json, const SearchSpace& space) {
  Architecture arch{json.get<std::vector<std::uint16_t>>()};
  space.validate(arch);
  return arch;
}

nlohmann::json begin_state(const std::string& searcher, const Proposals& proposals) {
  return {{"searcher", searcher}, {"space", proposals.problem().space->name()}, {"proposals", proposals.save()}};
}

void load_state(const nlohmann::json& state, const std::string& searcher, Proposals& proposals,
                const std::function<void(const nlohmann::json&)>& rest) {
  try {
    const auto found = state.at("searcher").get<std::string>(), space = state.at("space").get<std::string>();
    if (found != searcher || space != proposals.problem().space->name())
      throw UsageError("it is of searcher '" + printable(found) + "' in space '" + printable(space) + "', not of '" +
                       searcher + "' in '" + proposals.problem().space->name() + "'");
    Proposals loaded(proposals.problem());
    loaded.load(state.at("proposals"));
    rest(state);
    proposals = std::move(loaded);
  } catch (const nlohmann::json::exception& error) {
    throw UsageError("saved search state is damaged: " + printable(error.what(), 200));
  } catch (const UsageError& error) {
    throw UsageError(std::string("saved search state: ") + error.what());
  }
}

}  // namespace frontier
