#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "jobs/search_loop.h"
#include "jobs/stored_benchmark.h"

namespace frontier {

/// Many independent searches of a benchmark, with the seeds seed, seed + 1, ...: what a searcher reaches after so many
/// evaluations, on average and in its spread. Search `i` proposes what the single search with that seed proposes.
///
/// The incumbent is the best by the first objective so far (of equal ones the one with fewest MACs); regret is what the
/// best of the table within the budget is better than it. With a second table the incumbent, still chosen by the first
/// one, is looked up there too.
class SearchRepeats {
 public:
  /// @param report may be null.  All must outlive the object.
  /// @throws UsageError for a budget that nothing in the table fits, or where `report` lacks what `search` has.
  SearchRepeats(const SearchPlan& plan, const StoredBenchmark& search, const StoredBenchmark* report);

  /// @param threads results do not depend on it.  @throws Interrupted, UsageError for an architecture that the table
  /// lacks.
  void run(std::int64_t repeats, int threads, Observer& observer);

  /// Hands over the curves, and every evaluation used, once.
  void record(RunResults& results) const;
  /// "results": one item a checkpoint (a quarter, half and all of the budget), and "best" of all searches.
  nlohmann::ordered_json report() const;

 private:
  /// One search, at the steps that are kept.
  struct Trajectory {
    std::vector<std::size_t> incumbents;  ///< rows
    std::vector<double> seconds;          ///< spent so far, by the table
    std::vector<double> hypervolume;      ///< of what was found so far, relative to the true front's
  };
  /// One quantity of all searches at the steps that are kept.
  struct Series {
    std::string name;                         ///< of the curve, e.g. "regret/top1"
    std::vector<std::vector<double>> sorted;  ///< [step], the values of the searches, ascending
  };

  Trajectory search(std::int64_t repeat, std::vector<char>& used, Observer& observer) const;
  void add_series();
  double natural(double value) const;
  bool is_better(std::size_t a, std::size_t b) const;

  const SearchPlan& plan_;
  const StoredBenchmark& table_;
  const StoredBenchmark* report_table_;
  std::vector<Objective> objectives_;
  FeasibleSet feasible_;
  std::int64_t budget_ = 0;
  std::vector<std::int64_t> steps_;        ///< evaluations after which numbers are kept
  std::vector<std::size_t> checkpoints_;   ///< indices into steps_
  std::vector<double> objectives_of_row_;  ///< all minimised, row after row
  std::vector<std::int64_t> macs_of_row_;
  std::vector<double> report_of_row_;  ///< the first objective in the other table, as stored
  std::size_t best_row_ = 0;           ///< within the budget
  double best_reported_ = 0;
  std::vector<double> reference_;  ///< of the hypervolume, minimised: the worst of each objective within the budget
  double true_hypervolume_ = 0;    ///< 0 where there is one objective
  std::vector<Trajectory> trajectories_;
  std::vector<char> used_;  ///< rows that some search evaluated
  std::vector<Series> series_;
};

}  // namespace frontier
