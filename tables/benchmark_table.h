#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/store.h"
#include "search_spaces/search_space.h"
#include "tables/import_map.h"
#include "tables/table_source.h"

namespace frontier {

/// A mean in the making.
struct RunningMean {
  double sum = 0;
  std::int64_t count = 0;
  void add(double value) { sum += value, ++count; }
  double mean() const { return sum / static_cast<double>(count); }
};

/// A benchmark's table, read and checked: rows with the same canonical form and protocol are the same network measured
/// several times, so only their means are kept.
struct BenchmarkTable {
  struct Network {
    Architecture arch;  ///< canonical
    std::int64_t num_rows = 0;
  };
  struct Measured {
    std::size_t network = 0, protocol = 0, built_for = 0;           ///< places in the lists below
    std::vector<std::pair<std::size_t, RunningMean>> metrics = {};  ///< place in metric_names, mean
    RunningMean seconds = {};
  };
  std::vector<Network> networks;    ///< in order of their first rows
  std::vector<Protocol> protocols;  ///< evaluator "benchmark"
  std::vector<InputShape> built_for;
  std::vector<std::string> metric_names;
  std::vector<Measured> measured;  ///< in order of their first rows
  std::int64_t num_rows = 0;
  std::int64_t num_rows_without_value = 0;
  std::int64_t num_joined_unused = 0;  ///< rows of the joined table that no row asked for
  /// Networks that several rows are.
  std::int64_t num_averaged() const;
};

/// Called now and then with the rows read or the evaluations stored so far; may throw to stop the work.
using Tick = std::function<void(std::int64_t done)>;

/// Reads and checks the whole table, in memory for the means alone (and of `joined` for the columns that are mapped).
/// @param joined whose columns are added where the map's `join.on` is equal.
/// @param input what networks are built for, where the map does not say.
/// @throws UsageError naming the place of the first thing that is wrong: key of the map, or file, line and column.
BenchmarkTable read_benchmark_table(TableSource file, std::optional<TableSource> joined, const ImportMap& map,
                                    const SearchSpace& space, const InputShape& input, const Tick& tick = {});

struct StoredTable {
  std::optional<std::int64_t> run;  ///< none where everything was stored before
  Recorded recorded;
};

/// Stores all of it, with its run, or nothing. @throws UsageError if a value that is stored already differs.
StoredTable store_benchmark_table(Store& store, const BenchmarkTable& table, const SearchSpace& space,
                                  const RunInfo& run, const Tick& tick = {});

}  // namespace frontier
