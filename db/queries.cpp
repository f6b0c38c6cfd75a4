// Filters and fronts: what `--where`, `--space`, ... and `--objectives` become in SQL. Every value is bound.
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "common/errors.h"
#include "common/pareto.h"
#include "common/shell.h"
#include "common/statistics.h"
#include "common/table.h"
#include "common/text.h"
#include "db/internal/store_impl.h"

namespace frontier {
namespace {

using sqlite::Database;
using sqlite::Value;

/// The option of a protocol field, its column, and what the filter asks of it.
struct ProtocolField {
  const char* option;
  const char* column;
  std::optional<Value> wanted;
};

std::array<ProtocolField, 8> protocol_fields(const Filter& filter) {
  const auto value = [](const auto& field) { return field ? std::optional<Value>(*field) : std::nullopt; };
  return {{{"--evaluator", "evaluator", value(filter.evaluator)},
           {"--dataset", "dataset", value(filter.dataset)},
           {"--split", "split", value(filter.split)},
           {"--fidelity", "fidelity", value(filter.fidelity)},
           {"--calibration", "calibration", value(filter.calibration)},
           {"--checkpoint", "checkpoint", value(filter.checkpoint)},
           {"--seed", "seed", value(filter.seed)},
           {"--recipe", "recipe", value(filter.recipe)}}};
}

std::string text_of(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return std::to_string(*real);
  return std::get<std::string>(value);
}

std::vector<std::string> texts(Database& db, const std::string& sql) {
  std::vector<std::string> found;
  auto row = db.query(sql);
  while (row.step()) found.push_back(row.text(0));
  return found;
}

const char* sql_of(Comparison comparison) {
  switch (comparison) {
    case Comparison::kLess: return " < ?";
    case Comparison::kLessOrEqual: return " <= ?";
    case Comparison::kGreater: return " > ?";
    case Comparison::kGreaterOrEqual: return " >= ?";
    case Comparison::kEqual: return " = ?";
    case Comparison::kNotEqual: return " != ?";
  }
  return "";
}

enum class Use { kWhere, kObjective };

/// Builds one SELECT over evaluations `e`, with the tables that its fields need. The order of the joins is written down
/// (CROSS JOIN): from the narrowest table, clustered by evaluation, to look-ups by id that then walk forward.
class Selection {
 public:
  Selection(Database& db, const Filter& filter) : db_(db) {
    auto name = db.query("SELECT name, id FROM metric_names");
    while (name.step()) metrics_.emplace(name.text(0), name.integer(1));
    run_ = filter.run;
    if (filter.space) add_space(*filter.space);
    add_protocol(filter);
    for (const Condition& condition : filter.where)
      require(expression(condition.field, Use::kWhere) + sql_of(condition.comparison), condition.number);
  }

  /// The SQL of a field; joins what it needs. @throws UsageError for an unknown one.
  std::string expression(const std::string& field, Use use) {
    if (field == "macs" || field == "params") {
      needs_architecture_ = true;
      return "a." + field;
    }
    if (field == "seconds") return "e.seconds";
    if (field == "seed" && use == Use::kWhere) return "(SELECT seed FROM protocols WHERE id = e.protocol)";
    const auto metric = metrics_.find(field);
    if (metric == metrics_.end()) refuse(field, use);
    auto joined = std::find(joined_.begin(), joined_.end(), metric->second);
    if (joined == joined_.end()) joined = joined_.insert(joined_.end(), metric->second);
    return "m" + std::to_string(joined - joined_.begin()) + ".value";
  }

  sqlite::Query select(const std::string& columns, const std::string& tail = "") {
    // Without a run, the first metric's rows lead: they lie together, in the order of the evaluations.
    std::string tables;
    std::vector<Value> values;
    std::string join;
    const auto add = [&](const std::string& table, const std::string& on) {
      tables += tables.empty() ? table : " CROSS JOIN " + table;
      if (!on.empty()) join += (join.empty() ? "" : " AND ") + on;
    };
    const auto add_metric = [&](std::size_t i, const std::string& key) {
      const std::string m = "m" + std::to_string(i);
      add("metrics " + m, m + ".metric = ?" + (key.empty() ? "" : " AND " + m + ".evaluation = " + key));
      values.emplace_back(joined_[i]);
    };
    std::size_t next = 0;
    std::string key;
    if (run_) {
      add("run_evaluations r", "r.run = ?");
      values.emplace_back(*run_);
      key = "r.evaluation";
    } else if (!joined_.empty()) {
      add_metric(next++, "");
      key = "m0.evaluation";
    }
    add("evaluations e", key.empty() ? "" : "e.id = " + key);
    if (needs_architecture_) add("architectures a", "a.id = e.architecture");
    for (; next < joined_.size(); ++next) add_metric(next, "e.id");
    if (!conditions_.empty()) join += (join.empty() ? "" : " AND ") + conditions_;
    values.insert(values.end(), values_.begin(), values_.end());
    return db_.query("SELECT " + columns + " FROM " + tables + (join.empty() ? "" : " WHERE " + join) + tail, values);
  }

