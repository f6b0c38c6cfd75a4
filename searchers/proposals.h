#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "searchers/searcher.h"

namespace frontier {

/// What all searchers share: the problem and the memory of everything proposed or told.
class Proposals {
 public:
  /// @throws UsageError if the problem has no objective.
  explicit Proposals(const SearchProblem& problem);
  const SearchProblem& problem() const { return problem_; }

  /// Makes `arch` canonical, checks the objectives. @throws UsageError.
  Evaluated checked(const Evaluated& result) const;
  bool is_new(const Architecture& arch) const { return !known_.contains(arch); }

  /// Remembers a canonical child and returns true if it is new and within the budget.
  bool accept(const Architecture& arch);
  /// Uniform among what is within the budget and new, remembered; none when nothing is left.
  std::optional<Architecture> draw(Rng& rng);

  /// At most `n` of what `next` proposes; ends when it gives none.
  static std::vector<Architecture> collect(std::size_t n, const std::function<std::optional<Architecture>()>& next);
  /// Checks all results before it takes any, remembers them, and returns those within the budget. @throws UsageError.
  std::vector<Evaluated> take(std::span<const Evaluated> results);

  nlohmann::json save() const;
  void load(const nlohmann::json& state);

 private:
  CountRange count(bool exactly) const;
  Architecture draw_any(Rng& rng) const;

  SearchProblem problem_;
  std::vector<std::size_t> within_;  ///< places of `among` within the budget
  std::unordered_set<Architecture> known_;
};

nlohmann::json to_json(const std::vector<Evaluated>& results);
std::vector<Evaluated> evaluated_from_json(const nlohmann::json& json, const SearchProblem& problem);
Architecture architecture_from_json(const nlohmann::json& json, const SearchSpace& space);

/// The frame of every saved state: {"searcher", "space", "proposals", ...}.
nlohmann::json begin_state(const std::string& searcher, const Proposals& proposals);
/// Reads the frame, then `rest`; whatever is wrong with the document becomes one UsageError. `proposals` changes only
/// if all went well.
void load_state(const nlohmann::json& state, const std::string& searcher, Proposals& proposals,
                const std::function<void(const nlohmann::json&)>& rest);

}  // namespace frontier
