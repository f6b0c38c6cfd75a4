#include "apps/pareto_text.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "apps/output.h"
#include "common/statistics.h"
#include "common/table.h"
#include "common/text.h"

namespace frontier {
namespace {

/// One member of a front of either kind.
struct Line {
  const Evaluation& shown;
  std::map<std::string, double> standard_errors;
  std::string origin;  ///< the run, or how many seeds
};

std::vector<Line> lines_of(const Front& front) {
  std::vector<Line> lines;
  for (const Result& result : front.results)
    lines.push_back({result, standard_errors(result.metrics), result.run ? std::to_string(*result.run) : "-"});
  return lines;
}

std::vector<Line> lines_of(const MeanFront& front) {
  std::vector<Line> lines;
  for (const MeanResult& result : front.results)
    lines.push_back({result.mean, result.standard_errors, std::to_string(result.results.size())});
  return lines;
}

std::string readable_value(const Line& line, const std::string& name) {
  const auto error = line.standard_errors.find(name);
  return readable(name, value_of(line.shown, name),
                  error == line.standard_errors.end() ? std::nullopt : std::optional(error->second));
}

std::string table_text(const std::vector<Objective>& objectives, const std::vector<Line>& lines,
                       const std::string& origin, std::vector<Table::Column> protocol_columns) {
  std::vector<std::string> numbers;
  for (const Objective& objective : objectives) numbers.push_back(objective.name);
  for (const char* name : {"macs", "params"})
    if (std::find(numbers.begin(), numbers.end(), name) == numbers.end()) numbers.emplace_back(name);
  std::vector<Table::Column> columns;
  for (const std::string& name : numbers) columns.push_back({name, Align::kRight});
  columns.push_back({origin, Align::kRight});
  columns.push_back({"space"});
  columns.insert(columns.end(), protocol_columns.begin(), protocol_columns.end());
  columns.push_back({"arch"});
  Table table(std::move(columns));
  for (const Line& line : lines) {
    const Protocol& protocol = line.shown.protocol;
    std::vector<std::string> cells;
    for (const std::string& name : numbers) cells.push_back(readable_value(line, name));
    cells.push_back(line.origin);
    cells.push_back(line.shown.architecture.space);
    const std::string how[] = {protocol.evaluator, protocol.dataset, protocol.split, protocol.fidelity,
                               std::to_string(protocol.seed)};
    cells.insert(cells.end(), how, how + protocol_columns.size());
    cells.push_back(line.shown.architecture.arch);
    table.add(std::move(cells));
  }
  return table.text();
}

const std::vector<Table::Column> kProtocolColumns{{"evaluator"}, {"dataset"}, {"split"}, {"fidelity"}};

std::set<std::string> metrics_of(const std::vector<Line>& lines) {
  std::set<std::string> names;
  for (const Line& line : lines)
    for (const auto& [name, value] : line.shown.metrics) names.insert(name);
  return names;
}

using Cells = std::vector<std::string>;

Cells network_cells(const StoredArchitecture& a) {
  return {a.space, a.arch, a.canonical, a.built_for, std::to_string(a.macs), std::to_string(a.params)};
}

void add_values(Cells& cells, const std::set<std::string>& names, const std::map<std::string, double>& values) {
  for (const std::string& name : names) {
    const auto found = values.find(name);
    cells.push_back(found == values.end() ? "" : exact(found->second));
  }
}

template <class AnyFront>
nlohmann::ordered_json json_of(const std::vector<Objective>& objectives, const AnyFront& front) {
  nlohmann::ordered_json document;
  document["objectives"] = nlohmann::ordered_json::array();
  for (const Objective& objective : objectives)
    document["objectives"].push_back({{"name", objective.name}, {"direction", to_string(objective.direction)}});
  document["considered"] = front.num_considered;
  document["results"] = nlohmann::ordered_json::array();
  for (const auto& result : front.results) document["results"].push_back(to_json(result));
  return document;
}

}  // namespace

std::string front_text(const std::vector<Objective>& objectives, const Front& front, bool with_protocol) {
  std::vector<Table::Column> columns;
  if (with_protocol) {
    columns = kProtocolColumns;
    columns.push_back({"seed", Align::kRight});
  }
  return table_text(objectives, lines_of(front), "run", columns);
}

std::string front_text(const std::vector<Objective>& objectives, const MeanFront& front, bool with_protocol) {
  return table_text(objectives, lines_of(front), "seeds",
                    with_protocol ? kProtocolColumns : std::vector<Table::Column>());
}

std::string front_csv(const Front& front) {
  const std::set<std::string> metrics = metrics_of(lines_of(front));
  Cells cells = {"space", "arch", "canonical", "built_for", "macs", "params"};
  cells.insert(cells.end(), metrics.begin(), metrics.end());
  for (const char* name : {"evaluator", "dataset", "split", "fidelity", "calibration", "checkpoint", "seed", "seconds",
                           "run", "created", "recipe"})
    cells.emplace_back(name);
  std::string text = csv_line(cells);
  for (const Result& result : front.results) {
    cells = network_cells(result.architecture);
    add_values(cells, metrics, result.metrics);
    const Protocol& p = result.protocol;
    cells.insert(cells.end(),
                 {p.evaluator, p.dataset, p.split, p.fidelity, p.calibration, p.checkpoint, std::to_string(p.seed),
                  exact(result.seconds), result.run ? std::to_string(*result.run) : "", result.created, p.recipe});
    text += csv_line(cells);
  }
  return text;
}

std::string front_csv(const MeanFront& front) {
  const std::vector<Line> lines = lines_of(front);
  const std::set<std::string> metrics = metrics_of(lines);
  std::set<std::string> errors;
  for (const Line& line : lines)
    for (const auto& [name, value] : line.standard_errors) errors.insert(name);
  Cells cells = {"space", "arch", "canonical", "built_for", "macs", "params"};
  cells.insert(cells.end(), metrics.begin(), metrics.end());
  for (const char* name : {"seconds", "seeds"}) cells.emplace_back(name);
  for (const std::string& name : errors) cells.push_back(name + "_standard_error");
  for (const char* name : {"evaluator", "dataset", "split", "fidelity", "calibration", "checkpoint", "recipe"})
    cells.emplace_back(name);
  std::string text = csv_line(cells);
  for (const Line& line : lines) {
    const Protocol& p = line.shown.protocol;
    cells = network_cells(line.shown.architecture);
    add_values(cells, metrics, line.shown.metrics);
    cells.insert(cells.end(), {exact(line.shown.seconds), line.origin});
    add_values(cells, errors, line.standard_errors);
    cells.insert(cells.end(), {p.evaluator, p.dataset, p.split, p.fidelity, p.calibration, p.checkpoint, p.recipe});
    text += csv_line(cells);
  }
  return text;
}

nlohmann::ordered_json front_json(const std::vector<Objective>& objectives, const Front& front) {
  return json_of(objectives, front);
}

nlohmann::ordered_json front_json(const std::vector<Objective>& objectives, const MeanFront& front) {
  return json_of(objectives, front);
}

}  // namespace frontier
