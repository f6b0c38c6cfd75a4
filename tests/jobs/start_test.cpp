// Trainings that begin with the weights of another one, and trainings that go on after their end.
#include <gtest/gtest.h>

#include <filesystem>

#include "db/store.h"
#include "support/messages.h"
#include "support/training_setting.h"

namespace frontier {
namespace {

using nlohmann::json;
using testing_support::Setting;
using testing_support::StopsAtOnce;

struct StartSetting : Setting {
  StartSetting() { train("supernet", config({{"name", "uniform"}}), silent); }

  json from(const std::string& checkpoint, json c) const {
    c["start"] = {{"checkpoint", folder / checkpoint}};
    return c;
  }
  /// The numbers of the cheapest network, by split.
  std::map<std::string, json> scratch(const json& c) {
    json given = c;
    given.erase("sampler");
    const auto document = registries.run("evaluate",
                                         {{"evaluator", "scratch"},
                                          {"db", folder / "frontier.db"},
                                          {"archs", {cheapest}},
                                          {"config", given},
                                          {"threads", 1}},
                                         silent);
    std::map<std::string, json> metrics;
    for (const auto& item : document["results"]) metrics[item["split"]] = item["metrics"];
    return metrics;
  }
  std::vector<Result> stored(const std::string& evaluator) const {
    const Filter filter{.evaluator = evaluator.empty() ? std::nullopt : std::optional(evaluator)};
    return Store(folder / "frontier.db", Store::Mode::kReadOnly).results(filter);
  }
};

TEST(Start, ASubnetBeginsWithItsSlicesOfTheSupernet) {
  StartSetting s;
  json still = s.from("supernet", s.fixed(s.cheapest));
  still["trainer"] = {{"steps", 1}, {"lr", 0}};
  const auto tuned = s.scratch(still);
  for (const char* split : {"search", "test"}) {
    const auto inherited = s.registries.run("evaluate",
                                            {{"db", s.folder / "frontier.db"},
                                             {"checkpoint", s.folder / "supernet"},
                                             {"archs", {s.cheapest}},
                                             {"split", split},
                                             {"threads", 1}},
                                            s.silent);
    EXPECT_EQ(tuned.at(split), inherited["results"][0]["metrics"]);
  }
  const auto of_supernet = s.stored("supernet"), of_tuned = s.stored("fine-tuning");
  ASSERT_EQ(of_tuned.size(), 2U);
  EXPECT_EQ(of_tuned.front().protocol.checkpoint, of_supernet.front().protocol.checkpoint);
  EXPECT_EQ(of_supernet.size() + of_tuned.size(), s.stored("").size());
  // The space follows from the checkpoint.
  json spaceless = still;
  spaceless.erase("space");
  EXPECT_EQ(s.scratch(spaceless), tuned);
  EXPECT_EQ(s.stored("fine-tuning").size(), 2U);
  // The same fine-tuning is looked up, and a training from scratch is another recipe.
  EXPECT_EQ(s.scratch(still), tuned);
  still.erase("start");
  EXPECT_NE(s.scratch(still), tuned);
  ASSERT_EQ(s.stored("scratch").size(), 2U);
  EXPECT_NE(s.stored("scratch").front().protocol.recipe, of_tuned.front().protocol.recipe);
  EXPECT_EQ(s.stored("scratch").front().protocol.checkpoint, "");
}

TEST(Start, ResumingIsExactAndNeedsNoSource) {
  StartSetting s;
  const json c = s.from("supernet", s.fixed(s.cheapest));
  s.train("straight", c, s.silent);
  EXPECT_EQ(s.run_json("straight")["config"]["start"]["weights"].get<std::string>().size(), 8U);
  StopsAtOnce stops;
  EXPECT_THROW(s.train("stopped", c, stops), Interrupted);
  std::filesystem::rename(s.folder / "supernet", s.folder / "moved");
  EXPECT_THROWS_WITH(s.train("stopped", s.from("moved", s.fixed(s.cheapest)), s.silent, "resume"), UsageError,
                     "began with start.checkpoint = ");
  s.train("stopped", json::object(), s.silent, "resume");
  EXPECT_EQ(s.file("straight", "weights.safetensors"), s.file("stopped", "weights.safetensors"));
  s.train("fresh", s.fixed(s.cheapest), s.silent);
  EXPECT_NE(s.file("straight", "weights.safetensors"), s.file("fresh", "weights.safetensors"));
}

TEST(Start, ASupernetBeginsWithAnothersWeights) {
  StartSetting s;
  json c = s.from("supernet", s.config({{"name", "sandwich"}}));
  c["trainer"] = {{"steps", 1}, {"lr", 0}};
  s.train("next", c, s.silent);
  EXPECT_EQ(s.file("next", "weights.safetensors"), s.file("supernet", "weights.safetensors"));
}

TEST(Start, AnAverageIsWhatAnUnfinishedTrainingGives) {
  StartSetting s;
  json averaged = s.config({{"name", "uniform"}});
  averaged["trainer"]["ema_decay"] = 0.5;
  StopsAtOnce stops;
  EXPECT_THROW(s.train("averaged", averaged, stops), Interrupted);
  class Notes : public Observer {
   public:
    void note(const std::string& line) override { text += line + "\n"; }
    std::string text;
  } notes;
  s.train("next", s.from("averaged", s.fixed(s.cheapest)), notes);
  EXPECT_NE(notes.text.find("is of an unfinished training: its averaged weights are taken"), std::string::npos);
}

TEST(Start, IsRefusedWhereItDoesNotFit) {
  StartSetting s;
  const auto refused = [&](const json& c, const std::string& why) {
    EXPECT_THROWS_WITH(s.train("a", c, s.silent), UsageError, why);
  };
  s.train("alone", s.fixed(s.cheapest), s.silent);
  refused(s.from("alone", s.fixed(s.dearest)), "holds the weights of " + s.cheapest + " alone, not of " + s.dearest);
  refused(s.from("alone", s.config({{"name", "uniform"}})), "alone, not of a supernet");
  json other = s.from("supernet", s.fixed(s.cheapest));
  other["data"]["synthetic"]["classes"] = 5;
  refused(other, "is for 1x28x28/10, this training for 1x28x28/5");
  other = s.from("supernet", s.config({{"name", "uniform"}}));
  other["space"] = "nas_bench_201";
  refused(other, "is of space 'mobile_cnn', this training of 'nas_bench_201'");
  other = s.fixed(s.cheapest);
  other["start"]["weights"] = "12345678";
  refused(other, "start.weights has no effect without start.checkpoint");
  other["start"]["checkpoint"] = s.folder / "supernet";
  refused(other, "has other weights than those that this training began with");
  refused(s.from("nothing", s.fixed(s.cheapest)), "nothing");
  EXPECT_THROWS_WITH(s.registries.run("evaluate",
                                      {{"db", s.folder / "frontier.db"},
                                       {"checkpoint", s.folder / "supernet"},
                                       {"archs", {s.cheapest}},
                                       {"config", {{"start", {{"checkpoint", "x"}}}}}},
                                      s.silent),
                     UsageError, "'start' has no effect on --evaluator supernet");
}

constexpr int kStepsAnEpoch = 10;  // 160 images in batches of 16

TEST(Extend, AFinishedTrainingGoesOnAndIsResumedExactly) {
  StartSetting s;
  s.train("cut", s.config({{"name", "uniform"}}), s.silent);
  EXPECT_EQ(s.file("cut", "weights.safetensors"), s.file("supernet", "weights.safetensors"));
  const auto document = s.train("supernet", json::object(), s.silent, "resume", 2);
  EXPECT_EQ(document["steps"], 4 + 2 * kStepsAnEpoch);
  EXPECT_EQ(s.run_json("supernet")["ended"], json{4});
  EXPECT_EQ(s.run_json("supernet")["config"]["trainer"]["steps"], 4 + 2 * kStepsAnEpoch);
  EXPECT_TRUE(document["metrics"].contains("top1_dearest"));
  EXPECT_NE(s.file("cut", "weights.safetensors"), s.file("supernet", "weights.safetensors"));

  StopsAtOnce stops;
  EXPECT_THROW(s.train("cut", json::object(), stops, "resume", 2), Interrupted);
  EXPECT_EQ(s.run_json("cut")["trainer"]["step"], 5);
  EXPECT_THROWS_WITH(s.train("cut", json::object(), s.silent, "resume", 2), UsageError,
                     "is not finished; --resume finishes it");
  s.train("cut", json::object(), s.silent, "resume");
  EXPECT_EQ(s.file("cut", "weights.safetensors"), s.file("supernet", "weights.safetensors"));
  // A second time.
  EXPECT_EQ(s.train("cut", json::object(), s.silent, "resume", 1)["steps"], 4 + 3 * kStepsAnEpoch);
  EXPECT_EQ(s.run_json("cut")["ended"], (json{4, 24}));
}

TEST(Extend, CountsInEpochsWhereTheTrainingDoes) {
  StartSetting s;
  json c = s.config({{"name", "uniform"}});
  c["epochs"] = 1;
  s.train("short", c, s.silent);
  EXPECT_EQ(s.train("short", json::object(), s.silent, "resume", 1)["steps"], 2 * kStepsAnEpoch);
  c["epochs"] = 2;
  EXPECT_EQ(s.train("short", c, s.silent, "resume")["steps"], 2 * kStepsAnEpoch);  // nothing left to do
  EXPECT_THROWS_WITH(s.train("short", {{"trainer", {{"lr", 0.5}}}}, s.silent, "resume", 1), UsageError,
                     "began with trainer.lr = 0.1, not 0.5");
  EXPECT_THROWS_WITH(s.train("new", c, s.silent, "resume", 1), UsageError, "holds no training to go on with");
  EXPECT_THROWS_WITH(s.train("short", c, s.silent, "overwrite", 1), UsageError, "existing must be 'resume'");
}

}  // namespace
}  // namespace frontier
