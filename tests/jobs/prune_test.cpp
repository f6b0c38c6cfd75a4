// Pruning: three trainings as one job, which goes on where it was stopped.
#include "jobs/torch/prune.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "db/store.h"
#include "support/messages.h"
#include "support/training_setting.h"

namespace frontier {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// Keeps what it is told; stops once a stage has begun, where one is named.
class Watches : public Observer {
 public:
  explicit Watches(std::string stops_in = "nothing") : stops_in_(std::move(stops_in)) {}
  void begin(const std::string& what, std::int64_t, std::int64_t, const std::string&) override {
    begun.push_back(what);
  }
  void note(const std::string& line) override { notes.push_back(line); }
  bool should_stop() override { return !begun.empty() && begun.back().starts_with(stops_in_); }
  std::vector<std::string> begun, notes;

 private:
  std::string stops_in_;
};

/// A pruning of a few steps on synthetic images.
class Prune : public ::testing::Test {
 protected:
  Prune() { register_torch(registries_); }

  static json config() {
    return {{"space", "resnet_shape_20"},
            {"data",
             {{"name", "synthetic"},
              {"search_size", 16},
              {"synthetic",
               {{"channels", 3}, {"height", 8}, {"width", 8}, {"classes", 4}, {"train_size", 64}, {"test_size", 16}}}}},
            {"loader", {{"batch_size", 8}}},
            {"trainer", {{"steps", 3}, {"lr", 0.05}}},
            {"sampler", {{"lr", 0.1}}},
            {"search", {{"trainer", {{"steps", 12}}}}},
            {"evaluation", {{"calibration_images", 16}, {"calibration_batch", 16}}},
            {"checkpoint_steps", 1}};
  }
  ordered_json prune(const std::string& out, Observer& observer, const json& more = json::object(),
                     const json& config = Prune::config()) {
    json settings = {{"db", folder_ / "frontier.db"}, {"out", folder_ / out}, {"config", config}, {"threads", 1}};
    settings.update(more);
    return registries_.run("prune", settings, observer);
  }
  std::string file(const std::string& name) const { return read_file(folder_ / name); }
  std::string refusal(const json& config, const json& more = json::object()) {
    try {
      prune("refused", silent_, more, config);
    } catch (const UsageError& error) {
      EXPECT_FALSE(std::filesystem::exists(folder_ / "refused")) << "refused before anything is written";
      return error.what();
    }
    return "nothing is refused";
  }

  testing::TemporaryFolder folder_;
  Registries registries_;
  Observer silent_;
};

TEST_F(Prune, TrainsSearchesAndTrainsWhatWasFound) {
  const ordered_json document = prune("pruned", silent_, {{"target", "0.5"}});
  ASSERT_EQ(document["results"].size(), 4U);
  const auto space = make_space("resnet_shape_20");
  const InputShape input{3, 8, 8, 4};
  const CostTable table = space->cost_table(input);
  std::map<std::string, double> top1;
  for (const auto& item : document["results"]) {
    const Architecture arch = space->parse(item["arch"].get<std::string>());
    EXPECT_EQ(item["space"], "resnet_shape_20");
    EXPECT_EQ(item["macs"], table.macs(arch));
    EXPECT_EQ(item["params"], table.params(arch));
    top1[item["network"].get<std::string>() + item["split"].get<std::string>()] = item["metrics"]["top1"];
  }
  for (const std::string split : {"search", "test"})
    EXPECT_DOUBLE_EQ(document["top1_change"][split].get<double>(),
                     top1.at("pruned" + split) - top1.at("unpruned" + split));
  Architecture whole;
  for (const Decision& decision : space->decisions())
    whole.choices.push_back(static_cast<std::uint16_t>(decision.options.size() - 1));
  EXPECT_EQ(document["results"][0]["arch"], space->to_string(whole));
  EXPECT_EQ(document["target_macs"], (table.macs(whole) + 1) / 2);
  EXPECT_EQ(document["results"][2]["arch"], document["derived"]);
  EXPECT_DOUBLE_EQ(document["macs_kept"].get<double>(),
                   document["results"][2]["macs"].get<double>() / static_cast<double>(table.macs(whole)));
  EXPECT_EQ(document["in_band"].get<bool>(), document["results"][2]["macs"] >= document["band"][0] &&
                                                 document["results"][2]["macs"] <= document["band"][1]);
  // Each is a training like any other: runs, numbers in the database, checkpoints.
  const json search = json::parse(file("pruned/search/run.json"))["config"];
  EXPECT_EQ(search["space"], "resnet_shape_20(norms=per_width)");
  EXPECT_EQ(search["sampler"]["name"], "tas");
  EXPECT_EQ(search["sampler"]["target_macs"], document["target_macs"]);
  EXPECT_EQ(search["trainer"]["steps"], 12);
  EXPECT_EQ(search["arch_fraction"], 0.5);
  const json pruned = json::parse(file("pruned/pruned/run.json"))["config"];
  EXPECT_EQ(pruned["space"], "resnet_shape_20");
  EXPECT_EQ(pruned["teacher"]["share"], 0.9);
  EXPECT_EQ(pruned["teacher"]["temperature"], 4);
  EXPECT_EQ(pruned["teacher"]["arch"], space->to_string(whole));
  EXPECT_NE(pruned["teacher"]["weights"], "");
  EXPECT_EQ(json::parse(file("pruned/unpruned/run.json"))["config"]["teacher"]["checkpoint"], "");
  const Store store(folder_ / "frontier.db", Store::Mode::kReadOnly);
  EXPECT_EQ(store.results().size(), 4U);
  EXPECT_EQ(store.runs().size(), 3U);
}

TEST_F(Prune, GoesOnWhereItWasStopped) {
  const ordered_json straight = prune("straight", silent_);
  for (const std::string stopped : {"unpruned", "search", "pruned"}) {
    SCOPED_TRACE(stopped);
    const std::string out = "stopped_in_" + stopped;
    Watches stops(stopped + ": ");
    EXPECT_THROW(prune(out, stops), Interrupted);
    Watches goes_on;
    const ordered_json resumed = prune(out, goes_on, {{"existing", "resume"}}, json::object());
    for (const char* stage : {"unpruned", "search", "pruned"})
      EXPECT_TRUE(file(out + "/" + stage + "/weights.safetensors") ==
                  file(std::string("straight/") + stage + "/weights.safetensors"))
          << stage;
    EXPECT_EQ(resumed["derived"], straight["derived"]);
    EXPECT_EQ(resumed["top1_change"], straight["top1_change"]);
  }
}

TEST_F(Prune, WhatIsDoneIsNotDoneAgain) {
  const ordered_json first = prune("pruned", silent_);
  Watches again;
  EXPECT_EQ(prune("pruned", again, {{"existing", "resume"}}), first);
  EXPECT_TRUE(again.begun.empty());
  EXPECT_EQ(again.notes,
            (std::vector<std::string>{"unpruned: done before", "search: done before", "pruned: done before"}));
  EXPECT_THROWS_WITH(prune("pruned", silent_), UsageError, "holds a pruning already: --resume goes on with it");
  json other = config();
  other["trainer"]["lr"] = 0.5;
  EXPECT_THROWS_WITH(prune("pruned", silent_, {{"existing", "resume"}}, other), UsageError, "began with trainer = ");
  Watches anew;
  prune("pruned", anew, {{"existing", "overwrite"}}, other);
  EXPECT_FALSE(anew.begun.empty());
}

TEST_F(Prune, TakesANetworkThatIsTrained) {
  const ordered_json first = prune("first", silent_);
  const json given = {{"unpruned", folder_ / "first/unpruned"}, {"target", "0.3"}};
  json without_space = config();
  without_space.erase("space");
  const ordered_json second = prune("second", silent_, given, without_space);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "second/unpruned"));
  for (const int i : {0, 1}) {
    EXPECT_EQ(second["results"][i]["network"], "unpruned");
    EXPECT_EQ(second["results"][i]["split"], first["results"][i]["split"]);
    EXPECT_EQ(second["results"][i]["metrics"], first["results"][i]["metrics"]);
  }
  EXPECT_EQ(json::parse(file("second/pruned/run.json"))["config"]["teacher"]["checkpoint"], given["unpruned"]);
  json other = config();
  other["space"] = "resnet_shape_32";
  EXPECT_NE(refusal(other, given).find("is of space 'resnet_shape_20', not 'resnet_shape_32'"), std::string::npos);
}

