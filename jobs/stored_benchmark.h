#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/options.h"
#include "db/store.h"
#include "evaluators/tabular.h"

namespace frontier {

// Published benchmarks in the results database: which tables are stored, which one is meant, and reading it.

/// How a table's numbers were measured, as a user says it; what is not given does not matter.
struct TableChoice {
  std::optional<std::string> dataset, split, fidelity;
  std::optional<std::int64_t> seed;
  bool is_empty() const { return !dataset && !split && !fidelity && !seed; }
};
template <class Fields>
void describe(Fields& f, TableChoice& c) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min(),
                         kMost = std::numeric_limits<std::int64_t>::max();
  f("dataset", c.dataset, "Benchmark: numbers on this data set.");
  f("split", c.split, "Benchmark: numbers of this split.");
  f("fidelity", c.fidelity, "Benchmark: numbers of this fidelity, e.g. 12 epochs.");
  f("seed", c.seed, kLeast, kMost, "Benchmark: numbers of the training with this seed.");
}

/// The tables of benchmarks for one space, or for the only one that has some.
/// @throws UsageError if there are none, or several spaces have some and none is chosen.
std::vector<ResultTable> benchmark_tables(const Store& store, const std::optional<std::string>& space);
/// Those that fit. @param prefix of the options in messages, e.g. "--report-". @throws UsageError listing all if none
/// does.
std::vector<ResultTable> matching(const std::vector<ResultTable>& tables, const TableChoice& choice,
                                  const std::string& prefix);
/// The one that fits. @throws UsageError listing those that fit, and what tells them apart, if several do.
ResultTable choose_table(const std::vector<ResultTable>& tables, const TableChoice& choice, const std::string& prefix);

/// A table in memory.
struct StoredBenchmark {
  ResultTable info;
  InputShape input;  ///< what its costs hold for
  TabularBenchmark benchmark;
  std::vector<std::int64_t> ids;  ///< evaluations of the store; ids[i] is benchmark.rows()[i]
};
/// Its networks, sorted, where it is partial; null where it holds the whole space.
std::shared_ptr<const std::vector<Architecture>> partial_networks(const StoredBenchmark& table);
StoredBenchmark load_table(const Store& store, const ResultTable& info);

/// @throws UsageError if `metric` is no metric of all rows; it then says which tables of the benchmark have it.
void require_metric(const Store& store, const std::vector<ResultTable>& tables, const StoredBenchmark& table,
                    const std::string& metric);

}  // namespace frontier
