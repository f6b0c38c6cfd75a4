#include "jobs/stored_benchmark.h"

#include <algorithm>
#include <set>

#include "common/errors.h"
#include "common/options.h"
#include "common/table.h"
#include "common/text.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

constexpr std::size_t kMostListed = 10;

/// The tables below each other, as the rest of a message.
std::string listed(const std::vector<ResultTable>& tables) {
  Table table({{"space"}, {"dataset"}, {"split"}, {"fidelity"}, {"seed"}, {"architectures", Align::kRight}});
  const auto cell = [](const std::string& text) { return text.empty() ? "-" : printable(text, 30); };
  for (std::size_t i = 0; i < std::min(tables.size(), kMostListed); ++i) {
    const Protocol& p = tables[i].protocol;
    table.add({cell(tables[i].space), cell(p.dataset), cell(p.split), cell(p.fidelity), std::to_string(p.seed),
               std::to_string(tables[i].num_results)});
  }
  std::string text;
  for (const auto& line : split(table.text(), '\n'))
    if (!line.empty()) text += "\n  " + line;
  if (tables.size() > kMostListed) text += "\n  and " + std::to_string(tables.size() - kMostListed) + " more";
  return text;
}

bool fits(const Protocol& protocol, const TableChoice& choice) {
  return (!choice.dataset || protocol.dataset == *choice.dataset) &&
         (!choice.split || protocol.split == *choice.split) &&
         (!choice.fidelity || protocol.fidelity == *choice.fidelity) && (!choice.seed || protocol.seed == *choice.seed);
}

std::string given(const TableChoice& choice, const std::string& prefix) {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, const std::optional<std::string>& value) {
    if (value) parts.push_back(prefix + name + " '" + printable(*value, 30) + "'");
  };
  add("dataset", choice.dataset);
  add("split", choice.split);
  add("fidelity", choice.fidelity);
  if (choice.seed) parts.push_back("seed " + std::to_string(*choice.seed));
  return join(parts, " and ");
}

/// The options that tell the tables apart.
std::string distinguishing(const std::vector<ResultTable>& tables, const std::string& prefix) {
  std::vector<std::string> options;
  const auto add = [&](const std::string& option, const auto& part) {
    if (std::any_of(tables.begin(), tables.end(), [&](const auto& t) { return part(t) != part(tables[0]); }))
      options.push_back(option);
  };
  add(prefix + "dataset", [](const ResultTable& t) { return t.protocol.dataset; });
  add(prefix + "split", [](const ResultTable& t) { return t.protocol.split; });
  add(prefix + "fidelity", [](const ResultTable& t) { return t.protocol.fidelity; });
  add("the table's seed", [](const ResultTable& t) { return t.protocol.seed; });
  return join(options);
}

InputShape input_of(const std::string& built_for) {
  const auto slash = built_for.find('/');
  if (slash == std::string::npos) throw UsageError("a table is stored for '" + printable(built_for) + "'");
  return parse_input_shape(built_for.substr(0, slash), parse_integer(built_for.substr(slash + 1), "classes"));
}

}  // namespace

std::vector<ResultTable> benchmark_tables(const Store& store, const std::optional<std::string>& space) {
  std::vector<ResultTable> tables = store.tables();
  std::erase_if(tables, [](const ResultTable& table) { return table.protocol.evaluator != "benchmark"; });
  if (tables.empty())
    throw UsageError("the database holds no benchmark; `frontier import` stores one, or give another --db");
  std::vector<std::string> spaces;
  for (const auto& table : tables)
    if (spaces.empty() || spaces.back() != table.space) spaces.push_back(table.space);
  if (!space && spaces.size() > 1)
    throw UsageError("the database holds benchmarks of several spaces; choose one with --space: " + join(spaces));
  if (space && std::find(spaces.begin(), spaces.end(), *space) == spaces.end())
    throw UsageError(unknown_name("--space: no benchmark of", *space, spaces));
  if (space) std::erase_if(tables, [&](const ResultTable& table) { return table.space != *space; });
  return tables;
}

std::vector<ResultTable> matching(const std::vector<ResultTable>& tables, const TableChoice& choice,
                                  const std::string& prefix) {
  std::vector<ResultTable> found;
  for (const auto& table : tables)
    if (fits(table.protocol, choice)) found.push_back(table);
  if (found.empty())
    throw UsageError("no benchmark is stored with " + given(choice, prefix) + "; stored are:" + listed(tables));
  return found;
}

ResultTable choose_table(const std::vector<ResultTable>& tables, const TableChoice& choice, const std::string& prefix) {
  const auto found = matching(tables, choice, prefix);
  if (found.size() > 1)
    throw UsageError(std::to_string(found.size()) + " tables fit; choose one with " + distinguishing(found, prefix) +
                     ":" + listed(found));
  return found.front();
}

StoredBenchmark load_table(const Store& store, const ResultTable& info) {
  std::shared_ptr<const SearchSpace> space = make_space(info.space);
  std::vector<TabularBenchmark::Row> rows;
  std::vector<std::int64_t> ids;
  for (Result& result : store.table_results(info)) {
    rows.push_back({space->parse(result.architecture.canonical), {std::move(result.metrics), result.seconds}});
    ids.push_back(result.id);
  }
  const std::size_t num_stored = rows.size();
  StoredBenchmark table{info, input_of(info.built_for),
                        TabularBenchmark(space, in_words(info.protocol), std::move(rows)), std::move(ids)};
  // Equal networks have one key in the store, unless the space's canonical form changed since.
  if (table.benchmark.rows().size() != num_stored)
    throw Error("the table (" + table.benchmark.name() + ") holds equal architectures of '" + info.space +
                "' twice; import it anew into another database");
  return table;
}

std::shared_ptr<const std::vector<Architecture>> partial_networks(const StoredBenchmark& table) {
  const auto rows = table.benchmark.rows();
  if (rows.size() == FeasibleSet(table.benchmark.space(), table.input, Budget{}).size()) return nullptr;
  auto networks = std::make_shared<std::vector<Architecture>>();
  for (const auto& row : rows) networks->push_back(row.arch);
  std::sort(networks->begin(), networks->end());
  return networks;
}

void require_metric(const Store& store, const std::vector<ResultTable>& tables, const StoredBenchmark& table,
                    const std::string& metric) {
  const auto names = table.benchmark.metrics();
  if (std::find(names.begin(), names.end(), metric) != names.end()) return;
  const auto rows = table.benchmark.rows();
  const auto num_having = std::count_if(rows.begin(), rows.end(), [&](const TabularBenchmark::Row& row) {
    return row.measurement.metrics.contains(metric);
  });
  const std::string here = "objective '" + printable(metric) + "' is not in the table (" + table.benchmark.name() + ")";
  if (num_having > 0)
    throw UsageError("objective '" + printable(metric) + "' is stored for only " + std::to_string(num_having) + " of " +
                     std::to_string(rows.size()) + " architectures (" + table.benchmark.name() + ")");
  std::vector<std::string> elsewhere;
  for (const auto& other : tables) {
    const auto results = store.table_results(other);
    if (std::any_of(results.begin(), results.end(), [&](const Result& r) { return r.metrics.contains(metric); }))
      elsewhere.push_back(in_words(other.protocol));
  }
  std::vector<std::string> known = names;
  known.insert(known.end(), {"macs", "params"});
  if (!elsewhere.empty())
    throw UsageError(here + ", which has " + join(known) + "; it is in: " + join(elsewhere, "; "));
  throw UsageError(unknown_name("objective", metric, known));
}

}  // namespace frontier