TEST_F(Prune, RefusesWhatCannotBeBeforeTheFirstTraining) {
  const auto with = [](const char* pointer, const json& value) {
    json changed = config();
    changed[json::json_pointer(pointer)] = value;
    return changed;
  };
  const struct {
    std::string message;
    const char* words;
  } kCases[] = {
      {refusal(with("/space", "nas_bench_201")), "'nas_bench_201' has no decisions about them"},
      {refusal(with("/space", "mobile_cnn")), "sampler.widths=mask"},
      {refusal(with("/sampler/name", "darts")), "prune searches with sampler 'tas', not \"darts\""},
      {refusal(with("/sampler/ratio", 0.5)), "'ratio'"},
      {refusal(with("/teacher/checkpoint", "x")), "teacher.checkpoint has no effect on prune"},
      {refusal(with("/teacher/temprature", 4)), "'temperature'"},
      {refusal(with("/start/checkpoint", "x")), "--from (start.checkpoint) has no effect on prune"},
      {refusal(with("/search/sampler", json::object())), "the settings of 'tas' are sampler.*"},
      {refusal(with("/search/trainer/lrr", 1)), "'lrr'"},
      {refusal(with("/search", 3)), "setting 'search' must be an object"},
      {refusal(config(), {{"target", "half"}}), "--target 'half': write a share"},
      {refusal(config(), {{"target", "0"}}), "--target '0': write a share"},
      {refusal(config(), {{"target", "1.5"}}), "--target '1.5': write a share"},
      {refusal(config(), {{"target", "900M"}}), "is above the unpruned network"},
      {refusal(config(), {{"target", "0.001"}}), "is below the cheapest network"},
      {refusal(config(), {{"unpruned", folder_ / "nowhere"}}), "nowhere"},
      {refusal(json::object()), "prune needs --space"},
  };
  for (const auto& wrong : kCases) EXPECT_NE(wrong.message.find(wrong.words), std::string::npos) << wrong.message;
}

TEST_F(Prune, RefusesAFileThatIsNotItsOwn) {
  std::filesystem::create_directories(folder_ / "pruned");
  for (const char* text : {"{}", "[]", R"({"format": "frontier.prune.1", "config": 3})", "{"}) {
    write_file(folder_ / "pruned/prune.json", text);
    EXPECT_THROWS_WITH(prune("pruned", silent_, {{"existing", "resume"}}), UsageError, "prune.json");
  }
}

}  // namespace
}  // namespace frontier
