#include "jobs/run_recorder.h"

#include <gtest/gtest.h>

#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

class RunRecorderTest : public ::testing::Test {
 protected:
  /// The curve's points as (step, value).
  std::vector<std::pair<std::int64_t, double>> curve(std::int64_t run, const std::string& name) const {
    std::vector<std::pair<std::int64_t, double>> points;
    for (const auto& point : Store(db_, Store::Mode::kReadOnly).curve(run, name))
      points.emplace_back(point.step, point.value);
    return points;
  }
  using Points = std::vector<std::pair<std::int64_t, double>>;

  frontier::testing::TemporaryFolder folder_;
  std::string db_ = folder_ / "results.db";
  Observer silent_;
};

TEST_F(RunRecorderTest, ACurveHasTheMeanOfTheStepsThatHaveItsValue) {
  RunRecorder recorder(db_, {.kind = "train"}, silent_, "");
  recorder.guard([&] {
    recorder.begin({{"space", "toy"}}, 0, 1000);  // a point every two steps
    recorder.step(1, {{"train/loss", 3}, {"train/lr", 0.1}});
    recorder.step(2, {{"train/loss", 1}, {"train/arch_loss", 5}, {"train/lr", 0.3}});
    recorder.step(3, {{"train/arch_loss", 0}, {"train/loss", 8}});
    recorder.step(4, {{"train/loss", 0}, {"train/arch_loss", 2}});
    recorder.step(6, {{"train/loss", 7}});
    return 0;
  });
  recorder.finish({});
  EXPECT_EQ(curve(recorder.run(), "train/loss"), (Points{{2, 2}, {4, 4}, {6, 7}}));
  EXPECT_EQ(curve(recorder.run(), "train/lr"), (Points{{2, 0.2}}));
  EXPECT_EQ(curve(recorder.run(), "train/arch_loss"), (Points{{2, 5}, {4, 1}}));
}

TEST_F(RunRecorderTest, TellsTheObserverTheLossByItsName) {
  struct Notes : Observer {
    void begin(const std::string& what, std::int64_t first, std::int64_t total, const std::string& unit) override {
      told.push_back(what + " " + std::to_string(first) + "/" + std::to_string(total) + " " + unit);
    }
    void progress(std::int64_t done, const std::string& detail) override {
      told.push_back(std::to_string(done) + " " + detail);
    }
    std::vector<std::string> told;
  } notes;
  RunRecorder recorder(db_, {.kind = "train"}, notes, "");
  recorder.guard([&] {
    recorder.begin({{"space", "toy"}}, 2, 4);
    recorder.step(3, {{"train/lr", 0.1}, {"train/loss", 0.25}});
    recorder.step(4, {{"train/lr", 0.1}});
    return 0;
  });
  EXPECT_TRUE(recorder.close());
  EXPECT_EQ(notes.told, (std::vector<std::string>{"train 2/4 steps", "3 loss 0.2500", "4 "}));
}

TEST_F(RunRecorderTest, StoresHowTheRunEnded) {
  RunRecorder recorder(db_, {.kind = "train"}, silent_, "");
  EXPECT_THROWS_WITH(recorder.guard([&]() -> int {
    recorder.begin({{"space", "toy"}}, 0, 2);
    throw Interrupted("stopped at step 1");
  }),
                     Interrupted, "stopped at step 1");
  const auto runs = Store(db_, Store::Mode::kReadOnly).runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].state, RunState::kInterrupted);
  EXPECT_EQ(runs[0].message, "stopped at step 1");
}

}  // namespace
}  // namespace frontier
