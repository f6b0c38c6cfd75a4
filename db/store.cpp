#include "db/store.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/statistics.h"
#include "common/text.h"
#include "db/internal/schema.h"
#include "db/internal/store_impl.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

fs::path database_path(std::string_view text) {
  constexpr std::string_view kScheme = "sqlite:///";
  std::string_view path = text;
  if (path.starts_with(kScheme)) {
    path.remove_prefix(kScheme.size());
  } else if (const auto colon = path.find("://"); colon != std::string_view::npos || path.starts_with("sqlite:")) {
    throw UsageError("database '" + printable(text) + "': write a path or sqlite:///path");
  }
  if (path.empty() || path.find('\0') != std::string_view::npos)
    throw UsageError("database '" + printable(text) + "': the path is empty or no path");
  return path;
}

void check_place(const fs::path& path, Store::Mode mode) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw UsageError("database " + path.string() + " is a folder; give a file");
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored))
    throw UsageError("database " + path.string() + " is a device or a pipe; give a file");
  if (mode == Store::Mode::kReadOnly && !fs::exists(path, ignored))
    throw UsageError("no results database at " + path.string() +
                     "; train or search into it first, or say where it is with --db");
  const fs::path folder = path.parent_path();
  if (mode == Store::Mode::kReadWrite && !folder.empty() && !fs::is_directory(folder, ignored))
    throw UsageError("cannot make database " + path.string() + ": there is no folder " + folder.string());
}

void check_finite(const Evaluation& evaluation) {
  const auto refuse = [&](const std::string& what, double value) {
    throw Error(what + " of " + evaluation.architecture.space + " " + printable(evaluation.architecture.arch, 200) +
                " is " + std::to_string(value) + ", not a finite number; nothing of it is stored");
  };
  for (const auto& [name, value] : evaluation.metrics) {
    check_metric_name(name);
    if (!std::isfinite(value)) refuse(name, value);
  }
  if (!std::isfinite(evaluation.seconds)) refuse("seconds", evaluation.seconds);
}

/// $FRONTIER_DB_WAIT, in seconds. @throws UsageError if it is no time.
std::optional<std::chrono::milliseconds> wait_of_environment() {
  const char* text = std::getenv("FRONTIER_DB_WAIT");
  if (text == nullptr) return std::nullopt;
  constexpr double kDay = 86400;
  const double seconds = parse_number(text, "FRONTIER_DB_WAIT");
  if (!(seconds >= 0 && seconds <= kDay))
    throw UsageError("FRONTIER_DB_WAIT = " + printable(text) + " is out of range; allowed: 0 to 86400 seconds");
  return std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds));
}

/// Equal but for rounding: a mean may be summed in another order.
bool is_same(double a, double b) { return std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b)); }

}  // namespace

std::string in_words(const Protocol& protocol) {
  std::vector<std::string> parts;
  if (!protocol.dataset.empty()) parts.push_back(protocol.dataset);
  if (!protocol.split.empty()) parts.push_back(protocol.split + " split");
  if (!protocol.fidelity.empty()) parts.push_back(protocol.fidelity);
  if (protocol.seed != 0) parts.push_back("seed " + std::to_string(protocol.seed));
  if (!protocol.recipe.empty()) parts.push_back("recipe " + protocol.recipe);
  return parts.empty() ? protocol.evaluator : join(parts);
}

double value_of(const Evaluation& evaluation, const std::string& name) {
  if (name == "macs") return static_cast<double>(evaluation.architecture.macs);
  if (name == "params") return static_cast<double>(evaluation.architecture.params);
  if (name == "seconds") return evaluation.seconds;
  return evaluation.metrics.at(name);
}

nlohmann::json to_json(const Protocol& protocol) {
  return {{"dataset", protocol.dataset},
          {"split", protocol.split},
          {"fidelity", protocol.fidelity},
          {"seed", protocol.seed}};
}

