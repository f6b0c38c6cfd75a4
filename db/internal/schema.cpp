#include "db/internal/schema.h"

#include <string>
#include <vector>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

// Numbers live in narrow tables (evaluations, and metrics clustered by metric), so that a front over a million results
// reads few pages; the long texts of an architecture are read for the members of the front alone.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  space TEXT NOT NULL,
  config TEXT NOT NULL CHECK (json_valid(config)),
  seed INTEGER NOT NULL,
  version TEXT NOT NULL,
  checkpoint TEXT NOT NULL,
  parent INTEGER REFERENCES runs (id),
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
  progress REAL NOT NULL DEFAULT 0,
  message TEXT NOT NULL DEFAULT '',
  pid INTEGER NOT NULL,
  pid_started INTEGER NOT NULL,   -- tells a process from a later one with the same number
  host TEXT NOT NULL,
  created TEXT NOT NULL,          -- ISO 8601, UTC
  updated TEXT NOT NULL
);

CREATE TABLE run_state (
  run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, key)
);

CREATE TABLE curves (
  run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  step INTEGER NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (run, name, step)
) WITHOUT ROWID;

CREATE TABLE spaces (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  built_for TEXT NOT NULL,        -- input and classes: '1x28x28/10'
  UNIQUE (name, built_for)
);

CREATE TABLE architectures (
  id INTEGER PRIMARY KEY,
  space INTEGER NOT NULL REFERENCES spaces (id),
  macs INTEGER NOT NULL,
  params INTEGER NOT NULL
);

CREATE TABLE notations (
  architecture INTEGER PRIMARY KEY REFERENCES architectures (id) ON DELETE CASCADE,
  space INTEGER NOT NULL REFERENCES spaces (id),
  canonical TEXT NOT NULL,
  arch TEXT NOT NULL,             -- the space's own notation
  UNIQUE (space, canonical)
);

CREATE TABLE protocols (
  id INTEGER PRIMARY KEY,
  evaluator TEXT NOT NULL,
  checkpoint TEXT NOT NULL,       -- fingerprint of the inherited weights
  dataset TEXT NOT NULL,
  split TEXT NOT NULL,
  fidelity TEXT NOT NULL,
  calibration TEXT NOT NULL,
  seed INTEGER NOT NULL,
  UNIQUE (evaluator, checkpoint, dataset, split, fidelity, calibration, seed)
);

CREATE TABLE evaluations (
  id INTEGER PRIMARY KEY,
  architecture INTEGER NOT NULL REFERENCES architectures (id),
  protocol INTEGER NOT NULL REFERENCES protocols (id),
  seconds REAL NOT NULL,
  created INTEGER NOT NULL,       -- Unix time
  run INTEGER REFERENCES runs (id),
  UNIQUE (architecture, protocol)
);

CREATE TABLE metric_names (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE metrics (
  metric INTEGER NOT NULL REFERENCES metric_names (id),
  evaluation INTEGER NOT NULL REFERENCES evaluations (id) ON DELETE CASCADE,
  value REAL NOT NULL,
  PRIMARY KEY (metric, evaluation)
) WITHOUT ROWID;

CREATE TABLE run_evaluations (    -- what a run measured or reused
  run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  evaluation INTEGER NOT NULL REFERENCES evaluations (id) ON DELETE CASCADE,
  PRIMARY KEY (run, evaluation)
) WITHOUT ROWID;

CREATE VIEW results AS
SELECT e.id AS evaluation, s.name AS space, n.arch, n.canonical, s.built_for, a.macs, a.params,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'top1') AND evaluation = e.id)
    AS top1,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'top5') AND evaluation = e.id)
    AS top5,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'loss') AND evaluation = e.id)
    AS loss,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'latency_ms') AND evaluation = e.id)
    AS latency_ms,
  (SELECT json_group_object(k.name, m.value)
     FROM metric_names k JOIN metrics m ON m.metric = k.id AND m.evaluation = e.id) AS metrics,
  p.evaluator, p.checkpoint, p.dataset, p.split, p.fidelity, p.calibration, p.seed, e.seconds, e.run,
  strftime('%Y-%m-%dT%H:%M:%SZ', e.created, 'unixepoch') AS created
