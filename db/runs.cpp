// The runs of a store: begin, progress, curves, kept state.
#include <algorithm>
#include <cmath>

#include "common/errors.h"
#include "common/text.h"
#include "db/internal/process.h"
#include "db/internal/store_impl.h"

namespace frontier {
namespace {

constexpr std::string_view kStates[] = {"running", "done", "failed", "interrupted"};

RunState state_of(std::string_view text) {
  const auto found = std::find(std::begin(kStates), std::end(kStates), text);
  return found == std::end(kStates) ? RunState::kFailed : static_cast<RunState>(found - std::begin(kStates));
}

}  // namespace

std::string_view to_string(RunState state) { return kStates[static_cast<int>(state)]; }

std::int64_t Store::begin_run(const RunInfo& info) {
  const ProcessId process = this_process();
  sqlite::Transaction transaction(impl_->db);
  if (info.parent) impl_->require_run(*info.parent);
  impl_->db
      .query(
          "INSERT INTO runs (kind, name, space, config, seed, version, checkpoint, parent, state, pid, pid_started, "
          "host, created, updated)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ'), "
          "strftime('%Y-%m-%dT%H:%M:%SZ'))",
          info.kind, info.name, info.space, info.config, info.seed, info.version, info.checkpoint, info.parent,
          process.pid, process.started, process.host)
      .run();
  const std::int64_t id = impl_->db.last_id();
  transaction.commit();
  return id;
}

std::int64_t Store::adopt_run(const Run& run) {
  sqlite::Transaction transaction(impl_->db);
  std::int64_t id = 0;
  auto known = impl_->db.query(
      "SELECT id FROM runs WHERE kind = ? AND config = ? AND host = ? AND created = ? AND (id = ? OR pid = ?) ORDER BY "
      "id != ? LIMIT 1",
      run.kind, run.config, run.host, run.created, run.id, run.pid, run.id);
  if (known.step()) {
    id = known.integer(0);
  } else {
    impl_->db
        .query(
            "INSERT INTO runs (kind, name, space, config, seed, version, checkpoint, state, progress, message, pid, "
            "pid_started, host, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
            run.kind, run.name, run.space, run.config, run.seed, run.version, run.checkpoint, to_string(run.state),
            run.progress, run.message, run.pid, run.host, run.created, run.updated)
        .run();
    id = impl_->db.last_id();
  }
  transaction.commit();
  return id;
}

void Store::resume_run(std::int64_t id) {
  const ProcessId process = this_process();
  sqlite::Transaction transaction(impl_->db);
  impl_->require_run(id);
  impl_->db
      .query(
          "UPDATE runs SET state = 'running', pid = ?, pid_started = ?, host = ?, updated = "
          "strftime('%Y-%m-%dT%H:%M:%SZ') WHERE id = ?",
          process.pid, process.started, process.host, id)
      .run();
  transaction.commit();
}

void Store::update_run(std::int64_t id, const RunUpdate& update) {
  if (update.progress && !(*update.progress >= 0 && *update.progress <= 1))
    throw UsageError("progress " + std::to_string(*update.progress) + " of run " + std::to_string(id) +
                     " is out of range; allowed: 0 to 1");
  sqlite::Transaction transaction(impl_->db);
  impl_->require_run(id);
  auto& db = impl_->db;
  if (update.state) db.query("UPDATE runs SET state = ? WHERE id = ?", to_string(*update.state), id).run();
  if (update.progress) db.query("UPDATE runs SET progress = ? WHERE id = ?", *update.progress, id).run();
  if (update.message) db.query("UPDATE runs SET message = ? WHERE id = ?", *update.message, id).run();
  db.query("UPDATE runs SET updated = strftime('%Y-%m-%dT%H:%M:%SZ') WHERE id = ?", id).run();
  transaction.commit();
}

std::vector<Run> Store::runs(const RunFilter& filter) const {
  std::string sql =
      "SELECT id, kind, name, space, config, seed, version, checkpoint, parent, state, progress, message, pid, "
      "pid_started, host, created, updated,"
      " (SELECT count(*) FROM run_evaluations WHERE run = runs.id) FROM runs WHERE 1";
  std::vector<sqlite::Value> values;
  const auto require = [&](const char* condition, const auto& value) {
    if (!value) return;
    sql += condition;
    values.emplace_back(*value);
  };
  require(" AND id = ?", filter.id);
  require(" AND kind = ?", filter.kind);
  require(" AND space = ?", filter.space);
  auto row = impl_->db.query(sql + " ORDER BY id", values);
  std::vector<Run> runs;
  while (row.step()) {
    Run run;
    run.id = row.integer(0);
    run.kind = row.text(1);
    run.name = row.text(2);
    run.space = row.text(3);
    run.config = row.text(4);
    run.seed = row.integer(5);
    run.version = row.text(6);
    run.checkpoint = row.text(7);
    if (!row.is_null(8)) run.parent = row.integer(8);
    run.state = state_of(row.text(9));
    run.progress = row.real(10);
    run.message = row.text(11);
    run.pid = row.integer(12);
    run.host = row.text(14);
    run.created = row.text(15);
    run.updated = row.text(16);
    run.num_results = row.integer(17);
    if (run.state == RunState::kRunning && !may_be_running({run.pid, row.integer(13), run.host})) {
      run.state = RunState::kInterrupted;
      run.process_gone = true;
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

std::int64_t Store::find_run(std::string_view text) const {
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
    const std::int64_t id = parse_integer(text, "run");
    impl_->require_run(id);
    return id;
  }
  std::vector<std::string> ids;
  auto row = impl_->db.query("SELECT id FROM runs WHERE name = ? AND name != '' ORDER BY id", text);
  while (row.step()) ids.push_back(row.text(0));
  if (ids.size() == 1) return parse_integer(ids[0], "run");
  if (!ids.empty())
    throw UsageError("several runs are named '" + printable(text) + "' (" + join(ids) + "); give the id");
  std::vector<std::string> known;
  auto names = impl_->db.query("SELECT DISTINCT name FROM runs WHERE name != '' ORDER BY name");
  while (names.step()) known.push_back(names.text(0));
  throw UsageError(
      "run: " + (known.empty() ? "no run has the name '" + printable(text) + "'; give the id that `frontier runs` shows"
                               : unknown_name("name", text, known)));
}

void Store::add_points(std::int64_t run, std::span<const CurvePoint> points) {
  for (const CurvePoint& point : points) {
    if (!std::isfinite(point.value))
      throw Error(point.name + " of run " + std::to_string(run) + " at step " + std::to_string(point.step) + " is " +
                  std::to_string(point.value) + ", not a finite number");
  }
  sqlite::Transaction transaction(impl_->db);
  impl_->require_run(run);
  for (const CurvePoint& point : points)
    impl_->db
        .query("INSERT OR REPLACE INTO curves (run, name, step, value) VALUES (?, ?, ?, ?)", run, point.name,
               point.step, point.value)
        .run();
  transaction.commit();
}

std::vector<CurvePoint> Store::curve(std::int64_t run, std::string_view name) const {
  std::vector<CurvePoint> points;
  auto row = impl_->db.query("SELECT step, value FROM curves WHERE run = ? AND name = ? ORDER BY step", run, name);
  while (row.step()) points.push_back({row.integer(0), std::string(name), row.real(1)});
  return points;
}

std::vector<std::string> Store::curve_names(std::int64_t run) const {
  std::vector<std::string> names;
  auto row = impl_->db.query("SELECT DISTINCT name FROM curves WHERE run = ? ORDER BY name", run);
  while (row.step()) names.push_back(row.text(0));
  return names;
}

void Store::put_run_state(std::int64_t run, std::string_view key, std::string_view text) {
  sqlite::Transaction transaction(impl_->db);
  impl_->require_run(run);
  impl_->db.query("INSERT OR REPLACE INTO run_state (run, key, value) VALUES (?, ?, ?)", run, key, text).run();
  transaction.commit();
}

std::optional<std::string> Store::get_run_state(std::int64_t run, std::string_view key) const {
  auto row = impl_->db.query("SELECT value FROM run_state WHERE run = ? AND key = ?", run, key);
  if (!row.step()) return std::nullopt;
  return row.text(0);
}

}  // namespace frontier
