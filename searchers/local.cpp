#include "searchers/local.h"

#include <algorithm>

#include "common/errors.h"
#include "searchers/internal/variation.h"

namespace frontier {

void LocalSearch::move_to(const Architecture& arch, Rng& rng) {
  current_ = arch;
  neighbours_ = neighbours(proposals_.problem(), arch);
  queue_ = neighbours_;
  std::erase_if(queue_, [&](const Architecture& neighbour) { return !proposals_.is_new(neighbour); });
  rng.shuffle(queue_);
}

/// Whether every neighbour has a value.
bool LocalSearch::is_complete() const {
  return std::all_of(neighbours_.begin(), neighbours_.end(), [&](const auto& arch) { return told_.contains(arch); });
}

/// Moves on as long as nothing new must be proposed for it.
void LocalSearch::settle(Rng& rng) {
  const auto lower = [&](const Architecture& a, const Architecture& b) { return value_of(a) < value_of(b); };
  if (!begun_ && !told_.empty()) {
    const auto best = std::min_element(told_.begin(), told_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.front(), a.first) < std::pair(b.second.front(), b.first);
    });
    move_to(Architecture(best->first), rng);
  }
  begun_ = true;
  while (queue_.empty()) {
    if (!current_) {
      const auto start =
          std::find_if(starts_.begin(), starts_.end(), [&](const auto& arch) { return told_.contains(arch); });
      if (start == starts_.end()) return;
      const Architecture arch = *start;
      starts_.erase(start);
      move_to(arch, rng);
    } else if (!is_complete()) {
      return;
    } else {
      const auto best = std::min_element(neighbours_.begin(), neighbours_.end(), lower);
      if (best != neighbours_.end() && lower(*best, *current_)) {
        move_to(Architecture(*best), rng);
      } else {
        current_.reset();
      }
    }
  }
}

std::optional<Architecture> LocalSearch::next(Rng& rng) {
  for (;;) {
    settle(rng);
    if (queue_.empty()) break;
    Architecture arch = std::move(queue_.back());
    queue_.pop_back();
    if (proposals_.accept(arch)) return arch;  // false where it was told, or drawn as a start, in the meantime
  }
  auto arch = proposals_.draw(rng);
  if (arch) starts_.push_back(*arch);
  return arch;
}

std::vector<Architecture> LocalSearch::ask(std::size_t n, Rng& rng) {
  return Proposals::collect(n, [&] { return next(rng); });
}

void LocalSearch::tell(std::span<const Evaluated> results) {
  for (auto& result : proposals_.take(results)) told_.try_emplace(std::move(result.arch), std::move(result.objectives));
}

nlohmann::json LocalSearch::save() const {
  std::vector<Evaluated> told;
  for (const auto& [arch, objectives] : told_) told.push_back({arch, objectives});
  std::sort(told.begin(), told.end(), [](const auto& a, const auto& b) { return a.arch < b.arch; });
  const auto choices = [](const auto& archs) {
    nlohmann::json json = nlohmann::json::array();
    for (const Architecture& arch : archs) json.push_back(arch.choices);
    return json;
  };
  nlohmann::json state = begin_state("local", proposals_);
  state["told"] = to_json(told);
  state["begun"] = begun_;
  state["current"] = current_ ? nlohmann::json(current_->choices) : nlohmann::json();
  state["queue"] = choices(queue_);
  state["starts"] = choices(starts_);
  return state;
}

void LocalSearch::load(const nlohmann::json& state) {
  load_state(state, "local", proposals_, [&](const nlohmann::json& saved) {
    const SearchProblem& problem = proposals_.problem();
    LocalSearch loaded(problem);
    for (auto& result : evaluated_from_json(saved.at("told"), problem))
      loaded.told_.emplace(std::move(result.arch), std::move(result.objectives));
    loaded.begun_ = saved.at("begun").get<bool>();
    for (const auto& item : saved.at("queue")) loaded.queue_.push_back(architecture_from_json(item, *problem.space));
    for (const auto& item : saved.at("starts")) loaded.starts_.push_back(architecture_from_json(item, *problem.space));
    if (const auto& current = saved.at("current"); !current.is_null()) {
      loaded.current_ = architecture_from_json(current, *problem.space);
      if (!loaded.told_.contains(*loaded.current_)) throw UsageError("its current subnet has no value");
      loaded.neighbours_ = neighbours(problem, *loaded.current_);
    }
    *this = std::move(loaded);
  });
}

}  // namespace frontier
