// Results on their way into the database, while another program holds it, and where it is gone.
#include "jobs/run_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "common/files.h"
#include "jobs/evaluate.h"
#include "jobs/search.h"
#include "support/made_up_session.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::MadeUpSession;

/// Another program that holds the database.
class Holder {
 public:
  explicit Holder(const std::string& db) : store_(db, Store::Mode::kReadWrite), held_(std::in_place, store_) {}
  void let_go() { held_.reset(); }

 private:
  Store store_;
  std::optional<Store::Transaction> held_;
};

/// Keeps what it is told, and may do something when it is.
struct Witness : Observer {
  void result(const nlohmann::ordered_json& document) override {
    told.push_back("result " + document.dump());
    if (when_shown) when_shown();
  }
  void note(const std::string& line) override {
    told.push_back(line);
    if (when_noted) when_noted();
  }
  bool should_stop() override { return stops; }

  std::vector<std::string> told = {};
  std::function<void()> when_shown = {}, when_noted = {};
  bool stops = false;
};

Evaluation measured(const std::string& key, double top1 = 0.9) {
  return {.architecture = {"toy", key, "1x8x8/4", key, 1000, 100},
          .protocol = {.evaluator = "supernet", .dataset = "toy_data", .split = "search"},
          .metrics = {{"top1", top1}, {"images", 40}},
          .seconds = 0.25,
          .statistics = std::string("\0bytes\xff", 7)};
}

class RunResultsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_.emplace(db_, Store::Mode::kReadWrite);
    store_->set_wait(milliseconds(60));
    run_ = store_->begin_run({.kind = "evaluate", .name = "mine", .space = "toy", .checkpoint = folder_ / "supernet"});
  }
  std::vector<std::string> stored(const std::string& db) const {
    std::vector<std::string> keys;
    for (const Result& result : Store(db, Store::Mode::kReadOnly).results())
      keys.push_back(result.architecture.canonical);
    return keys;
  }
  std::vector<std::string> stored() const { return stored(db_); }
  /// The files in `folder` that keep results.
  std::vector<fs::path> kept(const fs::path& folder) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().filename().string().find(".pending-") != std::string::npos) files.push_back(entry.path());
    return files;
  }
  std::vector<fs::path> kept() const { return kept(folder_.path()); }

  testing::TemporaryFolder folder_;
  std::string db_ = folder_ / "results.db";
  std::optional<Store> store_;
  std::int64_t run_ = 0;
  Witness witness_;
};

TEST_F(RunResultsTest, WhatCannotBeStoredWhileOthersHoldTheDatabaseIsStoredLater) {
  RunResults results(*store_, run_, witness_);
  Holder other(db_);
  results.add(measured("a"));
  results.add({1, "train/loss", 2.5});
  EXPECT_FALSE(results.commit());
  results.add(measured("b"));
  EXPECT_FALSE(results.commit());
  EXPECT_THAT(witness_.told, ElementsAre(HasSubstr("another program holds database " + db_ + "; the run goes on")));
  EXPECT_THAT(stored(), ElementsAre());
  other.let_go();
  EXPECT_TRUE(results.commit());
  EXPECT_THAT(stored(), ElementsAre("a", "b"));
  EXPECT_EQ(store_->curve(run_, "train/loss").size(), 1U);
  results.finish({});
  EXPECT_EQ(store_->runs().front().state, RunState::kDone);
  EXPECT_EQ(witness_.told.size(), 1U) << "the result is shown by whoever asked for it";
}

TEST_F(RunResultsTest, TheResultIsShownBeforeItIsStoredAndThenStored) {
  RunResults results(*store_, run_, witness_);
  results.add(measured("a"));
  Holder other(db_);
  witness_.when_shown = [&] { EXPECT_THAT(stored(), ElementsAre()); };
  witness_.when_noted = [&] {
    EXPECT_EQ(kept().size(), 1U) << "while it waits";
    other.let_go();
  };
  results.finish({{"top1", 0.9}});
  EXPECT_THAT(witness_.told, ElementsAre(R"(result {"top1":0.9})", HasSubstr("the result above is not stored yet")));
  EXPECT_THAT(stored(), ElementsAre("a"));
  EXPECT_EQ(store_->runs().front().state, RunState::kDone);
  EXPECT_THAT(kept(), ElementsAre());
}

