// Training from scratch is a training like any other: checkpoints, resume, and numbers that know their recipe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "db/sample.h"
#include "db/store.h"
#include "support/bad_input.h"
#include "support/program.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using testing_support::Outcome;
using testing_support::Program;
using Arguments = std::vector<std::string>;
using nlohmann::json;

const std::string kArch = "8 | 8: k3e2 | 16: k3e2 | 32: k3e2", kOther = "8 | 8: k5e2 | 16: k3e2 | 32: k3e2";

class Scratch : public ::testing::Test {
 protected:
  static Arguments settings(const std::string& steps) {
    return {"--db",         "results.db",
            "--space",      "mobile_cnn",
            "--data",       "synthetic",
            "--steps",      steps,
            "--batch-size", "16",
            "--set",        "data.synthetic.train_size=200",
            "--set",        "data.synthetic.test_size=50",
            "--set",        "evaluation.calibration_images=64",
            "--set",        "evaluation.calibration_batch=32",
            "--set",        "checkpoint_steps=1"};
  }
  Outcome run(const Arguments& arguments, const std::function<void(pid_t)>& meanwhile = {}) const {
    return Program(folder_.path().string()).run(arguments, false, meanwhile);
  }
  Outcome scratch(const Arguments& more, const std::string& steps = "3",
                  const std::function<void(pid_t)>& meanwhile = {}) const {
    Arguments all{"evaluate", "--json", "--quiet", "--evaluator", "scratch"};
    for (const auto& part : {settings(steps), more}) all.insert(all.end(), part.begin(), part.end());
    return run(all, meanwhile);
  }
  static json results(const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.exit_code == 0 ? json::parse(outcome.out)["results"] : json::array();
  }
  static std::map<std::string, json> metrics_by_split(const Outcome& outcome) {
    std::map<std::string, json> metrics;
    for (const auto& item : results(outcome)) metrics[item["split"]] = item["metrics"];
    return metrics;
  }
  json checkpoint(const std::string& name) const { return json::parse(read_file(folder_ / (name + "/run.json"))); }
  std::vector<Result> stored() const { return Store(folder_ / "results.db", Store::Mode::kReadOnly).results(); }

  testing::TemporaryFolder folder_;
};

TEST_F(Scratch, ItsCheckpointIsEvaluatedLikeASupernets) {
  const auto trained = metrics_by_split(scratch({"--arch", kArch, "--out", "alone"}));
  EXPECT_EQ(checkpoint("alone")["config"]["sampler"], (json{{"name", "fixed"}, {"arch", kArch}}));
  EXPECT_EQ(checkpoint("alone")["trainer"]["step"], 3);
  for (const auto* split : {"search", "test"}) {
    const auto again = metrics_by_split(run({"evaluate", "--json", "--quiet", "--db", "results.db", "--checkpoint",
                                             "alone", "--arch", kArch, "--split", split}));
    EXPECT_EQ(again.at(split), trained.at(split));
  }
  testing_support::expect_refused(
      run({"evaluate", "--quiet", "--db", "results.db", "--checkpoint", "alone", "--arch", kOther}),
      {"", {}, 2, {"the checkpoint holds the weights of " + kArch + " alone, not of " + kOther}});
}

TEST_F(Scratch, IsTheTrainingOfTheFixedSampler) {
  const auto alone = results(scratch({"--arch", kArch, "--out", "alone"}));
  Arguments train{"train", "--quiet", "--sampler", "fixed", "--set", "sampler.arch=" + kArch, "--out", "fixed"};
  const auto more = settings("3");
  train.insert(train.end(), more.begin(), more.end());
  ASSERT_EQ(run(train).exit_code, 0);
  for (const auto* file : {"/weights.safetensors", "/state.safetensors"})
    EXPECT_EQ(read_file(folder_ / (std::string("alone") + file)), read_file(folder_ / (std::string("fixed") + file)));
  EXPECT_EQ(checkpoint("fixed")["metrics"], checkpoint("alone")["metrics"]);
  EXPECT_EQ(checkpoint("fixed")["metrics"]["top1"], alone[0]["metrics"]["top1"]);
}

TEST_F(Scratch, InterruptedItGoesOnToTheSameNumbers) {
  const auto whole = metrics_by_split(scratch({"--arch", kArch, "--out", "whole"}, "60"));
  const auto interrupt = [&](pid_t child) {
    for (int i = 0; i < 3000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      try {
        if (checkpoint("cut")["trainer"]["step"].get<std::int64_t>() >= 2) break;
      } catch (const std::exception&) {  // not there yet, or just being replaced
      }
    }
    ::kill(child, SIGINT);
  };
  testing_support::expect_refused(scratch({"--arch", kArch, "--out", "cut", "--seed", "0"}, "60", interrupt),
                                  {"", {}, 130, {"stopped at step ", "--resume goes on"}});
  EXPECT_LT(checkpoint("cut")["trainer"]["step"], 60);
  testing_support::expect_refused(scratch({"--arch", kArch, "--out", "cut"}, "60"),
                                  {"", {}, 2, {"'cut' holds a checkpoint already"}});
  testing_support::expect_refused(scratch({"--arch", kOther, "--out", "cut", "--resume"}, "60"),
                                  {"", {}, 2, {"sampler.arch = \"" + kArch + "\", not \"" + kOther + "\""}});
  EXPECT_EQ(metrics_by_split(scratch({"--arch", kArch, "--out", "cut", "--resume"}, "60")), whole);
  EXPECT_EQ(read_file(folder_ / "cut/weights.safetensors"), read_file(folder_ / "whole/weights.safetensors"));
  testing_support::expect_refused(scratch({"--arch", kArch, "--resume"}), {"", {}, 2, {"--resume needs --out"}});
}

