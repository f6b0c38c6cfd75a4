#include "db/internal/schema.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "db/store.h"
#include "sample.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

class SchemaTest : public ::testing::Test {
 protected:
  void make_store() {
    Store store(file_, Store::Mode::kReadWrite);
    add(store, sample("a"));
  }
  std::vector<const char*> with_step(const char* sql) {
    std::vector<const char*> steps(migrations().begin(), migrations().end());
    steps.push_back(sql);
    return steps;
  }

  frontier::testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "results.db";
};

TEST_F(SchemaTest, MarksTheFileAsOurs) {
  make_store();
  EXPECT_EQ(cell_of(file_, "PRAGMA user_version"), "4");
  EXPECT_EQ(cell_of(file_, "PRAGMA application_id"), std::to_string(kApplicationId));
  EXPECT_EQ(cell_of(file_, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(cell_of(file_, "PRAGMA foreign_key_check"), "");
}

TEST_F(SchemaTest, MigratesStepByStepAndKeepsTheData) {
  make_store();
  const auto steps = with_step(
      "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT ''; CREATE TABLE notes (id INTEGER PRIMARY KEY);");
  {
    sqlite::Database db(file_, sqlite::Access::kWrite);
    migrate(db, steps);
    migrate(db, steps);
    EXPECT_EQ(cell_of(file_, "PRAGMA user_version"), "5");
    check_schema(db, steps);
  }
  EXPECT_EQ(cell_of(file_, "SELECT arch FROM results"), "arch-a");
  EXPECT_EQ(cell_of(file_, "SELECT count(note) FROM runs"), "0");
  // From nothing to the newest, too.
  sqlite::Database fresh(folder_ / "fresh.db", sqlite::Access::kCreate);
  migrate(fresh, steps);
  EXPECT_EQ(cell_of(folder_ / "fresh.db", "PRAGMA user_version"), "5");
}

TEST_F(SchemaTest, AFailedMigrationChangesNothing) {
  make_store();
  const auto steps = with_step("CREATE TABLE notes (id INTEGER PRIMARY KEY); CREATE TABLE runs (id INTEGER);");
  {
    sqlite::Database db(file_, sqlite::Access::kWrite);
    EXPECT_THROWS_WITH(migrate(db, steps), Error, "table runs already exists");
  }
  EXPECT_EQ(cell_of(file_, "PRAGMA user_version"), "4");
  EXPECT_EQ(cell_of(file_, "SELECT count(*) FROM sqlite_master WHERE name = 'notes'"), "0");
  EXPECT_EQ(Store(file_, Store::Mode::kReadWrite).results().size(), 1U);
}

TEST_F(SchemaTest, RefusesANewerSchema) {
  make_store();
  rows_of(file_, "PRAGMA user_version = 5");
  for (const auto mode : {Store::Mode::kReadOnly, Store::Mode::kReadWrite})
    EXPECT_THROWS_WITH(Store(file_, mode), UsageError,
                       file_ + " has schema version 5, this program knows up to 4; use a newer Frontier for it");
  EXPECT_EQ(cell_of(file_, "SELECT count(*) FROM evaluations"), "1");
}

/// A file as the program of schema 1 left it.
void make_version_1(const std::string& file) {
  sqlite::Database db(file, sqlite::Access::kCreate);
  migrate(db, migrations().first(1));
  db.exec(
      "INSERT INTO spaces VALUES (1, 'toy', '3x8x8/4'); INSERT INTO architectures VALUES (1, 1, 100, 10);"
      "INSERT INTO notations VALUES (1, 1, 'a', 'arch-a');"
      "INSERT INTO protocols VALUES (1, 'scratch', '', 'toy_data', 'test', '20 steps', '', 3);"
      "INSERT INTO evaluations VALUES (1, 1, 1, 2.5, 0, NULL); INSERT INTO metric_names VALUES (1, 'top1');"
      "INSERT INTO metrics VALUES (1, 1, 0.5)");
}

TEST_F(SchemaTest, AFileOfVersion1IsReadAsItLies) {
  make_version_1(file_);
  const Store store(file_, Store::Mode::kReadOnly);
  ASSERT_EQ(store.results().size(), 1U);
  EXPECT_EQ(store.results().front().protocol.recipe, "");
  EXPECT_EQ(store.results().front().metrics.at("top1"), 0.5);
  ASSERT_EQ(store.tables().size(), 1U);
  EXPECT_EQ(store.table_results(store.tables().front()).size(), 1U);
  const std::vector<Objective> objectives{{"top1", Direction::kMax}};
  EXPECT_EQ(store.pareto(objectives, {.recipe = ""}).results.size(), 1U);
  EXPECT_EQ(cell_of(file_, "PRAGMA user_version"), "1");
}

TEST_F(SchemaTest, AFileOfVersion1KeepsItsRowsWhenItIsBroughtUpToDate) {
  make_version_1(file_);
  Store store(file_, Store::Mode::kReadWrite);
  const Result old = store.results().front();
  EXPECT_EQ(old.protocol.recipe, "");
  EXPECT_EQ(cell_of(file_, "PRAGMA user_version"), "4");
  EXPECT_EQ(cell_of(file_, "PRAGMA foreign_key_check"), "");
  EXPECT_EQ(cell_of(file_, "SELECT recipe || arch FROM results"), "arch-a");
  // The same key again, and one that differs by its recipe alone.
  Evaluation again = old;
  again.run.reset();
  EXPECT_EQ(store.record({&again, 1}), std::vector<std::int64_t>{old.id});
  again.protocol.recipe = "1a2b3c4d";
  again.metrics["top1"] = 0.75;
  store.record({&again, 1});
  EXPECT_EQ(store.results().size(), 2U);
  // Foreign keys hold again.
  EXPECT_EQ(
      rows_of(file_,
              "SELECT sql FROM sqlite_master WHERE name = 'evaluations' AND sql LIKE '%REFERENCES protocols (id)%'")
          .size(),
      1U);
}

TEST_F(SchemaTest, OlderFilesHaveNoStatisticsUntilSomeAreRecorded) {
  for (const std::size_t version : {1, 2}) {
    const std::string file = folder_ / ("v" + std::to_string(version));
    make_version_1(file);
    {
      sqlite::Database db(file, sqlite::Access::kWrite);
      migrate(db, migrations().first(version));
    }
    const auto statistics = [&](Store::Mode mode) {
      return Store(file, mode).statistics("toy", "3x8x8/4", "a", "", "");
    };
    EXPECT_EQ(statistics(Store::Mode::kReadOnly), std::nullopt);
    EXPECT_EQ(cell_of(file, "PRAGMA user_version"), std::to_string(version));
    EXPECT_EQ(statistics(Store::Mode::kReadWrite), std::nullopt);
    EXPECT_EQ(cell_of(file, "PRAGMA user_version"), "4");
    Store store(file, Store::Mode::kReadWrite);
    Evaluation again = store.results().front();
    again.run.reset();
    again.statistics = "tensors";
    store.record({&again, 1});
    EXPECT_EQ(statistics(Store::Mode::kReadOnly), "tensors");
    EXPECT_EQ(cell_of(file, "PRAGMA foreign_key_check"), "");
  }
}

TEST_F(SchemaTest, ReadersAskForAMigrationInsteadOfDoingIt) {
  make_store();
  sqlite::Database db(file_, sqlite::Access::kRead);
  EXPECT_THROWS_WITH(check_schema(db, with_step("SELECT 1")), UsageError,
                     "has the older schema version 4; a command that writes into it");
}

TEST_F(SchemaTest, RefusesAndKeepsTheDatabaseOfAnotherProgram) {
  rows_of(file_, "CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('x')");
  for (const auto mode : {Store::Mode::kReadOnly, Store::Mode::kReadWrite})
    EXPECT_THROWS_WITH(Store(file_, mode), UsageError,
                       "is a SQLite database of another program (tables songs), not a Frontier results database");
  EXPECT_EQ(rows_of(file_, "SELECT name FROM sqlite_master"), std::vector<std::string>{"songs"});
  EXPECT_EQ(cell_of(file_, "PRAGMA journal_mode"), "delete");

  const std::string marked = folder_ / "marked.db";
  rows_of(marked, "PRAGMA application_id = 7; PRAGMA user_version = 1");
  EXPECT_THROWS_WITH(Store(marked, Store::Mode::kReadWrite), UsageError, "of another program");
}

TEST_F(SchemaTest, RefusesToWriteWhereATriggerWouldRun) {
  make_store();
  rows_of(file_, "CREATE TRIGGER wipe AFTER INSERT ON runs BEGIN DELETE FROM metrics; DELETE FROM evaluations; END");
  EXPECT_THROWS_WITH(Store(file_, Store::Mode::kReadWrite), UsageError,
                     "has the trigger 'wipe', which Frontier did not make");
  EXPECT_EQ(Store(file_, Store::Mode::kReadOnly).results().size(), 1U);
  rows_of(file_, "DROP TRIGGER wipe");
  Store(file_, Store::Mode::kReadWrite).begin_run({.kind = "train"});
  EXPECT_EQ(Store(file_, Store::Mode::kReadOnly).results().size(), 1U);
}

}  // namespace
}  // namespace frontier