 private:
  void require(const std::string& condition, const Value& value) {
    conditions_ += (conditions_.empty() ? "" : " AND ") + condition;
    values_.push_back(value);
  }

  void add_space(const std::string& space) {
    if (!db_.query("SELECT 1 FROM spaces WHERE name = ?", space).step())
      refuse_value("--space", space, texts(db_, "SELECT DISTINCT name FROM spaces ORDER BY name"));
    needs_architecture_ = true;
    require("a.space IN (SELECT id FROM spaces WHERE name = ?)", space);
  }

  void add_protocol(const Filter& filter) {
    std::string wanted;
    for (const ProtocolField& field : protocol_fields(filter)) {
      if (!field.wanted) continue;
      const std::string column = field.column;
      const auto known = texts(db_, "SELECT DISTINCT " + column + " FROM protocols ORDER BY " + column + " LIMIT 1000");
      const std::string text = text_of(*field.wanted);
      Value value = *field.wanted;
      if (known.size() < 1000 && std::find(known.begin(), known.end(), text) == known.end())
        value = only_one_beginning(field.option, text, known);
      wanted += (wanted.empty() ? "" : " AND ") + column + " = ?";
      values_.push_back(value);
    }
    if (wanted.empty()) return;
    conditions_ +=
        (conditions_.empty() ? "" : " AND ") + ("e.protocol IN (SELECT id FROM protocols WHERE " + wanted + ")");
  }

  [[noreturn]] void refuse(const std::string& field, Use use) const {
    const std::string complaint =
        (use == Use::kWhere ? "--where: unknown field '" : "unknown objective '") + printable(field) + "'; ";
    if (metrics_.empty()) throw UsageError(complaint + db_.path().string() + " holds no results yet");
    std::vector<std::string> known = {"macs", "params", "seconds"};
    if (use == Use::kWhere) known.emplace_back("seed");
    for (const auto& [name, id] : metrics_) known.push_back(name);
    const std::string guess = nearest(field, known);
    throw UsageError(complaint + nearest_of(guess, known));
  }

  /// Values are long: the start of one is enough where no other has it. @throws UsageError otherwise.
  std::string only_one_beginning(const std::string& option, const std::string& text,
                                 const std::vector<std::string>& known) const {
    std::vector<std::string> found;
    for (const std::string& value : known)
      if (!text.empty() && value.starts_with(text)) found.push_back(value);
    if (found.size() != 1 || option == "--seed") refuse_value(option, text, found.empty() ? known : found);
    return found.front();
  }

  [[noreturn]] void refuse_value(const std::string& option, const std::string& value,
                                 std::vector<std::string> known) const {
    if (known.empty())
      throw UsageError(option + " '" + printable(value) + "': " + db_.path().string() + " holds no results yet");
    const std::string guess = is_field_name(value) ? nearest(value, known) : "";
    for (std::string& name : known) name = "'" + name + "'";
    throw UsageError(option + ": no results with '" + printable(value) + "'; " +
                     nearest_of(guess, known));
  }

  static std::string nearest_of(const std::string& guess, const std::vector<std::string>& known) {
    return (guess.empty() ? "in" : "did you mean '" + guess + "'? In") + " this database: " + join_names(known);
  }

  static std::string join_names(std::vector<std::string> names) {
    constexpr std::size_t kShown = 20;
    const bool more = names.size() > kShown;
    if (more) names.resize(kShown);
    return join(names) + (more ? ", ..." : "");
  }