TEST_F(RunResultsTest, WhatOthersNeverLetBeStoredIsKeptInAFileThatStoresIt) {
  RunResults results(*store_, run_, witness_);
  results.add(measured("a", 0.1 + 0.2));
  results.add({7, "train/loss", 0.5});
  std::optional<Holder> other(std::in_place, db_);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROWS_WITH(results.finish({{"top1", 0.9}}), DatabaseError, "another program has held database " + db_);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 11 * milliseconds(60));
  EXPECT_THAT(witness_.told.at(0), HasSubstr("result "));
  ASSERT_EQ(kept().size(), 1U);
  const std::string file = kept().front();
  other.reset();
  EXPECT_THAT(stored(), ElementsAre());

  EXPECT_EQ(store_pending(db_, file),
            (nlohmann::ordered_json{{"run", 1}, {"results", 1}, {"new", 1}, {"file", file + ".stored"}}));
  EXPECT_FALSE(fs::exists(file));
  const auto result = store_->results().at(0);
  EXPECT_EQ(result.metrics, measured("a", 0.1 + 0.2).metrics) << "to the last bit";
  EXPECT_EQ(result.run, run_);
  EXPECT_EQ(store_->statistics("toy", "1x8x8/4", "a", "", ""), measured("a").statistics);
  EXPECT_EQ(store_->curve(run_, "train/loss").at(0).value, 0.5);
  EXPECT_EQ(store_->runs().at(0).state, RunState::kDone);
  // Again.
  EXPECT_EQ(store_pending(db_, file + ".stored")["new"], 0);
  EXPECT_EQ(store_->runs().size(), 1U);
  EXPECT_THAT(stored(), ElementsAre("a"));
}

TEST_F(RunResultsTest, AFullMessageSaysWhatToType) {
  fs::create_directory(folder_ / "with blank");
  const std::string db = folder_ / "with blank/results.db";
  Store store(db, Store::Mode::kReadWrite);
  store.set_wait(milliseconds(10));
  RunResults results(store, store.begin_run({.kind = "evaluate"}), witness_);
  results.add(measured("a"));
  const Holder other(db);
  std::string message;
  try {
    results.finish({});
  } catch (const DatabaseError& error) {
    message = error.what();
  }
  ASSERT_EQ(kept(folder_ / "with blank").size(), 1U);
  const std::string file = kept(folder_ / "with blank").front();
  EXPECT_THAT(message, HasSubstr("; what run 1 found is kept in " + file + ", and stored by: frontier runs --db '" +
                                 db + "' --import-pending '" + file + "'"));
}

TEST_F(RunResultsTest, WhoeverStopsTheWaitingHasTheFileAtOnce) {
  RunResults results(*store_, run_, witness_);
  store_->set_wait(std::chrono::minutes(1));
  RunResults patient(*store_, run_, witness_);
  patient.add(measured("a"));
  const Holder other(db_);
  witness_.when_noted = [&] { witness_.stops = true; };
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROWS_WITH(patient.finish({}), Interrupted, "stopped while another program holds database");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(kept().size(), 1U);
}

TEST_F(RunResultsTest, OfADeletedDatabaseAllThatTheRunFoundIsKept) {
  RunResults results(*store_, run_, witness_);
  results.add(measured("a"));
  results.add({1, "train/loss", 0.5});
  ASSERT_TRUE(results.commit());
  results.add(measured("b"));
  fs::remove(db_);
  EXPECT_THROWS_WITH(results.finish({{"top1", 0.9}}), DatabaseError, "was deleted while it was in use");
  EXPECT_THAT(witness_.told, ElementsAre(HasSubstr("result ")));
  ASSERT_EQ(kept().size(), 1U);
  const std::string fresh = folder_ / "fresh.db";
  for (int times = 0; times < 2; ++times) {
    const std::string file = folder_ / "copy.json";
    fs::copy_file(kept().front(), file, fs::copy_options::overwrite_existing);
    EXPECT_EQ(store_pending(fresh, file)["results"], 2);
  }
  EXPECT_THAT(stored(fresh), ::testing::UnorderedElementsAre("a", "b"));
  const Store store(fresh, Store::Mode::kReadOnly);
  ASSERT_EQ(store.runs().size(), 1U);
  EXPECT_EQ(store.runs()[0].name, "mine");
  EXPECT_EQ(store.runs()[0].num_results, 2);
  EXPECT_EQ(store.curve(1, "train/loss").size(), 1U);
}

