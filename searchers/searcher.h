#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/settings.h"
#include "search_spaces/budget.h"

namespace frontier {

class CostPolicy;

/// An architecture and what was measured for it.
struct Evaluated {
  Architecture arch;
  std::vector<double> objectives;  ///< all minimised, all finite: 1 - top1, MACs, ...
};

/// Ask-and-tell search: it proposes, the caller measures. Knows no evaluator, no supernet, no database.
///
/// Every proposal is canonical, within the budget, and new: none is proposed twice, nor one that was told before. A
/// searcher has no randomness of its own, so the same calls with the same `rng` give the same proposals, and so does a
/// searcher made from save() (keep the state of `rng` beside it). Not thread-safe.
class Searcher {
 public:
  virtual ~Searcher() = default;
  /// At most `n`; fewer only when the budget holds nothing new, empty when the search is over.
  virtual std::vector<Architecture> ask(std::size_t n, Rng& rng) = 0;
  /// Any order, any grouping; also architectures that were never asked for (results of an earlier search).
  /// @throws UsageError for a wrong number of objectives or one that is not finite; then nothing of the call is taken.
  virtual void tell(std::span<const Evaluated> results) = 0;

  /// All that later proposals depend on, for a checkpoint.
  virtual nlohmann::json save() const = 0;
  /// Goes on where save() was called. @throws UsageError if `state` is not one of this searcher and space.
  virtual void load(const nlohmann::json& state) = 0;
};

/// What is searched. What the pointers show must outlive the searcher.
struct SearchProblem {
  const SearchSpace* space = nullptr;
  const FeasibleSet* feasible = nullptr;
  std::size_t num_objectives = 1;
  /// The only architectures that can be measured (those of a partial table), canonical and sorted; null: all can be.
  const std::vector<Architecture>* among = nullptr;
  const CostPolicy* policy = nullptr;  ///< a generator that was trained with what is searched; null: there is none
};
/// Whether a canonical architecture is within the budget and can be measured.
bool may_be_proposed(const SearchProblem& problem, const Architecture& arch);

struct SearcherInfo {
  std::string name;
  std::string summary;       ///< one line
  bool asks_policy = false;  ///< searches only what has a SearchProblem::policy
};

/// The searchers that make_searcher() knows, in the order they are shown.
std::vector<SearcherInfo> known_searchers();

/// @param options overrides the searcher's defaults; an empty object or null keeps them.
/// @throws UsageError listing the known searchers, or for an option that is unknown or out of range.
std::unique_ptr<Searcher> make_searcher(std::string_view name, const SearchProblem& problem,
                                        const nlohmann::json& options);
/// The options of a searcher with all defaults filled in, as they are stored with a run.
nlohmann::json resolved_searcher_options(std::string_view name, const nlohmann::json& options);
/// What there is to set for it.
std::vector<Setting> searcher_settings(std::string_view name);

}  // namespace frontier
