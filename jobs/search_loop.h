#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "db/store.h"
#include "evaluators/evaluator.h"
#include "jobs/registries.h"
#include "jobs/run_results.h"
#include "search_spaces/search_space.h"

namespace frontier {

/// What is searched and how, wherever the numbers come from.
struct SearchPlan {
  /// Resolved and stored with the run: "searcher", "searcher_options", "budget", "generation", "seed", "objectives",
  /// "max_macs" (ascending), "max_params", and what the source adds.
  nlohmann::json config;
  std::shared_ptr<const SearchSpace> space;
  InputShape input;
  const SearcherKind* searcher = nullptr;  ///< of the name in `config`
  /// The only architectures that can be measured, canonical and sorted; null: all.
  std::shared_ptr<const std::vector<Architecture>> among = nullptr;
  const CostPolicy* policy = nullptr;  ///< for a searcher that asks one
};

/// What a searcher is asked to search.
SearchProblem problem_of(const SearchPlan& plan, const FeasibleSet& feasible, std::size_t num_objectives);
/// One limit after another; a single one without limits where none are given.
std::vector<Budget> budgets_of(const nlohmann::json& config);
/// The random numbers of the search with this seed.
Rng rng_of_search(std::int64_t seed);

/// Where a search's numbers come from.
class SearchSource {
 public:
  virtual ~SearchSource() = default;
  /// result[i] belongs to archs[i]. Stored by record().
  virtual std::vector<Measurement> measure(std::span<const Architecture> archs) = 0;
  /// Hands what was measured since the last time to the run's results.
  virtual void record() = 0;
  /// Adds to the report's `best` what else is to be said of it, e.g. its accuracy on the test split.
  virtual void report(const Architecture& best, nlohmann::ordered_json& item) = 0;
  /// Evaluations between two commits: a search that is killed repeats no more than these.
  virtual std::int64_t commit_every() const { return 1; }
  /// Whether measuring takes time by multiply-accumulates, rather than as good as none.
  virtual bool runs_networks() const { return true; }
};

/// One search: its budgets one after another, everything found so far told to the next.
///
/// A search is a function of its plan and of the numbers it is told, and these are stored. So all that is kept to
/// resume is how far it came (two numbers and the random state, whatever the length): a resumed search is done again
/// from the start, its numbers looked up, and only then goes on measuring.
class SearchLoop {
 public:
  /// @param plan must outlive the loop. @throws UsageError for a budget that nothing fits.
  explicit SearchLoop(const SearchPlan& plan);
  const CostTable& table() const { return table_; }

  /// @param results of the run where all is stored, and from where an unfinished search goes on.
  /// @throws UsageError if what is stored leads elsewhere than it did.
  void run(RunResults& results, SearchSource& source, Observer& observer);
  /// Of every budget the best subnet, as `frontier search --json` prints it.
  nlohmann::ordered_json report(SearchSource& source) const;

 private:
  struct Known {
    Architecture arch;
    std::map<std::string, double> metrics;
  };
  struct Context;

  double value_of(const Objective& objective, const Known& known) const;
  Evaluated evaluated(const Known& known) const;
  std::pair<double, std::int64_t> rank(const Known& known) const;
  const Known* best_within(std::size_t budget) const;
  void search_budget(Context& context);
  void take(std::span<const Architecture> archs, std::span<const Measurement> measured, Searcher& searcher);
  void after_generation(Context& context, std::int64_t end);
  void tell_work(const Context& context) const;
  void commit(Context& context);
  void save_state(Context& context, bool finished);
  void read_state(Context& context) const;
  void check_replayed(const Context& context) const;

  const SearchPlan& plan_;
  std::vector<Objective> objectives_;
  CostTable table_;
  std::vector<Budget> budgets_;
  std::vector<std::unique_ptr<FeasibleSet>> sets_;
  std::vector<std::int64_t> most_macs_;  ///< that a subnet may have, by budget
  std::vector<Known> known_;
  std::optional<std::size_t> best_;  ///< of known_, within the budget being searched
  Rng rng_;
  std::size_t budget_ = 0;
  std::int64_t done_ = 0;
};

}  // namespace frontier
