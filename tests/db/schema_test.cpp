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
  EXPECT_EQ(cell_of(file_, "PRAGMA user_version"), "1");
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
    EXPECT_EQ(cell_of(file_, "PRAGMA user_version"), "2");
    check_schema(db, steps);
  }
  EXPECT_EQ(cell_of(file_, "SELECT arch FROM results"), "arch-a");
  EXPECT_EQ(cell_of(file_, "SELECT count(note) FROM runs"), "0");
  // From nothing to the newest, too.
  sqlite::Database fresh(folder_ / "fresh.db", sqlite::Access::kCreate);
  migrate(fresh, steps);
  EXPECT_EQ(cell_of(folder_ / "fresh.db", "PRAGMA user_version"), "2");
}

TEST_F(SchemaTest, AFailedMigrationChangesNothing) {
  make_store();
  const auto steps = with_step("CREATE TABLE notes (id INTEGER PRIMARY KEY); CREATE TABLE runs (id INTEGER);");
  {
    sqlite::Database db(file_, sqlite::Access::kWrite);
    EXPECT_THROWS_WITH(migrate(db, steps), Error, "table runs already exists");
  }
  EXPECT_EQ(cell_of(file_, "PRAGMA user_version"), "1");
  EXPECT_EQ(cell_of(file_, "SELECT count(*) FROM sqlite_master WHERE name = 'notes'"), "0");
  EXPECT_EQ(Store(file_, Store::Mode::kReadWrite).results().size(), 1U);
}

TEST_F(SchemaTest, RefusesANewerSchema) {
  make_store();
  rows_of(file_, "PRAGMA user_version = 2");
  for (const auto mode : {Store::Mode::kReadOnly, Store::Mode::kReadWrite})
    EXPECT_THROWS_WITH(Store(file_, mode), UsageError,
                       file_ + " has schema version 2, this program knows up to 1; use a newer Frontier for it");
  EXPECT_EQ(cell_of(file_, "SELECT count(*) FROM evaluations"), "1");
}

TEST_F(SchemaTest, ReadersAskForAMigrationInsteadOfDoingIt) {
  make_store();
  sqlite::Database db(file_, sqlite::Access::kRead);
  EXPECT_THROWS_WITH(check_schema(db, with_step("SELECT 1")), UsageError,
                     "has the older schema version 1; a command that writes into it");
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

}  // namespace
}  // namespace frontier