FROM evaluations e
JOIN architectures a ON a.id = e.architecture
JOIN notations n ON n.architecture = e.architecture
JOIN spaces s ON s.id = a.space
JOIN protocols p ON p.id = e.protocol;
)sql";

// Numbers trained by different recipes are different measurements.
constexpr const char* kVersion2 = R"sql(
DROP VIEW results;

CREATE TABLE new_protocols (
  id INTEGER PRIMARY KEY,
  evaluator TEXT NOT NULL,
  checkpoint TEXT NOT NULL,       -- fingerprint of the inherited weights
  dataset TEXT NOT NULL,
  split TEXT NOT NULL,
  fidelity TEXT NOT NULL,
  calibration TEXT NOT NULL,
  seed INTEGER NOT NULL,
  recipe TEXT NOT NULL,           -- checksum of the training's settings; empty where nothing was trained
  UNIQUE (evaluator, checkpoint, dataset, split, fidelity, calibration, seed, recipe)
);
INSERT INTO new_protocols (id, evaluator, checkpoint, dataset, split, fidelity, calibration, seed, recipe)
SELECT id, evaluator, checkpoint, dataset, split, fidelity, calibration, seed, '' FROM protocols;
DROP TABLE protocols;
ALTER TABLE new_protocols RENAME TO protocols;

CREATE VIEW results AS
SELECT e.id AS evaluation, s.name AS space, n.arch, n.canonical, s.built_for, a.macs, a.params,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'top1') AND evaluation = e.id)
    AS top1,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'top5') AND evaluation = e.id)
    AS top5,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'loss') AND evaluation = e.id)
    AS loss,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'latency_ms') AND evaluation = e.id)
    AS latency_ms,
  (SELECT json_group_object(k.name, m.value)
     FROM metric_names k JOIN metrics m ON m.metric = k.id AND m.evaluation = e.id) AS metrics,
  p.evaluator, p.checkpoint, p.dataset, p.split, p.fidelity, p.calibration, p.seed, p.recipe, e.seconds, e.run,
  strftime('%Y-%m-%dT%H:%M:%SZ', e.created, 'unixepoch') AS created
FROM evaluations e
JOIN architectures a ON a.id = e.architecture
JOIN notations n ON n.architecture = e.architecture
JOIN spaces s ON s.id = a.space
JOIN protocols p ON p.id = e.protocol;
)sql";

// What a network was measured with and its weights do not say.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE statistics (
  evaluation INTEGER PRIMARY KEY REFERENCES evaluations (id) ON DELETE CASCADE,
  tensors BLOB NOT NULL           -- of batch norms, a safetensors file
);
)sql";

// The planner, left alone, reads all metrics for every row of the view. Where the order of a join is written down
// (CROSS JOIN), each is looked up by its name and its evaluation.
constexpr const char* kVersion4 = R"sql(
DROP VIEW results;

CREATE VIEW results AS
SELECT e.id AS evaluation, s.name AS space, n.arch, n.canonical, s.built_for, a.macs, a.params,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'top1') AND evaluation = e.id)
    AS top1,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'top5') AND evaluation = e.id)
    AS top5,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'loss') AND evaluation = e.id)
    AS loss,
  (SELECT value FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'latency_ms') AND evaluation = e.id)
    AS latency_ms,
  (SELECT json_group_object(k.name, m.value)
     FROM metric_names k CROSS JOIN metrics m WHERE m.metric = k.id AND m.evaluation = e.id) AS metrics,
  p.evaluator, p.checkpoint, p.dataset, p.split, p.fidelity, p.calibration, p.seed, p.recipe, e.seconds, e.run,
  strftime('%Y-%m-%dT%H:%M:%SZ', e.created, 'unixepoch') AS created
FROM evaluations e
JOIN architectures a ON a.id = e.architecture
JOIN notations n ON n.architecture = e.architecture
JOIN spaces s ON s.id = a.space
JOIN protocols p ON p.id = e.protocol;
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3, kVersion4};