namespace {

/// The part that a result and a mean have in common.
nlohmann::ordered_json measured_json(const Evaluation& result, const std::map<std::string, double>& standard_errors) {
  nlohmann::ordered_json json;
  json["arch"] = result.architecture.arch;
  json["canonical"] = result.architecture.canonical;
  json["space"] = result.architecture.space;
  json["built_for"] = result.architecture.built_for;
  json["macs"] = result.architecture.macs;
  json["params"] = result.architecture.params;
  json["metrics"] = result.metrics;
  json["standard_errors"] = standard_errors;
  json["evaluator"] = result.protocol.evaluator;
  json["dataset"] = result.protocol.dataset;
  json["split"] = result.protocol.split;
  json["fidelity"] = result.protocol.fidelity;
  json["calibration"] = result.protocol.calibration;
  json["checkpoint"] = result.protocol.checkpoint;
  return json;
}

}  // namespace

nlohmann::ordered_json to_json(const Result& result) {
  nlohmann::ordered_json json = measured_json(result, standard_errors(result.metrics));
  json["seed"] = result.protocol.seed;
  json["recipe"] = result.protocol.recipe;
  json["seconds"] = result.seconds;
  json["run"] = result.run ? nlohmann::ordered_json(*result.run) : nlohmann::ordered_json();
  json["evaluation"] = result.id;
  json["created"] = result.created;
  return json;
}

nlohmann::ordered_json to_json(const MeanResult& result) {
  nlohmann::ordered_json json = measured_json(result.mean, result.standard_errors);
  json["recipe"] = result.mean.protocol.recipe;
  json["seconds"] = result.mean.seconds;
  for (const char* list : {"seeds", "evaluations", "runs"}) json[list] = nlohmann::ordered_json::array();
  for (const Result& one : result.results) {
    json["seeds"].push_back(one.protocol.seed);
    json["evaluations"].push_back(one.id);
    json["runs"].push_back(one.run ? nlohmann::ordered_json(*one.run) : nlohmann::ordered_json());
  }
  return json;
}

Store::Store(std::string_view path, Mode mode) {
  const fs::path file = database_path(path);
  check_place(file, mode);
  const bool reads = mode == Mode::kReadOnly;
  const auto wait = wait_of_environment();
  impl_ = std::make_unique<Impl>(file, reads ? sqlite::Access::kRead : sqlite::Access::kCreate);
  if (wait) set_wait(*wait);
  if (reads) {
    check_schema(impl_->db, migrations());
  } else {
    migrate(impl_->db, migrations());
    impl_->db.use_write_ahead_log();
  }
}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;

std::string Store::path() const { return impl_->db.path().string(); }
void Store::set_wait(std::chrono::milliseconds wait) { impl_->db.set_wait(wait); }
std::chrono::milliseconds Store::wait() const { return impl_->db.wait(); }

Store::Transaction::Transaction(Store& store) : transaction_(std::make_unique<sqlite::Transaction>(store.impl_->db)) {}
Store::Transaction::~Transaction() = default;
void Store::Transaction::commit() { transaction_->commit(); }

std::optional<std::int64_t> Store::Impl::known_space_id(std::string_view name, std::string_view built_for) {
  auto known = db.query("SELECT id FROM spaces WHERE name = ? AND built_for = ?", name, built_for);
  if (!known.step()) return std::nullopt;
  return known.integer(0);
}

std::int64_t Store::Impl::space_id(std::string_view name, std::string_view built_for) {
  if (const auto known = known_space_id(name, built_for)) return *known;
  db.query("INSERT INTO spaces (name, built_for) VALUES (?, ?)", name, built_for).run();
  return db.last_id();
}