TEST_F(Scratch, SeveralHaveAFolderEach) {
  ASSERT_EQ(results(scratch({"--arch", kArch, "--arch", kOther, "--out", "both"}, "1")).size(), 4U);
  std::set<std::string> archs;
  for (const auto& entry : fs::directory_iterator(folder_ / "both"))
    archs.insert(checkpoint("both/" + entry.path().filename().string())["config"]["sampler"]["arch"]);
  EXPECT_EQ(archs, (std::set{kArch, kOther}));
}

TEST_F(Scratch, AnotherRecipeIsAnotherNumberAndTheSameOneIsNotTrainedAgain) {
  const auto first = results(scratch({"--arch", kArch}));
  const auto faster = results(scratch({"--arch", kArch, "--lr", "0.01"}));
  EXPECT_NE(first[0]["metrics"], faster[0]["metrics"]);
  ASSERT_EQ(stored().size(), 4U);
  std::set<std::string> recipes;
  for (const auto& result : stored()) recipes.insert(result.protocol.recipe);
  EXPECT_EQ(recipes.size(), 2U);
  for (const auto& recipe : recipes) EXPECT_EQ(recipe.size(), 8U);

  // Threads, checkpoints and names are no part of the recipe; the same training is looked up, seconds and all.
  EXPECT_EQ(results(scratch({"--arch", kArch, "--set", "checkpoint_steps=0", "--set", "loader.threads=2"})), first);
  EXPECT_EQ(stored().size(), 4U);
  const auto runs = Store(folder_ / "results.db", Store::Mode::kReadOnly).runs();
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs.back().num_results, 2);
  // A seed is another measurement of the same recipe.
  results(scratch({"--arch", kArch, "--seed", "5"}));
  EXPECT_EQ(stored().size(), 6U);
  EXPECT_EQ(stored().back().protocol.recipe, stored().front().protocol.recipe);
}

TEST_F(Scratch, SeedsOfOneRecipeHaveAMeanWithItsStandardError) {
  std::vector<double> top1;
  for (const char* seed : {"0", "1", "2"}) {
    const auto found = results(scratch({"--arch", kArch, "--seed", seed}));
    const double p = found[1]["metrics"]["top1"].get<double>(), images = found[1]["metrics"]["images"].get<double>();
    EXPECT_EQ(found[1]["split"], "test");
    EXPECT_EQ(images, 50);
    EXPECT_NEAR(found[1]["standard_errors"]["top1"], std::sqrt(p * (1 - p) / 50), 1e-12);
    top1.push_back(p);
  }
  const Outcome outcome = run({"pareto", "--db", "results.db", "--split", "test", "--mean", "--json"});
  const auto means = results(outcome);
  ASSERT_EQ(means.size(), 1U);
  EXPECT_EQ(means[0]["seeds"], (json{0, 1, 2}));
  const double mean = (top1[0] + top1[1] + top1[2]) / 3;
  double squares = 0;
  for (const double value : top1) squares += (value - mean) * (value - mean);
  EXPECT_NEAR(means[0]["metrics"]["top1"], mean, 1e-12);
  EXPECT_NEAR(means[0]["standard_errors"]["top1"], std::sqrt(squares / 2 / 3), 1e-12);
  // As a table, with what is stored of one alone beside it.
  EXPECT_THAT(run({"pareto", "--db", "results.db", "--split", "test", "--mean"}).out, ::testing::HasSubstr(" ±"));
  Arguments again{"evaluate", "--quiet", "--evaluator", "scratch", "--arch", kArch};
  const auto more = settings("3");
  again.insert(again.end(), more.begin(), more.end());
  EXPECT_THAT(run(again).out, ::testing::ContainsRegex("test +[0-9.]+ ±[0-9.]+ %"));
}

TEST_F(Scratch, WhatAnOlderVersionStoredGainsItsImages) {
  const auto first = results(scratch({"--arch", kArch, "--out", "alone"}));
  rows_of(folder_ / "results.db",
          "DELETE FROM metrics WHERE metric = (SELECT id FROM metric_names WHERE name = 'images')");
  // Looked up, they have no standard error; measured again, they do.
  const auto looked_up = results(scratch({"--arch", kArch}));
  EXPECT_FALSE(looked_up[0]["metrics"].contains("images"));
  EXPECT_EQ(looked_up[0]["standard_errors"], json::object());
  EXPECT_EQ(results(scratch({"--arch", kArch, "--out", "alone", "--resume"}))[0]["metrics"], first[0]["metrics"]);
  ASSERT_EQ(stored().size(), 2U);
  for (const auto& result : stored()) EXPECT_TRUE(result.metrics.contains("images"));
}

TEST_F(Scratch, ACheckpointHoldsTheSamplerWithEveryDefault) {
  Arguments train{"train", "--quiet", "--sampler", "sandwich", "--out", "supernet", "--set", "final_random_subnets=0"};
  const auto more = settings("1");
  train.insert(train.end(), more.begin(), more.end());
  ASSERT_EQ(run(train).exit_code, 0);
  EXPECT_EQ(checkpoint("supernet")["config"]["sampler"],
            (json{{"distill", "none"}, {"name", "sandwich"}, {"random_subnets", 2}}));
}

}  // namespace
}  // namespace frontier
