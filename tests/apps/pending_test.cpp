// A finished result whose write fails: shown, kept in a file, stored later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "db/store.h"
#include "support/bad_input.h"
#include "support/program.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing_support::Outcome;
using testing_support::Program;
using Arguments = std::vector<std::string>;
using nlohmann::json;

const std::string kArch = "8 | 8: k3e2 | 16: k3e2 | 32: k3e2";

class Pending : public ::testing::Test {
 protected:
  Pending() { ::setenv("FRONTIER_DB_WAIT", "0.1", 1); }
  ~Pending() override { ::unsetenv("FRONTIER_DB_WAIT"); }

  /// A training whose curve is first stored at its end.
  static Arguments with_training(const Arguments& command, const std::string& db) {
    Arguments all = command;
    const Arguments settings{"--db",         db,
                             "--space",      "mobile_cnn",
                             "--data",       "synthetic",
                             "--steps",      "60",
                             "--batch-size", "16",
                             "--set",        "data.synthetic.train_size=200",
                             "--set",        "data.synthetic.test_size=50",
                             "--set",        "evaluation.calibration_images=64",
                             "--set",        "evaluation.calibration_batch=32",
                             "--set",        "checkpoint_seconds=1000"};
    all.insert(all.end(), settings.begin(), settings.end());
    return all;
  }
  static Arguments scratch(const std::string& db) {
    return with_training({"evaluate", "--json", "--quiet", "--evaluator", "scratch", "--arch", kArch}, db);
  }
  Outcome run(const Arguments& arguments, const std::function<void(pid_t)>& meanwhile = {}) const {
    return Program(folder_.path().string()).run(arguments, false, meanwhile);
  }
  /// Until the run is stored, so that work has begun.
  void wait_for_run(const std::string& db) const {
    for (int i = 0; i < 3000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      try {
        if (!Store(folder_ / db, Store::Mode::kReadOnly).runs().empty()) return;
      } catch (const std::exception&) {  // not there yet, or in the making
      }
    }
    ADD_FAILURE() << "no run began";
  }
  /// The file that the message names. @returns its name.
  std::string kept_file(const Outcome& outcome) const {
    const std::string before = " is kept in ";
    const auto begin = outcome.err.find(before);
    if (begin == std::string::npos) return "";
    const auto from = begin + before.size();
    const std::string file = outcome.err.substr(from, outcome.err.find(',', from) - from);
    EXPECT_THAT(outcome.err, HasSubstr("frontier runs --db "));
    EXPECT_THAT(outcome.err, HasSubstr(" --import-pending " + file + "\n"));
    return file;
  }
  Outcome store_kept(const std::string& db, const std::string& file) const {
    return run({"runs", "--db", db, "--import-pending", file});
  }
  /// What a training that nothing disturbs finds.
  json undisturbed() const {
    const Outcome outcome = run(scratch("undisturbed.db"));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return numbers(json::parse(outcome.out));
  }
  static json numbers(const json& document) {
    json found;
    for (const auto& item : document["results"]) found[item["split"].get<std::string>()] = item["metrics"];
    return found;
  }
  json stored_numbers(const std::string& db) const {
    json found;
    for (const Result& result : Store(folder_ / db, Store::Mode::kReadOnly).results())
      found[result.protocol.split] = result.metrics;
    return found;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(Pending, WhatAHeldDatabaseDoesNotTakeIsShownAndStoredLater) {
  std::optional<Store> other;
  std::optional<Store::Transaction> held;
  const Outcome outcome = run(scratch("results.db"), [&](pid_t) {
    wait_for_run("results.db");
    other.emplace(folder_ / "results.db", Store::Mode::kReadWrite);
    held.emplace(*other);
  });
  held.reset();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("another program has held database results.db for "));
  ASSERT_TRUE(json::accept(outcome.out)) << outcome.out;
  const json expected = undisturbed();
  EXPECT_EQ(numbers(json::parse(outcome.out)), expected);
  EXPECT_EQ(stored_numbers("results.db"), json());

  const std::string file = kept_file(outcome);
  const Outcome stored = store_kept("results.db", file);
  EXPECT_EQ(stored.exit_code, 0) << stored.err;
  EXPECT_EQ(stored.out, "run 1: 2 results, 2 of them new; the file is now " + file + ".stored\n");
  EXPECT_EQ(stored_numbers("results.db"), expected);
  const Store store(folder_ / "results.db", Store::Mode::kReadOnly);
  ASSERT_EQ(store.runs().size(), 1U);
  EXPECT_EQ(store.runs()[0].state, RunState::kDone);
  EXPECT_EQ(store.curve(1, "train/loss").size(), 60U);
  // Twice is harmless; of what is not there, or nonsense, it says so.
  EXPECT_EQ(store_kept("results.db", file + ".stored").out,
            "run 1: 2 results, 0 of them new; the file is now " + file + ".stored\n");
  testing_support::expect_refused(store_kept("results.db", file), {"", {}, 2, {file, "No such file"}});
  testing_support::expect_refused(run({"runs", "--import-pending", "results.db"}), {"", {}, 2, {"results.db"}});
  testing_support::expect_refused(run({"runs", "--import-pending", file, "--run", "1"}), {"", {}, 2, {"--run"}});
}

TEST_F(Pending, OfADeletedDatabaseTheResultIsStoredInANewOne) {
  const Outcome outcome = run(scratch("results.db"), [&](pid_t) {
    wait_for_run("results.db");
    fs::remove(folder_ / "results.db");
  });
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("database results.db was deleted while it was in use"));
  const json expected = undisturbed();
  EXPECT_EQ(numbers(json::parse(outcome.out)), expected);
  EXPECT_EQ(store_kept("new.db", kept_file(outcome)).exit_code, 0);
  EXPECT_EQ(stored_numbers("new.db"), expected);
}

