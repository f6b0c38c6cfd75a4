// Several processes, and processes that are killed. benchmarks/db/store_stress.cpp does the same at full size.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "common/rng.h"
#include "db/store.h"
#include "sample.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

class Processes : public ::testing::Test {
 protected:
  static pid_t start(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
      work();
      ::_exit(0);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ::_exit(1);
    }
  }
  static int status_of(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  }

  frontier::testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "results.db";
};

TEST_F(Processes, WriteAtOnceWithoutLossOrRepetition) {
  constexpr int kWriters = 8;
  constexpr int kEach = 100;
  std::vector<pid_t> children;
  for (int w = 0; w < kWriters; ++w) {
    children.push_back(start([&] {
      Store store(file_, Store::Mode::kReadWrite);  // all make the file at once, too
      const std::int64_t run = store.begin_run({.kind = "search", .space = "toy"});
      for (int i = 0; i < kEach; ++i) {
        Evaluation own = sample(std::to_string(w) + "-" + std::to_string(i));
        Evaluation shared = sample(std::to_string(i));  // every process measures these
        own.run = shared.run = run;
        store.record(std::vector{own, shared});
        if (store.results({.run = run}, 1).empty()) throw std::runtime_error("own results are not seen");
      }
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(cell_of(file_, "SELECT count(*), count(DISTINCT canonical) FROM results"),
            std::to_string((kWriters + 1) * kEach) + "|" + std::to_string((kWriters + 1) * kEach));
  EXPECT_EQ(cell_of(file_, "SELECT count(*) FROM run_evaluations"), std::to_string(2 * kWriters * kEach));
  EXPECT_EQ(cell_of(file_, "SELECT count(*) FROM metrics"), std::to_string(2 * (kWriters + 1) * kEach));
  EXPECT_EQ(cell_of(file_, "PRAGMA integrity_check"), "ok");
}

TEST_F(Processes, MakeTheSameFileAtOnce) {
  for (int round = 0; round < 100; ++round) {
    const std::string file = folder_ / ("new" + std::to_string(round) + ".db");
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i)
      children.push_back(start([&, i] {
        std::this_thread::sleep_for(std::chrono::microseconds(700 * i));
        const Store store(file, Store::Mode::kReadWrite);
      }));
    for (const pid_t child : children) EXPECT_EQ(status_of(child), 0) << "round " << round;
    if (HasFailure()) break;
  }
}

TEST_F(Processes, KilledWhileWritingLoseNothingReported) {
  std::int64_t reported = 0;
  for (std::uint64_t time = 0; time < 10; ++time) {
    SCOPED_TRACE(::testing::Message() << "time " << time);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = start([&] {
      Store store(file_, Store::Mode::kReadWrite);
      const std::int64_t run = store.begin_run({.kind = "search", .space = "toy"});
      for (std::int64_t i = 0;; ++i) {
        Store::Transaction transaction(store);
        Evaluation e = sample(std::to_string(time) + "-" + std::to_string(i));
        e.run = run;
        add(store, e);
        store.put_run_state(run, "done", std::to_string(i));
        transaction.commit();
        if (::write(ends[1], &i, sizeof i) != sizeof i) return;
      }
    });
    ::close(ends[1]);
    std::int64_t last = -1;
    Rng rng(time);
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(10 + rng.below(40)));
      ::kill(child, SIGKILL);
    });
    for (std::int64_t i = 0; ::read(ends[0], &i, sizeof i) == sizeof i;) last = i;
    ::close(ends[0]);
    killer.join();
    status_of(child);
    reported += last + 1;

    Store store(file_, Store::Mode::kReadWrite);
    EXPECT_EQ(cell_of(file_, "PRAGMA integrity_check"), "ok");
    for (std::int64_t i = 0; i <= last; ++i)
      ASSERT_TRUE(store.find("toy", "1x28x28/10", std::to_string(time) + "-" + std::to_string(i), kSampleProtocol))
          << "result " << i;
    for (const auto& run : store.runs()) {  // results and state went together
      EXPECT_EQ(run.state, RunState::kInterrupted);
      const auto done = store.get_run_state(run.id, "done");
      EXPECT_EQ(run.num_results, done ? std::stoll(*done) + 1 : 0);
    }
  }
  EXPECT_GT(reported, 0);
}

}  // namespace
}  // namespace frontier