std::int64_t Store::Impl::architecture_id(const StoredArchitecture& a) {
  const std::int64_t space = space_id(a.space, a.built_for);
  auto known = db.query(
      "SELECT a.id, a.macs, a.params FROM notations n JOIN architectures a ON a.id = n.architecture WHERE n.space = ? "
      "AND n.canonical = ?",
      space, a.canonical);
  if (!known.step()) {
    db.query("INSERT INTO architectures (space, macs, params) VALUES (?, ?, ?)", space, a.macs, a.params).run();
    const std::int64_t id = db.last_id();
    db.query("INSERT INTO notations (architecture, space, canonical, arch) VALUES (?, ?, ?, ?)", id, space, a.canonical,
             a.arch)
        .run();
    return id;
  }
  if (known.integer(1) != a.macs || known.integer(2) != a.params)
    throw Error(db.path().string() + " holds " + a.space + " " + printable(a.arch, 200) + " with " +
                std::to_string(known.integer(1)) + " MACs and " + std::to_string(known.integer(2)) +
                " parameters, not " + std::to_string(a.macs) + " and " + std::to_string(a.params) +
                "; a space whose meaning changed needs a new name, or use a new database");
  return known.integer(0);
}

std::optional<std::int64_t> Store::Impl::known_protocol_id(const Protocol& p) {
  auto known = db.query(
      "SELECT id FROM protocols WHERE evaluator = ? AND checkpoint = ? AND dataset = ? AND split = ? AND fidelity = ? "
      "AND calibration = ? AND seed = ? AND recipe = ?",
      p.evaluator, p.checkpoint, p.dataset, p.split, p.fidelity, p.calibration, p.seed, p.recipe);
  if (!known.step()) return std::nullopt;
  return known.integer(0);
}

std::int64_t Store::Impl::protocol_id(const Protocol& p) {
  if (const auto known = known_protocol_id(p)) return *known;
  db.query(
        "INSERT INTO protocols (evaluator, checkpoint, dataset, split, fidelity, calibration, seed, recipe) VALUES (?, "
        "?, ?, ?, ?, ?, ?, ?)",
        p.evaluator, p.checkpoint, p.dataset, p.split, p.fidelity, p.calibration, p.seed, p.recipe)
      .run();
  return db.last_id();
}

std::int64_t Store::Impl::metric_id(const std::string& name) {
  auto known = db.query("SELECT id FROM metric_names WHERE name = ?", name);
  if (known.step()) return known.integer(0);
  db.query("INSERT INTO metric_names (name) VALUES (?)", name).run();
  return db.last_id();
}

std::map<std::string, double> Store::Impl::metrics_of(std::int64_t evaluation) {
  std::map<std::string, double> metrics;
  auto metric = db.query(
      "SELECT n.name, m.value FROM metric_names n CROSS JOIN metrics m WHERE m.metric = n.id AND m.evaluation = ?",
      evaluation);
  while (metric.step()) metrics.emplace(metric.text(0), metric.real(1));
  return metrics;
}

Store::Impl::Place Store::Impl::place_of(const Evaluation& evaluation) {
  check_finite(evaluation);
  const std::int64_t architecture = architecture_id(evaluation.architecture);
  const std::int64_t protocol = protocol_id(evaluation.protocol);
  auto inserted = db.query(
      "INSERT INTO evaluations (architecture, protocol, seconds, created, run) VALUES (?, ?, ?, unixepoch(), ?)"
      " ON CONFLICT (architecture, protocol) DO NOTHING RETURNING id",
      architecture, protocol, evaluation.seconds, evaluation.run);
  if (inserted.step()) {
    const Place place{inserted.integer(0), true, evaluation.seconds};
    inserted.run();
    return place;
  }
  auto known =
      db.query("SELECT id, seconds FROM evaluations WHERE architecture = ? AND protocol = ?", architecture, protocol);
  if (!known.step()) throw Error("database " + db.path().string() + ": an evaluation was not stored");
  return {known.integer(0), false, known.real(1)};
}

