#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>

#include "common/errors.h"
#include "db/store.h"
#include "sample.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

class RunsTest : public ::testing::Test {
 protected:
  frontier::testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "results.db";
  Store store_{file_, Store::Mode::kReadWrite};
};

TEST_F(RunsTest, AreListedWithStateAndProgress) {
  const std::int64_t train = store_.begin_run({.kind = "train",
                                               .name = "first",
                                               .space = "toy",
                                               .config = R"({"lr": 0.1})",
                                               .seed = 3,
                                               .version = "0.1.0",
                                               .checkpoint = "runs/a"});
  const std::int64_t search = store_.begin_run({.kind = "search", .space = "toy", .parent = train});
  store_.update_run(train, {.progress = 0.5, .message = "epoch 2 of 4"});
  store_.update_run(train, {.state = RunState::kDone});
  const auto runs = store_.runs();
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].name, "first");
  EXPECT_EQ(runs[0].config, R"({"lr": 0.1})");
  EXPECT_EQ(runs[0].seed, 3);
  EXPECT_EQ(runs[0].checkpoint, "runs/a");
  EXPECT_EQ(runs[0].version, "0.1.0");
  EXPECT_EQ(runs[0].state, RunState::kDone);
  EXPECT_EQ(runs[0].progress, 0.5);
  EXPECT_EQ(runs[0].message, "epoch 2 of 4");
  EXPECT_EQ(runs[0].pid, ::getpid());
  EXPECT_THAT(runs[0].created, ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
  EXPECT_GE(runs[0].updated, runs[0].created);
  EXPECT_EQ(runs[1].state, RunState::kRunning);
  EXPECT_EQ(runs[1].parent, train);
  EXPECT_EQ(store_.runs({.kind = "search"}).front().id, search);
  EXPECT_EQ(store_.runs({.id = train}).size(), 1U);
  EXPECT_TRUE(store_.runs({.space = "other"}).empty());
}

TEST_F(RunsTest, OfADeadProcessShowAsInterruptedUntilResumed) {
  const pid_t child = ::fork();
  if (child == 0) {
    Store(file_, Store::Mode::kReadWrite).begin_run({.kind = "train", .space = "toy"});
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(store_.runs().at(0).state, RunState::kInterrupted);
  EXPECT_TRUE(store_.runs()[0].process_gone);
  EXPECT_EQ(store_.runs()[0].pid, child);
  store_.resume_run(1);
  EXPECT_EQ(store_.runs()[0].state, RunState::kRunning);
  EXPECT_FALSE(store_.runs()[0].process_gone);
  // A later process with the same number is another one; on another host nobody can tell.
  rows_of(file_, "UPDATE runs SET pid_started = pid_started + 1");
  EXPECT_EQ(store_.runs()[0].state, RunState::kInterrupted);
  rows_of(file_, "UPDATE runs SET host = 'elsewhere'");
  EXPECT_EQ(store_.runs()[0].state, RunState::kRunning);
}

TEST_F(RunsTest, AreFoundByIdOrName) {
  EXPECT_THROWS_WITH(store_.find_run("1"), UsageError, "no run 1 in " + file_ + "; it holds no run yet");
  store_.begin_run({.kind = "train", .name = "baseline", .space = "toy"});
  store_.begin_run({.kind = "train", .name = "twice", .space = "toy"});
  store_.begin_run({.kind = "train", .name = "twice", .space = "toy"});
  store_.begin_run({.kind = "train", .space = "toy"});
  EXPECT_EQ(store_.find_run("2"), 2);
  EXPECT_EQ(store_.find_run("baseline"), 1);
  EXPECT_THROWS_WITH(store_.find_run("5"), UsageError, "its runs are 1 to 4");
  EXPECT_THROWS_WITH(store_.find_run("twice"), UsageError, "several runs are named 'twice' (2, 3); give the id");
  EXPECT_THROWS_WITH(store_.find_run("baselin"), UsageError, "unknown name 'baselin'; did you mean 'baseline'?");
  EXPECT_THROWS_WITH(store_.find_run(""), UsageError, "unknown name ''");
  EXPECT_THROWS_WITH(store_.find_run("99999999999999999999"), UsageError, "is not a whole number");
}

TEST_F(RunsTest, UpdatesAreChecked) {
  EXPECT_THROWS_WITH(store_.update_run(1, {.progress = 0.5}), UsageError, "no run 1");
  EXPECT_THROWS_WITH(store_.resume_run(1), UsageError, "no run 1");
  EXPECT_THROWS_WITH(store_.begin_run({.kind = "search", .space = "toy", .parent = 7}), UsageError, "no run 7");
  store_.begin_run({.kind = "train", .space = "toy"});
  EXPECT_THROWS_WITH(store_.update_run(1, {.progress = 1.5}), UsageError, "progress 1.5");
  EXPECT_THROWS_WITH(store_.update_run(1, {.progress = NAN}), UsageError, "out of range; allowed: 0 to 1");
}

TEST_F(RunsTest, CurvesTakeARepeatedStep) {
  const std::int64_t run = store_.begin_run({.kind = "train", .space = "toy"});
  store_.add_points(run, std::vector<CurvePoint>{{2, "train/loss", 0.5}, {1, "train/loss", 1.0}, {2, "lr", 0.1}});
  store_.add_points(run, std::vector<CurvePoint>{{2, "train/loss", 0.25}, {3, "train/loss", 0.125}});
  const auto curve = store_.curve(run, "train/loss");
  ASSERT_EQ(curve.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(curve[i].step, static_cast<std::int64_t>(i) + 1);
  EXPECT_EQ(curve[1].value, 0.25);
  EXPECT_EQ(store_.curve_names(run), (std::vector<std::string>{"lr", "train/loss"}));
  EXPECT_TRUE(store_.curve(run, "none").empty());
  EXPECT_THROWS_WITH(store_.add_points(run, std::vector<CurvePoint>{{4, "train/loss", 0.1}, {5, "train/loss", NAN}}),
                     Error, "train/loss of run 1 at step 5 is nan, not a finite number");
  EXPECT_EQ(store_.curve(run, "train/loss").size(), 3U);
  EXPECT_THROWS_WITH(store_.add_points(8, std::vector<CurvePoint>{{1, "x", 0}}), UsageError, "no run 8");
}

TEST_F(RunsTest, KeepTheirState) {
  const std::int64_t run = store_.begin_run({.kind = "search", .space = "toy"});
  EXPECT_FALSE(store_.get_run_state(run, "searcher"));
  store_.put_run_state(run, "searcher", "one");
  store_.put_run_state(run, "searcher", std::string(1000000, 'x'));
  store_.put_run_state(run, "empty", "");
  EXPECT_EQ(store_.get_run_state(run, "searcher")->size(), 1000000U);
  EXPECT_EQ(store_.get_run_state(run, "empty"), "");
  EXPECT_THROWS_WITH(store_.put_run_state(5, "searcher", ""), UsageError, "no run 5");
}

}  // namespace
}  // namespace frontier
