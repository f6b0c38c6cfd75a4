// The search job over an evaluator without tensors: exact resume, and what it writes.
#include "jobs/search.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <utility>

#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "support/made_up_session.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

using testing_support::MadeUpSession;

/// Asks to stop after so many questions.
class StopsAfter : public Observer {
 public:
  explicit StopsAfter(std::int64_t questions) : left_(questions) {}
  bool should_stop() override { return left_-- <= 0; }

 private:
  std::int64_t left_;
};

/// Bytes that this process has written so far, whatever the file.
std::int64_t bytes_written() {
  std::ifstream io("/proc/self/io");
  std::string key;
  for (std::int64_t value = 0; io >> key >> value;)
    if (key == "wchar:") return value;
  return -1;
}

class SearchJob : public ::testing::Test {
 protected:
  SearchJob() {
    registries_.evaluators.add("made_up", session_jobs(registries_, [this](const auto&, const auto&, const auto&) {
                                 return std::make_unique<MadeUpSession>(num_measured_);
                               }));
  }
  /// A third and two thirds of the way from the cheapest subnet to the dearest.
  static std::vector<std::int64_t> budgets() {
    const auto space = make_space("nas_bench_macro");
    const FeasibleSet all(*space, space->default_input(), Budget{});
    const std::int64_t least = all.least_macs().macs, most = all.most_macs().macs;
    return {least + (most - least) / 3, least + 2 * (most - least) / 3};
  }
  nlohmann::ordered_json search(const std::string& db, nlohmann::json more, Observer& observer) {
    nlohmann::json settings = {{"db", folder_ / db}, {"evaluator", "made_up"}, {"checkpoint", "none"}, {"budget", 120},
                               {"generation", 4},    {"resume", true},         {"max_macs", budgets()}};
    if (!more.is_null()) settings.update(more);
    return registries_.run("search", settings, observer);
  }
  nlohmann::ordered_json search(const std::string& db, const nlohmann::json& more) {
    Observer silent;
    return search(db, more, silent);
  }

  frontier::testing::TemporaryFolder folder_;
  std::int64_t num_measured_ = 0;
  Registries registries_;
};

TEST_F(SearchJob, StoppedAnywhereItGoesOnToTheSame) {
  for (const std::string searcher : {"random", "local", "evolution", "nsga2", "shiftnas"}) {
    const nlohmann::json with = {{"searcher", searcher}};
    const auto whole = search(searcher + "_whole.db", with);
    const std::int64_t all = std::exchange(num_measured_, 0);
    for (std::int64_t stop = 1; stop < 150; stop += 37) {
      SCOPED_TRACE(::testing::Message() << searcher << ", stopped after " << stop);
      const std::string db = searcher + std::to_string(stop) + ".db";
      for (int times = 0; times < 3; ++times) {  // each time a little further
        StopsAfter stops(stop + 10 * times);
        try {
          search(db, with, stops);
        } catch (const Interrupted&) {
        }
      }
      EXPECT_EQ(search(db, with)["results"], whole["results"]);
      const Store store(folder_ / db, Store::Mode::kReadOnly),
          expected(folder_ / (searcher + "_whole.db"), Store::Mode::kReadOnly);
      EXPECT_EQ(store.runs().size(), 1U);
      EXPECT_EQ(store.runs()[0].num_results, expected.runs()[0].num_results);
      const auto points = store.curve(1, "search/best_top1"), wanted = expected.curve(1, "search/best_top1");
      ASSERT_EQ(points.size(), wanted.size());
      for (std::size_t i = 0; i < points.size(); ++i) EXPECT_EQ(points[i].value, wanted[i].value);
    }
    num_measured_ = 0;
    EXPECT_EQ(search(searcher + "_whole.db", with)["results"], whole["results"]);
    EXPECT_EQ(num_measured_, 0) << "a finished one only reports, of " << all;
    num_measured_ = 0;
  }
}

/// Four times the search writes four times as much, not sixteen times.
TEST_F(SearchJob, WritesInProportionToItsLength) {
  const auto bytes_of = [&](std::int64_t budget) {
    const std::int64_t before = bytes_written();
    search(std::to_string(budget) + ".db",
           {{"budget", budget}, {"generation", 1}, {"max_macs", nlohmann::json::array()}});
    return static_cast<double>(bytes_written() - before);
  };
  if (bytes_written() < 0) GTEST_SKIP() << "the system does not tell what is written";
  const double small = bytes_of(300), large = bytes_of(1200);
  EXPECT_LT(large / small, 5) << small << " and " << large << " bytes";
}