void Store::Impl::refuse(const Evaluation& evaluation, const std::string& name, double stored, double value) {
  const StoredArchitecture& a = evaluation.architecture;
  const Protocol& p = evaluation.protocol;
  std::string how;
  for (const std::string& part : {p.evaluator, p.checkpoint, p.dataset, p.split, p.fidelity, p.calibration})
    if (!part.empty()) how += printable(part) + ", ";
  how += "seed " + std::to_string(p.seed);
  if (!p.recipe.empty()) how += ", recipe " + p.recipe;
  throw UsageError(db.path().string() + " already holds " + name + " = " + exact(stored) + " of " + a.space + " " +
                   printable(a.arch, 200) + " (" + how + "), not " + exact(value) +
                   "; nothing is stored. Numbers measured in another way need a data set, split, fidelity, "
                   "calibration or seed of their own, or another database");
}

Recorded Store::Impl::record(const Evaluation& evaluation, std::int64_t* id) {
  const Place place = place_of(evaluation);
  if (id != nullptr) *id = place.id;
  Recorded recorded{.new_evaluations = place.is_new ? std::size_t{1} : 0};
  const auto stored = place.is_new ? std::map<std::string, double>() : metrics_of(place.id);
  for (const auto& [name, value] : evaluation.metrics) {
    const auto known = stored.find(name);
    ++(known == stored.end() ? recorded.new_values : recorded.known_values);
    if (known == stored.end()) {
      db.query("INSERT INTO metrics (metric, evaluation, value) VALUES (?, ?, ?)", metric_id(name), place.id, value)
          .run();
    } else if (!is_same(known->second, value)) {
      refuse(evaluation, name, known->second, value);
    }
  }
  if (!evaluation.statistics.empty())
    db.query("INSERT OR IGNORE INTO statistics (evaluation, tensors) VALUES (?, ?)", place.id,
             sqlite::Blob{evaluation.statistics})
        .run();
  if (evaluation.run)
    db.query("INSERT OR IGNORE INTO run_evaluations (run, evaluation) VALUES (?, ?)", *evaluation.run, place.id).run();
  return recorded;
}

void Store::Impl::require_run(std::int64_t id) {
  if (db.query("SELECT 1 FROM runs WHERE id = ?", id).step()) return;
  std::string held = "it holds no run yet";
  auto range = db.query("SELECT min(id), max(id) FROM runs");
  if (range.step() && !range.is_null(0))
    held = "its runs are " + std::to_string(range.integer(0)) + " to " + std::to_string(range.integer(1));
  throw UsageError("no run " + std::to_string(id) + " in " + db.path().string() + "; " + held);
}

std::vector<std::int64_t> Store::record(std::span<const Evaluation> evaluations) {
  std::vector<std::int64_t> ids;
  ids.reserve(evaluations.size());
  sqlite::Transaction transaction(impl_->db);
  for (const Evaluation& evaluation : evaluations) {
    if (evaluation.run) impl_->require_run(*evaluation.run);
    impl_->record(evaluation, &ids.emplace_back());
  }
  transaction.commit();
  return ids;
}

Recorded Store::Impl::record_agreeing(const Evaluation& evaluation) {
  Recorded recorded = record(evaluation, nullptr);
  if (evaluation.seconds == 0) return recorded;
  const Place place = place_of(evaluation);
  const bool was_known = recorded.new_evaluations == 0 && place.seconds != 0;
  ++(was_known ? recorded.known_values : recorded.new_values);
  if (was_known && !is_same(place.seconds, evaluation.seconds))
    refuse(evaluation, "seconds", place.seconds, evaluation.seconds);
  if (place.seconds == 0)
    db.query("UPDATE evaluations SET seconds = ? WHERE id = ?", evaluation.seconds, place.id).run();
  return recorded;
}

Recorded Store::record_agreeing(std::span<const Evaluation> evaluations) {
  Recorded all;
  sqlite::Transaction transaction(impl_->db);
  for (const Evaluation& evaluation : evaluations) {
    if (evaluation.run) impl_->require_run(*evaluation.run);
    const Recorded one = impl_->record_agreeing(evaluation);
    all.new_evaluations += one.new_evaluations;
    all.new_values += one.new_values;
    all.known_values += one.known_values;
  }
  transaction.commit();
  return all;
}