  Database& db_;
  std::map<std::string, std::int64_t> metrics_;
  std::optional<std::int64_t> run_;
  bool needs_architecture_ = false;
  std::vector<std::int64_t> joined_;  ///< ids of the metrics joined as m0, m1, ...
  std::string conditions_;
  std::vector<Value> values_;
};

enum class Seeds { kApart, kAveraged };

/// The text of the refusal to mix protocols: what tells those found apart, in whole, and a command that chooses one.
std::string mixed_protocols(Database& db, const std::map<std::int64_t, std::size_t>& counts, Seeds seeds) {
  constexpr std::size_t kShown = 8;
  const auto fields = protocol_fields({});
  std::vector<std::pair<std::size_t, std::vector<std::string>>> protocols;  // results, values by field
  for (const auto& [id, count] : counts) {
    auto row = db.query(
        "SELECT evaluator, dataset, split, fidelity, calibration, checkpoint, seed, recipe FROM protocols WHERE id = ?",
        id);
    row.step();
    std::vector<std::string> values;
    for (std::size_t i = 0; i < fields.size(); ++i) values.push_back(row.text(static_cast<int>(i)));
    protocols.emplace_back(count, std::move(values));
  }
  std::stable_sort(protocols.begin(), protocols.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::size_t> differing;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (seeds == Seeds::kAveraged && std::string_view(fields[i].column) == "seed") continue;
    if (std::any_of(protocols.begin(), protocols.end(),
                    [&](const auto& p) { return p.second[i] != protocols.front().second[i]; }))
      differing.push_back(i);
  }
  std::string command = std::string("frontier pareto") + (seeds == Seeds::kAveraged ? " --mean" : "");
  for (const std::size_t i : differing)
    command += std::string(" ") + fields[i].option + " " + shell_quoted(protocols.front().second[i]);
  std::vector<Table::Column> columns;
  for (const std::size_t i : differing) columns.push_back({fields[i].column});
  columns.push_back({"results", Align::kRight});
  Table table(std::move(columns));
  for (std::size_t p = 0; p < std::min(protocols.size(), kShown); ++p) {
    std::vector<std::string> cells;
    for (const std::size_t i : differing)
      cells.push_back(protocols[p].second[i].empty() ? "-" : protocols[p].second[i]);
    cells.push_back(std::to_string(protocols[p].first));
    table.add(std::move(cells));
  }
  std::string text = "these results were measured under " + std::to_string(counts.size()) +
                     " protocols, and such numbers do not belong in one front; choose one (the start of a value is "
                     "enough), as in\n  " +
                     command + "\n  (or --run), or allow it with --mix-protocols:";
  for (const std::string& line : split(table.text(), '\n'))
    if (!line.empty()) text += "\n  " + line;
  if (protocols.size() > kShown) text += "\n  and " + std::to_string(protocols.size() - kShown) + " more";
  return text;
}

void require_objectives(std::span<const Objective> objectives) {
  if (objectives.empty()) throw UsageError("a front needs at least one objective, like top1:max,macs:min");
}

/// Results that have all of some fields, with their values: first the objectives', then the conditions'.
struct Rows {
  std::vector<std::int64_t> ids, architectures, protocols;
  std::vector<double> values;  ///< of all fields, row after row
};

Rows read_rows(Selection& selection, std::span<const Objective> objectives,
               std::span<const Condition> conditions = {}) {
  std::string columns = "e.id, e.architecture, e.protocol";
  for (const Objective& o : objectives) columns += ", " + selection.expression(o.name, Use::kObjective);
  for (const Condition& c : conditions) columns += ", " + selection.expression(c.field, Use::kWhere);
  const std::size_t num_fields = objectives.size() + conditions.size();
  Rows rows;
  auto row = selection.select(columns);
  while (row.step()) {
    rows.ids.push_back(row.integer(0));
    rows.architectures.push_back(row.integer(1));
    rows.protocols.push_back(row.integer(2));
    for (std::size_t f = 0; f < num_fields; ++f) rows.values.push_back(row.real(static_cast<int>(f) + 3));
  }
  return rows;
}

/// Indices of the non-dominated points, the best of the first objective first. @param values of the objectives, point
/// after point.
std::vector<std::size_t> sorted_front(std::span<const Objective> objectives, std::vector<double> values) {
  const std::size_t dims = objectives.size();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = minimised(objectives[i % dims], values[i]);
  std::vector<std::size_t> members = pareto_front(values, dims);
  const auto point = [&](std::size_t i) { return std::span(values).subspan(i * dims, dims); };
  std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
    return std::lexicographical_compare(point(a).begin(), point(a).end(), point(b).begin(), point(b).end());
  });
  return members;
}

/// Of all protocols that differ from this one in their seeds alone, and itself, the first.
std::int64_t protocol_of_any_seed(Database& db, std::int64_t protocol) {
  auto row = db.query(
      "SELECT min(o.id) FROM protocols p JOIN protocols o ON o.evaluator = p.evaluator AND o.checkpoint = p.checkpoint "
      "AND o.dataset = p.dataset AND o.split = p.split AND o.fidelity = p.fidelity AND o.calibration = p.calibration "
      "AND o.recipe = p.recipe WHERE p.id = ?",
      protocol);
  row.step();
  return row.integer(0);
}

