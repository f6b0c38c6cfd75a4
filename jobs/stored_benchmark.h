#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

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
/// Reads {"dataset", "split", "fidelity", "seed"}, each optional. @throws UsageError naming what is wrong in `path`.
TableChoice read_table_choice(const nlohmann::json& json, const std::string& path);

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
StoredBenchmark load_table(const Store& store, const ResultTable& info);

/// @throws UsageError if `metric` is no metric of all rows; it then says which tables of the benchmark have it.
void require_metric(const Store& store, const std::vector<ResultTable>& tables, const StoredBenchmark& table,
                    const std::string& metric);

}  // namespace frontier