void Store::link(std::int64_t run, std::span<const std::int64_t> results) {
  sqlite::Transaction transaction(impl_->db);
  impl_->require_run(run);
  for (const std::int64_t id : results)
    impl_->db.query("INSERT OR IGNORE INTO run_evaluations (run, evaluation) VALUES (?, ?)", run, id).run();
  transaction.commit();
}

Result Store::Impl::result(std::int64_t id) {
  auto row = db.query(
      "SELECT s.name, n.canonical, s.built_for, n.arch, a.macs, a.params, p.evaluator, p.checkpoint, p.dataset, "
      "p.split, p.fidelity,"
      " p.calibration, p.seed, p.recipe, e.seconds, e.run, strftime('%Y-%m-%dT%H:%M:%SZ', e.created, 'unixepoch')"
      " FROM evaluations e JOIN architectures a ON a.id = e.architecture JOIN notations n ON n.architecture = a.id"
      " JOIN spaces s ON s.id = a.space JOIN protocols p ON p.id = e.protocol WHERE e.id = ?",
      id);
  if (!row.step()) throw UsageError("no evaluation " + std::to_string(id) + " in " + db.path().string());
  Result result;
  result.id = id;
  result.architecture = {row.text(0), row.text(1), row.text(2), row.text(3), row.integer(4), row.integer(5)};
  result.protocol = {row.text(6),  row.text(7),  row.text(8),     row.text(9),
                     row.text(10), row.text(11), row.integer(12), row.text(13)};
  result.seconds = row.real(14);
  if (!row.is_null(15)) result.run = row.integer(15);
  result.created = row.text(16);
  result.metrics = metrics_of(id);
  return result;
}

std::optional<Result> Store::Impl::find(std::int64_t space, std::string_view canonical, std::int64_t protocol) {
  auto row = db.query(
      "SELECT e.id FROM notations n JOIN evaluations e ON e.architecture = n.architecture"
      " WHERE n.space = ? AND n.canonical = ? AND e.protocol = ?",
      space, canonical, protocol);
  if (!row.step()) return std::nullopt;
  return result(row.integer(0));
}

std::optional<Result> Store::find(std::string_view space, std::string_view built_for, std::string_view canonical,
                                  const Protocol& protocol) const {
  const std::string key(canonical);
  return find_many(space, built_for, {&key, 1}, protocol).front();
}

std::optional<std::string> Store::statistics(std::string_view space, std::string_view built_for,
                                             std::string_view canonical, std::string_view checkpoint,
                                             std::string_view calibration) const {
  auto row = impl_->db.query(
      "SELECT t.tensors FROM notations n JOIN spaces s ON s.id = n.space"
      " JOIN evaluations e ON e.architecture = n.architecture JOIN protocols p ON p.id = e.protocol"
      " JOIN statistics t ON t.evaluation = e.id"
      " WHERE s.name = ? AND s.built_for = ? AND n.canonical = ? AND p.checkpoint = ? AND p.calibration = ?"
      " ORDER BY e.id LIMIT 1",
      space, built_for, canonical, checkpoint, calibration);
  return row.step() ? std::optional(row.blob(0)) : std::nullopt;
}

std::vector<std::optional<Result>> Store::find_many(std::string_view space, std::string_view built_for,
                                                    std::span<const std::string> canonicals,
                                                    const Protocol& protocol) const {
  std::vector<std::optional<Result>> found(canonicals.size());
  const auto space_id = impl_->known_space_id(space, built_for);
  const auto protocol_id = impl_->known_protocol_id(protocol);
  if (!space_id || !protocol_id) return found;
  for (std::size_t i = 0; i < canonicals.size(); ++i) found[i] = impl_->find(*space_id, canonicals[i], *protocol_id);
  return found;
}

}  // namespace frontier
