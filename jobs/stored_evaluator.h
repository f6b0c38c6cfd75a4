#pragma once

#include <functional>
#include <string>
#include <vector>

#include "db/store.h"
#include "jobs/session.h"
#include "search_spaces/search_space.h"

namespace frontier {

/// Evaluates subnets of a checkpoint through the results database: what is stored for the same weights, data and
/// settings is reused, what is new is stored before it is reported.
class StoredEvaluator {
 public:
  StoredEvaluator(SupernetSession& session, const SearchSpace& space, const CostTable& table, Store& store,
                  std::int64_t run, Observer& observer);

  /// measure() and record() in one: what shares its work is stored before the next is measured, with the batch-norm
  /// statistics of each subnet. @param measured, if any, is told how many are done.
  std::vector<Measurement> evaluate(const std::string& split, std::span<const Architecture> archs,
                                    const std::function<void(std::size_t)>& measured = {});
  /// Without storing: the caller calls record(), inside a transaction of its own.
  std::vector<Measurement> measure(const std::string& split, std::span<const Architecture> archs,
                                   const std::function<void(std::size_t)>& measured = {});
  void record();

 private:
  SupernetSession& session_;
  const SearchSpace& space_;
  const CostTable& table_;
  Store& store_;
  std::int64_t run_;
  Observer& observer_;
  std::vector<Evaluation> fresh_;  ///< measured, not yet recorded
  std::vector<std::int64_t> reused_;
};

}  // namespace frontier