bool holds(const Condition& condition, double value) {
  switch (condition.comparison) {
    case Comparison::kLess: return value < condition.number;
    case Comparison::kLessOrEqual: return value <= condition.number;
    case Comparison::kGreater: return value > condition.number;
    case Comparison::kGreaterOrEqual: return value >= condition.number;
    case Comparison::kEqual: return value == condition.number;
    case Comparison::kNotEqual: return value != condition.number;
  }
  return false;
}

/// @param results of one network, that differ in their seeds alone.
MeanResult mean_of_seeds(std::vector<Result> results) {
  std::sort(results.begin(), results.end(),
            [](const Result& a, const Result& b) { return a.protocol.seed < b.protocol.seed; });
  MeanResult averaged;
  averaged.mean.architecture = results.front().architecture;
  averaged.mean.protocol = results.front().protocol;
  const auto add = [&](const std::string& name, double& to, const auto& of) {
    std::vector<double> values;
    for (const Result& result : results) values.push_back(of(result));
    to = mean(values);
    if (values.size() > 1 && name != kImagesMetric) averaged.standard_errors[name] = standard_error(values);
  };
  for (const auto& metric : results.front().metrics) {
    const std::string& name = metric.first;
    if (std::all_of(results.begin(), results.end(), [&](const Result& r) { return r.metrics.contains(name); }))
      add(name, averaged.mean.metrics[name], [&](const Result& result) { return result.metrics.at(name); });
  }
  add("seconds", averaged.mean.seconds, [](const Result& result) { return result.seconds; });
  averaged.results = std::move(results);
  return averaged;
}

}  // namespace

Result Store::result(std::int64_t id) const { return impl_->result(id); }

std::vector<Result> Store::results(const Filter& filter, std::optional<std::size_t> limit) const {
  if (filter.run) impl_->require_run(*filter.run);
  std::vector<std::int64_t> ids;
  {
    Selection selection(impl_->db, filter);
    auto row = selection.select("e.id", " ORDER BY e.id");
    while ((!limit || ids.size() < *limit) && row.step()) ids.push_back(row.integer(0));
  }
  std::vector<Result> results;
  results.reserve(ids.size());
  for (const std::int64_t id : ids) results.push_back(impl_->result(id));
  return results;
}

std::vector<ResultTable> Store::tables(const Filter& filter) const {
  if (filter.run) impl_->require_run(*filter.run);
  Selection selection(impl_->db, filter);
  selection.expression("macs", Use::kWhere);  // joins the architectures, which know the space
  std::vector<ResultTable> tables;
  auto row = selection.select("a.space, e.protocol, count(*)", " GROUP BY a.space, e.protocol");
  while (row.step()) {
    auto space = impl_->db.query("SELECT name, built_for FROM spaces WHERE id = ?", row.integer(0));
    auto p = impl_->db.query(
        "SELECT evaluator, checkpoint, dataset, split, fidelity, calibration, seed, recipe FROM protocols WHERE id = ?",
        row.integer(1));
    space.step();
    p.step();
    tables.push_back({space.text(0),
                      space.text(1),
                      {p.text(0), p.text(1), p.text(2), p.text(3), p.text(4), p.text(5), p.integer(6), p.text(7)},
                      row.integer(2)});
  }
  std::sort(tables.begin(), tables.end(), [](const ResultTable& a, const ResultTable& b) {
    return std::tie(a.space, a.built_for, a.protocol) < std::tie(b.space, b.built_for, b.protocol);
  });
  return tables;
}

