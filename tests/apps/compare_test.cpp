// `frontier compare` as a user runs it: tables, JSON, stopping and going on, and wrong input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/bad_input.h"

namespace frontier {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing_support::BadInput;
using testing_support::Outcome;
using testing_support::Program;
using Arguments = std::vector<std::string>;

/// A comparison of a few steps on a few images.
Arguments compare(const Arguments& more) {
  Arguments all{"compare", "--db", "results.db", "--data", "synthetic", "--batch-size", "16"};
  for (const char* setting : {"bins=2", "per_bin=2", "probe_steps=2", "config.trainer.steps=4",
                              "config.data.search_size=20", "config.data.synthetic.train_size=100",
                              "config.data.synthetic.test_size=20", "config.evaluation.calibration_images=32",
                              "config.evaluation.calibration_batch=32", "config.final_random_subnets=0"})
    all.insert(all.end(), {"--set", setting});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

class Compare : public ::testing::Test {
 protected:
  Outcome run(const Arguments& arguments, const std::function<void(pid_t)>& meanwhile = {}) const {
    return Program(folder_.path().string()).run(arguments, false, meanwhile);
  }
  frontier::testing::TemporaryFolder folder_;
};

TEST_F(Compare, PrintsTablesAndTheSameAsJson) {
  const Arguments arguments{"--samplers", "uniform, cost_bins", "--seeds", "0,7", "--own", "2", "--out", "both/"};
  const Outcome before = run(compare({"--samplers", "uniform,cost_bins", "--out", "both", "--dry-run", "--quiet"}));
  EXPECT_EQ(before.exit_code, 0) << before.err;
  EXPECT_THAT(before.out, HasSubstr("cost_bins, 4 steps, seed 2"));
  EXPECT_THAT(before.out, HasSubstr("parts are done; left: "));
  const Outcome done = run(compare(arguments));
  ASSERT_EQ(done.exit_code, 0) << done.err;
  for (const char* text : {"mobile_cnn, synthetic, test split, 4 subnets in 2 bins, seeds 0, 7", "\nequal steps\n",
                           "\nequal training cost\n", "cheapest bin", "hypervolume", "MACs up to", "images x MACs",
                           "less uniform", "95 % interval", "+0.0 %", "tau: Kendall's"})
    EXPECT_THAT(done.out, HasSubstr(text));
  EXPECT_THAT(done.err, HasSubstr("part 1/"));
  const Outcome again = run({"compare", "--db", "results.db", "--out", "both", "--resume", "--json", "--quiet"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const json document = json::parse(again.out);
  EXPECT_EQ(document["seeds"], (json{0, 7}));
  EXPECT_EQ(document["results"].size(), 4U);
  const Outcome runs = run({"runs", "--db", "results.db", "--json"});
  std::map<std::string, int> kinds;
  const json listed = json::parse(runs.out);
  for (const json& item : listed["results"]) ++kinds[item["kind"].get<std::string>()];
  EXPECT_EQ(kinds["compare"], 1) << "the same run, asked for again";
}

TEST_F(Compare, IsStoppedAndGoesOn) {
  const Arguments arguments{"--samplers", "uniform,cost_bins", "--seeds", "1",     "--steps",
                            "4000",       "--budget",          "steps",   "--out", "cut",
                            "--quiet"};
  const Outcome stopped = run(compare(arguments), [&](pid_t process) {
    while (!std::filesystem::exists(folder_ / "cut/uniform-4000steps-seed0/run.json"))
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ::kill(process, SIGINT);
  });
  EXPECT_EQ(stopped.exit_code, 130);
  testing_support::expect_refused(
      stopped,
      {"", {}, 130, {"stopped at step", "0 of 2 parts are done, and frontier compare --out cut --resume goes on"}});
  const Outcome left = run({"compare", "--out", "cut", "--dry-run", "--json", "--quiet"});
  ASSERT_EQ(left.exit_code, 0) << left.err;
  const json document = json::parse(left.out);
  EXPECT_EQ(document["results"][0]["state"], "begun");
  EXPECT_EQ(document["results"][1]["state"], "left");
}

/// Two processes on one comparison end in what one alone ends in.
TEST_F(Compare, IsSharedByProcesses) {
  const auto with = [](const std::string& out) {
    return compare({"--samplers", "uniform,cost_bins", "--seeds", "3", "--out", out, "--json"});
  };
  const json alone = json::parse(run(with("alone")).out);
  Outcome second;
  const Outcome first = run(with("shared"), [&](pid_t) {
    while (!std::filesystem::exists(folder_ / "shared/compare.json"))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    second = run({"compare", "--db", "results.db", "--out", "shared", "--resume", "--json"});
  });
  ASSERT_EQ(first.exit_code, 0) << first.err;
  ASSERT_EQ(second.exit_code, 0) << second.err;
  const json one = json::parse(first.out), other = json::parse(second.out);
  EXPECT_TRUE(one.contains("bins") || other.contains("bins")) << "the last stores the comparison";
  const json document = one.contains("bins") ? one : other;
  ASSERT_EQ(document["results"].size(), alone["results"].size());
  for (std::size_t i = 0; i < alone["results"].size(); ++i)
    EXPECT_EQ(document["results"][i]["metrics"]["top1"], alone["results"][i]["metrics"]["top1"]);
}

TEST_F(Compare, PrintsItsSettings) {
  const Outcome printed = run(compare({"--samplers", "uniform,sandwich", "--print-config"}));
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  const json settings = json::parse(printed.out);
  EXPECT_EQ(settings["bins"], 2);
  EXPECT_EQ(settings["seeds"], (json{0, 1, 2}));
  EXPECT_EQ(settings["config"]["trainer"]["lr"], 0.1);
  EXPECT_EQ(settings["arms"][1]["sampler"]["name"], "sandwich");
  write_file(folder_ / "compare.json", printed.out);
  const Outcome again = run({"compare", "--config", "compare.json", "--print-config"});
  EXPECT_EQ(json::parse(again.out), settings);
}

class CompareBadInput : public testing_support::BadInputTest {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    write_file(*folder_ / "arms.json",
               R"({"arms": [{"name": "a", "sampler": "uniform"}, {"name": "a", "sampler": "fair"}]})");
    write_file(*folder_ / "list.json", "[1]");
    std::filesystem::create_directory(*folder_ / "full");
    write_file(*folder_ / "full/notes.txt", "mine");
  }
};

TEST_F(CompareBadInput, IsRefusedWithOneMessage) {
  const auto with = [](const Arguments& more) {
    Arguments all = compare({"--quiet", "--samplers", "uniform,cost_bins", "--out", "fresh"});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_all_refused({
      {"no arms", compare({"--quiet", "--out", "fresh"}), 2, {"nothing to compare", "--samplers uniform,cost_bins"}},
      {"empty samplers", compare({"--samplers", "", "--out", "fresh"}), 2, {"--samplers"}},
      {"unknown sampler",
       compare({"--quiet", "--samplers", "uniform,bins", "--out", "fresh"}),
       2,
       {"unknown sampler 'bins'", "cost_bins"}},
      {"a comma too many", compare({"--quiet", "--samplers", "uniform,", "--out", "fresh"}), 2, {"unknown sampler ''"}},
      {"one twice",
       compare({"--quiet", "--samplers", "uniform,uniform", "--out", "fresh"}),
       2,
       {"two arms are named 'uniform'"}},
      {"one name twice",
       compare({"--quiet", "--config", "arms.json", "--out", "fresh"}),
       2,
       {"two arms are named 'a'"}},
      {"no folder", compare({"--quiet", "--samplers", "uniform"}), 2, {"--out is required"}},
      {"a folder of something else",
       compare({"--quiet", "--samplers", "uniform", "--out", "full"}),
       2,
       {"'full' holds something else than a comparison"}},
      {"bins 0", with({"--bins", "0"}), 2, {"bins = 0", "1 to 100"}},
      {"bins of no number", with({"--bins", "many"}), 2, {"'many' is not a whole number"}},
      {"too many of a bin",
       with({"--space", "nas_bench_macro", "--per-bin", "9000", "--set", "config.data.synthetic.channels=3", "--set",
             "config.data.synthetic.height=32", "--set", "config.data.synthetic.width=32"}),
       2,
       {"per_bin = 9000 is more than the subnets of", "lower per_bin or bins"}},
      {"no seeds", with({"--seeds", "0"}), 2, {"seeds must be how many (1 to 1000) or a list"}},
      {"empty seeds", with({"--seeds", ""}), 2, {"--seeds"}},
      {"a seed twice", with({"--seeds", "1,2,1"}), 2, {"seed 1 is there twice"}},
      {"seeds of words", with({"--seeds", "one,two"}), 2, {"--seeds", "one"}},
      {"another split", with({"--split", "train"}), 2, {"split", "search", "test"}},
      {"another budget", with({"--budget", "time"}), 2, {"budget", "steps", "cost", "both"}},
      {"one own network", with({"--own", "1"}), 2, {"own = 1: allowed are 0, and 2 to the 4 subnets"}},
      {"steps and epochs", with({"--epochs", "2", "--steps", "4"}), 2, {"--epochs or --steps"}},
      {"a seed of the training", with({"--set", "config.seed=3"}), 2, {"config.seed has no effect on a comparison"}},
      {"a sampler without its images",
       compare({"--quiet", "--samplers", "uniform,shiftnas", "--out", "fresh"}),
       2,
       {"held_out_fraction"}},
      {"an unknown setting", with({"--set", "bin=3"}), 2, {"bin", "did you mean 'bins'"}},
      {"a list", with({"--config", "list.json"}), 2, {"must hold a JSON object"}},
      {"nothing to print and resume",
       with({"--print-config", "--resume"}),
       2,
       {"--print-config has no effect on --resume"}},
      {"no such device", with({"--device", "tpu"}), 2, {"--device 'tpu'"}},
  });
}

}  // namespace
}  // namespace frontier