TEST_F(Pending, OfSeveralNetworksThoseThatAreMeasuredAreShown) {
  Arguments both = scratch("results.db");
  both.insert(both.end(), {"--arch", "8 | 8: k5e2 | 16: k3e2 | 32: k3e2"});
  const Outcome outcome = run(both, [&](pid_t) {
    wait_for_run("results.db");
    fs::remove(folder_ / "results.db");
  });
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(numbers(json::parse(outcome.out)), undisturbed());
  EXPECT_EQ(store_kept("new.db", kept_file(outcome)).out.substr(0, 29), "run 1: 2 results, 2 of them n");
}

TEST_F(Pending, WithTheDatabaseOnAFullDiskTheFileIsElsewhere) {
  const std::string disk = folder_ / "disk";
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0)
    GTEST_SKIP() << "no right to mount a small file system";
  const Outcome outcome = run(scratch("disk/results.db"), [&](pid_t) {
    wait_for_run("disk/results.db");
    const std::string filler(2 << 20, 'x');  // more than fits
    std::FILE* file = std::fopen((disk + "/filler").c_str(), "w");
    std::fwrite(filler.data(), 1, filler.size(), file);
    std::fclose(file);
  });
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("database disk/results.db: No space left on device"));
  const std::string kept = kept_file(outcome);
  EXPECT_THAT(kept, ::testing::StartsWith("results.db.pending-1-"));
  fs::remove(disk + "/filler");
  EXPECT_EQ(store_kept("disk/results.db", kept).exit_code, 0);
  EXPECT_EQ(stored_numbers("disk/results.db"), undisturbed());
  ::umount2(disk.c_str(), MNT_DETACH);
}

TEST_F(Pending, ATrainingIsShownBeforeItIsStored) {
  std::optional<Store> other;
  std::optional<Store::Transaction> held;
  const Outcome outcome =
      run(with_training({"train", "--json", "--quiet", "--out", "supernet", "--set", "final_random_subnets=0"},
                        "results.db"),
          [&](pid_t) {
            wait_for_run("results.db");
            other.emplace(folder_ / "results.db", Store::Mode::kReadWrite);
            held.emplace(*other);
          });
  held.reset();
  EXPECT_EQ(outcome.exit_code, 1);
  const json shown = json::parse(outcome.out);
  EXPECT_EQ(shown["metrics"], json::parse(read_file(folder_ / "supernet/run.json"))["metrics"]);
  const auto top1 = shown["metrics"]["top1_dearest"].get<double>(), images = shown["metrics"]["images"].get<double>();
  EXPECT_NEAR(shown["standard_errors"]["top1_dearest"], std::sqrt(top1 * (1 - top1) / images), 1e-12);
  ASSERT_EQ(store_kept("results.db", kept_file(outcome)).exit_code, 0);
  const Store store(folder_ / "results.db", Store::Mode::kReadOnly);
  EXPECT_EQ(store.runs().at(0).state, RunState::kDone);
  EXPECT_EQ(store.curve(1, "train/loss").size(), 60U);
}

}  // namespace
}  // namespace frontier