// What a reader lays over a database of version v + 1, where it may not change the file, to see it as the newest.
constexpr const char* kReadings[] = {
    "CREATE TEMP VIEW protocols AS SELECT *, '' AS recipe FROM main.protocols;"
    "CREATE TEMP VIEW statistics AS SELECT 0 AS evaluation, '' AS tensors WHERE 0",
    "CREATE TEMP VIEW statistics AS SELECT 0 AS evaluation, '' AS tensors WHERE 0",
    ""};  // the view is for others than this program

/// The schema version; 0 for a database without anything in it.
std::size_t version_of_ours(sqlite::Database& db, std::size_t newest) {
  // One statement sees one state: another process may be making the schema at this moment.
  auto query = db.query(
      "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), "
      "(SELECT group_concat(name, ', ') FROM (SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name LIMIT "
      "5))");
  query.step();
  const std::int64_t application = query.integer(0), version = query.integer(1);
  const std::string tables = printable(query.text(2), 200);
  if (application == 0 && version == 0 && tables.empty()) return 0;
  if (application != kApplicationId)
    throw UsageError(db.path().string() + " is a SQLite database of another program (tables " + tables +
                     "), not a Frontier results database; give another path");
  if (version < 1 || version > static_cast<std::int64_t>(newest))
    throw UsageError(db.path().string() + " has schema version " + std::to_string(version) +
                     ", this program knows up to " + std::to_string(newest) +
                     "; use a newer Frontier for it, or give another path");
  return static_cast<std::size_t>(version);
}

/// Triggers run at every write, whoever made the file: one may delete what is stored next.
void refuse_triggers(sqlite::Database& db) {
  auto query = db.query("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name LIMIT 1");
  if (!query.step()) return;
  const std::string name = printable(query.text(0));
  throw UsageError(db.path().string() + " has the trigger '" + name +
                   "', which Frontier did not make and which would run whenever it writes; drop it (DROP TRIGGER in " +
                   "sqlite3) or give another path");
}

/// A table that others refer to is replaced by dropping it, which would count as deleting its rows.
class ForeignKeysOff {
 public:
  explicit ForeignKeysOff(sqlite::Database& db) : db_(db) { db_.exec("PRAGMA foreign_keys = OFF"); }
  ~ForeignKeysOff() {
    try {
      db_.exec("PRAGMA foreign_keys = ON");
    } catch (const std::exception&) {  // out of memory: the next statement says so
    }
  }
  ForeignKeysOff(const ForeignKeysOff&) = delete;
  ForeignKeysOff& operator=(const ForeignKeysOff&) = delete;

 private:
  sqlite::Database& db_;
};

}  // namespace

std::span<const char* const> migrations() { return kMigrations; }

void migrate(sqlite::Database& db, std::span<const char* const> steps) {
  version_of_ours(db, steps.size());  // another program's database is that first
  refuse_triggers(db);
  const ForeignKeysOff as_tables_are_made_anew(db);
  while (version_of_ours(db, steps.size()) < steps.size()) {
    sqlite::Transaction transaction(db);
    const std::size_t version = version_of_ours(db, steps.size());  // again: another process may have been first
    if (version == steps.size()) return;
    db.exec(steps[version]);
    db.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
    db.exec("PRAGMA user_version = " + std::to_string(version + 1));
    transaction.commit();
  }
}

void check_schema(sqlite::Database& db, std::span<const char* const> steps) {
  const std::size_t version = version_of_ours(db, steps.size());
  if (version == 0)
    throw UsageError(db.path().string() + " is an empty database without results; train or search into it first");
  if (version == steps.size()) return;
  if (version > std::size(kReadings))
    throw UsageError(db.path().string() + " has the older schema version " + std::to_string(version) +
                     "; a command that writes into it (train, search) brings it up to date");
  db.exec("PRAGMA query_only = OFF");
  db.exec(kReadings[version - 1]);
  db.exec("PRAGMA query_only = ON");
}

}  // namespace frontier