TEST_F(RunResultsTest, WithoutTheFolderOfTheDatabaseTheFileIsBesideTheCheckpoint) {
  fs::create_directory(folder_ / "gone");
  Store store(folder_ / "gone/results.db", Store::Mode::kReadWrite);
  RunResults results(store, store.begin_run({.kind = "evaluate", .checkpoint = folder_ / "supernet"}), witness_);
  results.add(measured("a"));
  fs::remove_all(folder_ / "gone");
  EXPECT_THROWS_WITH(results.finish({}), DatabaseError, "kept in " + folder_ / "results.db.pending-1-");
  EXPECT_EQ(kept().size(), 1U);
}

TEST_F(RunResultsTest, AFailedJobKeepsWhatItFound) {
  RunResults results(*store_, run_, witness_);
  EXPECT_THROWS_WITH(results.guard([&]() -> int {
    results.add(measured("a"));
    throw Interrupted("stopped at step 3");
  }),
                     Interrupted, "stopped at step 3");
  EXPECT_THAT(stored(), ElementsAre("a")) << "where it can be stored";
  EXPECT_EQ(store_->runs().at(0).state, RunState::kInterrupted);
  EXPECT_EQ(store_->runs().at(0).message, "stopped at step 3");

  const Holder other(db_);
  EXPECT_THROWS_WITH(results.guard([&]() -> int {
    results.add(measured("b"));
    throw UsageError("wrong");
  }),
                     UsageError, "wrong; what run 1 found is kept in ");
}

TEST_F(RunResultsTest, OtherNumbersThanThoseStoredAreRefusedAndKept) {
  RunResults results(*store_, run_, witness_);
  results.add(measured("a", 0.5));
  ASSERT_TRUE(results.commit());
  results.add(measured("a", 0.6));
  results.add(measured("b"));
  EXPECT_THROWS_WITH(results.finish({}), UsageError, "already holds top1 = 0.5");
  EXPECT_EQ(store_->runs().at(0).state, RunState::kFailed);
  ASSERT_EQ(kept().size(), 1U);
  EXPECT_THROWS_WITH(store_pending(db_, kept().front()), UsageError, "already holds top1 = 0.5");
  EXPECT_EQ(kept().size(), 1U) << "it is still there";
  EXPECT_EQ(store_pending(folder_ / "other.db", kept().front())["new"], 2);
}

TEST_F(RunResultsTest, OnlyFilesThatARunWroteAreStored) {
  const auto refused = [&](const std::string& text, const std::string& message) {
    write_file(folder_ / "file.json", text);
    EXPECT_THROWS_WITH(store_pending(folder_ / "new.db", folder_ / "file.json"), UsageError, message);
    EXPECT_FALSE(fs::exists(folder_ / "new.db"));
  };
  refused("{", "file.json");
  refused("[]", "holds no results that a run of this program kept");
  refused(R"({"format": "frontier pending results 2"})", "holds no results that a run of this program kept");
  const std::string head = R"({"format": "frontier pending results 1", "run": {"id": 1, "config": "{}"}, )";
  refused(head + R"("results": [{"macs": -1}]})", "results[0].macs");
  refused(head + R"("results": [{"metrics": {"top1": "high"}}]})", "results[0].metrics.top1 must be a number");
  refused(head + R"("results": [{"statistics": "?"}]})", "results[0].statistics is not base64");
  refused(head + R"("points": {"a": 1}})", "points must be a JSON array");
  refused(head + R"("extra": 1})", "extra");
  refused(R"({"format": "frontier pending results 1", "run": {"config": "]"}})", "run.config is no JSON object");
  EXPECT_THROWS_WITH(store_pending(db_, folder_ / "none.json"), UsageError, "none.json");
}

// ---- jobs

class JobOnAHeldDatabase : public RunResultsTest {
 protected:
  JobOnAHeldDatabase() {
    ::setenv("FRONTIER_DB_WAIT", "0.05", 1);
    registries_.evaluators.add("made_up", session_jobs(registries_, [this](const auto&, const auto&, const auto&) {
                                 return std::make_unique<Session>(num_measured_, when_measured_);
                               }));
  }
  ~JobOnAHeldDatabase() override { ::unsetenv("FRONTIER_DB_WAIT"); }

  /// Calls a function before each evaluation.
  class Session : public MadeUpSession {
   public:
    Session(std::int64_t& num_measured, std::function<void(std::int64_t)>& when_measured)
        : MadeUpSession(num_measured), num_measured_(num_measured), when_measured_(when_measured) {}
    std::vector<Measurement> evaluate(const std::string& split, std::span<const Architecture> archs,
                                      const std::function<void()>& check, const GroupMeasured& measured) override {
      when_measured_(num_measured_);
      return MadeUpSession::evaluate(split, archs, check, measured);
    }