std::vector<Result> Store::table_results(const ResultTable& table) const {
  std::vector<Result> results;
  const auto space = impl_->known_space_id(table.space, table.built_for);
  const auto protocol = impl_->known_protocol_id(table.protocol);
  if (!space || !protocol) return results;
  auto row = impl_->db.query(
      "SELECT e.id, n.canonical, n.arch, a.macs, a.params, e.seconds, e.run, strftime('%Y-%m-%dT%H:%M:%SZ', e.created, "
      "'unixepoch')"
      " FROM evaluations e JOIN architectures a ON a.id = e.architecture JOIN notations n ON n.architecture = a.id"
      " WHERE e.protocol = ? AND a.space = ? ORDER BY e.id",
      *protocol, *space);
  while (row.step()) {
    Result& result = results.emplace_back();
    result.id = row.integer(0);
    result.architecture = {table.space, row.text(1), table.built_for, row.text(2), row.integer(3), row.integer(4)};
    result.protocol = table.protocol;
    result.seconds = row.real(5);
    if (!row.is_null(6)) result.run = row.integer(6);
    result.created = row.text(7);
  }
  // Metrics are clustered by name and then in order of the evaluations: for each name one walk forward.
  std::vector<std::pair<std::string, std::int64_t>> names;
  auto name = impl_->db.query("SELECT name, id FROM metric_names");
  while (name.step()) names.emplace_back(name.text(0), name.integer(1));
  if (results.empty()) return results;
  for (const auto& [metric, id] : names) {
    std::size_t next = 0;
    auto value = impl_->db.query(
        "SELECT evaluation, value FROM metrics WHERE metric = ? AND evaluation BETWEEN ? AND ? ORDER BY evaluation", id,
        results.front().id, results.back().id);
    while (value.step()) {
      const std::int64_t evaluation = value.integer(0);
      while (next < results.size() && results[next].id < evaluation) ++next;
      if (next < results.size() && results[next].id == evaluation) results[next].metrics.emplace(metric, value.real(1));
    }
  }
  return results;
}

Front Store::pareto(std::span<const Objective> objectives, const Filter& filter, Mixing mixing) const {
  require_objectives(objectives);
  if (filter.run) impl_->require_run(*filter.run);
  Selection selection(impl_->db, filter);
  const Rows rows = read_rows(selection, objectives);
  std::map<std::int64_t, std::size_t> protocols;
  for (const std::int64_t protocol : rows.protocols) ++protocols[protocol];
  if (protocols.size() > 1 && mixing == Mixing::kRefuse)
    throw MixedProtocols(mixed_protocols(impl_->db, protocols, Seeds::kApart));
  Front front;
  front.num_considered = rows.ids.size();
  for (const std::size_t i : sorted_front(objectives, rows.values)) front.results.push_back(impl_->result(rows.ids[i]));
  return front;
}

MeanFront Store::pareto_of_means(std::span<const Objective> objectives, const Filter& filter, Mixing mixing) const {
  require_objectives(objectives);
  if (filter.run) impl_->require_run(*filter.run);
  Filter of_results = filter;
  std::vector<Condition> of_means;
  std::erase_if(of_results.where, [&](const Condition& condition) {
    const std::string& field = condition.field;
    if (field == "macs" || field == "params" || field == "seed") return false;  // the same in the mean, or not in it
    of_means.push_back(condition);
    return true;
  });
  const std::size_t num_fields = objectives.size() + of_means.size();
  Selection selection(impl_->db, of_results);
  const Rows rows = read_rows(selection, objectives, of_means);

  std::map<std::int64_t, std::int64_t> first_seed;  // of each protocol, the one that stands for all its seeds
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < rows.ids.size(); ++i) {
    const auto [known, is_new] = first_seed.try_emplace(rows.protocols[i]);
    if (is_new) known->second = protocol_of_any_seed(impl_->db, rows.protocols[i]);
    groups[{rows.architectures[i], known->second}].push_back(i);
  }
  std::map<std::int64_t, std::size_t> protocols;
  std::vector<const std::vector<std::size_t>*> members;
  std::vector<double> points;
  for (const auto& [key, group] : groups) {
    const auto mean_of = [&, &group = group](std::size_t field) {
      std::vector<double> values;
      for (const std::size_t i : group) values.push_back(rows.values[i * num_fields + field]);
      return mean(values);
    };
    std::size_t field = objectives.size();
    if (!std::all_of(of_means.begin(), of_means.end(),
                     [&](const Condition& condition) { return holds(condition, mean_of(field++)); }))
      continue;
    ++protocols[key.second];
    members.push_back(&group);
    for (std::size_t d = 0; d < objectives.size(); ++d) points.push_back(mean_of(d));
  }
  if (protocols.size() > 1 && mixing == Mixing::kRefuse)
    throw MixedProtocols(mixed_protocols(impl_->db, protocols, Seeds::kAveraged));
  MeanFront front;
  front.num_considered = members.size();
  for (const std::size_t i : sorted_front(objectives, points)) {
    std::vector<Result> results;
    for (const std::size_t row : *members[i]) results.push_back(impl_->result(rows.ids[row]));
    front.results.push_back(mean_of_seeds(std::move(results)));
  }
  return front;
}

}  // namespace frontier
