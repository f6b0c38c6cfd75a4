#pragma once

#include <functional>
#include <string>
#include <vector>

#include "db/store.h"
#include "jobs/run_results.h"
#include "jobs/session.h"
#include "search_spaces/search_space.h"

namespace frontier {

/// Evaluates subnets of a checkpoint through the results database: what is stored for the same weights, data and
/// settings is reused, what is new is stored before it is reported.
class StoredEvaluator {
 public:
  StoredEvaluator(SupernetSession& session, const SearchSpace& space, const CostTable& table, RunResults& results,
                  Observer& observer);

  /// measure() with the batch-norm statistics of each subnet. What shares its work is stored before the next is
  /// measured; the last of it is handed to the run's results. @param measured, if any, is told how many are done.
  std::vector<Measurement> evaluate(const std::string& split, std::span<const Architecture> archs,
                                    const std::function<void(std::size_t)>& measured = {});
  /// Without storing: the caller calls record().
  std::vector<Measurement> measure(const std::string& split, std::span<const Architecture> archs,
                                   const std::function<void(std::size_t)>& measured = {});
  /// Hands what was measured and reused to the run's results.
  void record();

 private:
  SupernetSession& session_;
  const SearchSpace& space_;
  const CostTable& table_;
  RunResults& results_;
  Observer& observer_;
  std::vector<Evaluation> fresh_;     ///< measured, not yet recorded
  std::vector<std::int64_t> reused_;  ///< likewise
};

}  // namespace frontier