   private:
    std::int64_t& num_measured_;
    std::function<void(std::int64_t)>& when_measured_;
  };

  nlohmann::ordered_json evaluate() {
    return registries_.run(
        "evaluate", {{"db", db_}, {"evaluator", "made_up"}, {"checkpoint", "none"}, {"archs", {"22212220"}}}, witness_);
  }
  nlohmann::ordered_json search(const std::string& db) {
    return registries_.run("search",
                           {{"db", db},
                            {"evaluator", "made_up"},
                            {"checkpoint", "none"},
                            {"budget", 60},
                            {"generation", 4},
                            {"searcher", "evolution"}},
                           witness_);
  }

  std::int64_t num_measured_ = 0;
  std::function<void(std::int64_t)> when_measured_ = [](std::int64_t) {};
  Registries registries_;
};

TEST_F(JobOnAHeldDatabase, AnEvaluationIsShownAndKept) {
  std::optional<Holder> other;
  when_measured_ = [&](std::int64_t) { other.emplace(db_); };
  EXPECT_THROWS_WITH(evaluate(), DatabaseError, "what run 2 found is kept in ");
  ASSERT_FALSE(witness_.told.empty());
  EXPECT_THAT(witness_.told.front(),
              HasSubstr(R"(result {"run":2,"evaluator":"supernet","results":[{"arch":"22212220")"));
  other.reset();
  ASSERT_EQ(kept().size(), 1U);
  store_pending(db_, kept().front());
  EXPECT_THAT(stored(), ElementsAre("22212220"));
  EXPECT_EQ(store_->runs().back().state, RunState::kDone);
  // Asked again, it is not measured again.
  num_measured_ = 0;
  EXPECT_EQ(evaluate()["results"][0]["arch"], "22212220");
  EXPECT_EQ(num_measured_, 0);
}

TEST_F(JobOnAHeldDatabase, ASearchGoesOnAndStoresAllOnceItMay) {
  const auto whole = search(folder_ / "whole.db");
  std::optional<Holder> other;
  num_measured_ = 0;
  when_measured_ = [&](std::int64_t measured) {
    if (measured >= 20 && measured < 40 && !other) other.emplace(db_);
    if (measured >= 40) other.reset();
  };
  EXPECT_EQ(search(db_)["results"], whole["results"]);
  const Store expected(folder_ / "whole.db", Store::Mode::kReadOnly);
  EXPECT_EQ(store_->runs().back().num_results, expected.runs()[0].num_results);
  const auto points = store_->curve(2, "search/best_top1"), wanted = expected.curve(1, "search/best_top1");
  ASSERT_EQ(points.size(), wanted.size());
  for (std::size_t i = 0; i < points.size(); ++i) EXPECT_EQ(points[i].value, wanted[i].value);
  EXPECT_EQ(store_->get_run_state(2, "search"), expected.get_run_state(1, "search"));
}

TEST_F(JobOnAHeldDatabase, ASearchWhoseDatabaseIsDeletedEndsAndKeepsWhatItFound) {
  when_measured_ = [&](std::int64_t measured) {
    if (measured >= 30) fs::remove(db_);
  };
  EXPECT_THROWS_WITH(search(db_), DatabaseError, "was deleted while it was in use");
  ASSERT_EQ(kept().size(), 1U);
  const std::string fresh = folder_ / "fresh.db";
  const auto found = store_pending(fresh, kept().front());
  EXPECT_GE(found["results"], 30);
  EXPECT_LT(found["results"], 40);
  EXPECT_EQ(Store(fresh, Store::Mode::kReadOnly).runs().at(0).state, RunState::kFailed);
  num_measured_ = 0;
  when_measured_ = [](std::int64_t) {};
  search(fresh);
  EXPECT_LT(num_measured_, 35) << "what was kept is not measured again";
}

TEST_F(JobOnAHeldDatabase, TheTimeToWaitIsATime) {
  for (const char* wrong : {"", "soon", "-1", "1e9"}) {
    ::setenv("FRONTIER_DB_WAIT", wrong, 1);
    EXPECT_THROWS_WITH(Store(db_, Store::Mode::kReadWrite), UsageError, "FRONTIER_DB_WAIT");
  }
}

}  // namespace
}  // namespace frontier