TEST_F(SearchJob, WhatIsKeptToResumeDoesNotGrow) {
  std::vector<std::size_t> sizes;
  for (const std::int64_t budget : {40, 400}) {
    const std::string db = std::to_string(budget) + ".db";
    search(db, {{"budget", budget}});
    sizes.push_back(Store(folder_ / db, Store::Mode::kReadOnly).get_run_state(1, "search")->size());
  }
  EXPECT_LT(sizes[1], sizes[0] + 10);
}

TEST_F(SearchJob, GoesOnFromTheStateThatOlderVersionsKept) {
  const auto whole = search("whole.db", {});
  StopsAfter stops(9);
  EXPECT_THROW(search("old.db", {}, stops), Interrupted);
  {
    Store store(folder_ / "old.db", Store::Mode::kReadWrite);
    auto state = nlohmann::json::parse(*store.get_run_state(1, "search"));
    state.update({{"budget", 0}, {"searcher", {{"searcher", "nsga2"}}}, {"known", nlohmann::json::array()}});
    store.put_run_state(1, "search", state.dump());
  }
  EXPECT_EQ(search("old.db", {})["results"], whole["results"]);
}

TEST_F(SearchJob, RefusesToGoOnWhereItsNumbersLeadElsewhere) {
  StopsAfter stops(9);
  EXPECT_THROW(search("cut.db", {}, stops), Interrupted);
  {
    Store store(folder_ / "cut.db", Store::Mode::kReadWrite);
    auto state = nlohmann::json::parse(*store.get_run_state(1, "search"));
    state["rng"] = Rng(99).state();
    store.put_run_state(1, "search", state.dump());
  }
  EXPECT_THROWS_WITH(search("cut.db", {}), UsageError,
                     "the stored state of run 1 does not follow from what is stored: after ");
}

TEST_F(SearchJob, KeepsToWindows) {
  const auto limits = budgets();
  for (const std::string searcher : {"random", "local", "evolution", "nsga2", "shiftnas"}) {
    const auto document =
        search(searcher + ".db", {{"searcher", searcher}, {"min_macs", limits[0]}, {"max_macs", {limits[1]}}});
    const auto& item = document["results"][0];
    EXPECT_EQ(item["min_macs"], limits[0]);
    EXPECT_EQ(item["evaluated"], 120) << searcher;    // all that were measured
    EXPECT_EQ(std::exchange(num_measured_, 0), 121);  // and the best on the test split
    EXPECT_GE(item["best"]["macs"], limits[0]);
    EXPECT_LE(item["best"]["macs"], limits[1]);
  }
}

/// What a job tells about the work that is left.
class Hears : public Observer {
 public:
  void progress(std::int64_t done, const std::string&) override { shares[done] = done_ / total_; }
  void work(double done, double total) override {
    done_ = done;
    total_ = total;
  }
  std::map<std::int64_t, double> shares;  ///< of the work, by subnets done

 private:
  double done_ = 0, total_ = 0;
};

TEST_F(SearchJob, TellsThatDearerBudgetsAreMoreWork) {
  const auto limits = budgets();
  const std::vector<double> most(limits.begin(), limits.end());
  Hears hears;
  registries_.run("search",
                  {{"evaluator", "made_up"},
                   {"checkpoint", "a"},
                   {"db", folder_ / "work.db"},
                   {"max_macs", limits},
                   {"budget", 40},
                   {"generation", 10}},
                  hears);
  ASSERT_EQ(hears.shares.size(), 4U);
  EXPECT_DOUBLE_EQ(hears.shares[10], 0.5 * most[0] / (most[0] + most[1]));
  EXPECT_DOUBLE_EQ(hears.shares[20], most[0] / (most[0] + most[1]));
  EXPECT_LT(hears.shares[20], 0.45) << "half of the subnets";
  EXPECT_DOUBLE_EQ(hears.shares[40], 1);
}

}  // namespace
}  // namespace frontier
