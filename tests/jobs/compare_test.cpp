// Comparisons of samplers on tiny synthetic data: what they end in, that they go on from anywhere, what they refuse.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "common/folder_lock.h"
#include "db/store.h"
#include "jobs/comparison.h"
#include "support/messages.h"
#include "support/training_setting.h"

namespace frontier {
namespace {

using nlohmann::json;
using Json = nlohmann::ordered_json;
using testing_support::Setting;

/// Stops when it is asked so often.
class StopsLater : public Observer {
 public:
  explicit StopsLater(int patience) : patience_(patience) {}
  bool should_stop() override { return --patience_ < 0; }

 private:
  int patience_;
};

struct CompareSetting : Setting {
  json shared() const {
    json c = config({{"name", "uniform"}});
    c.erase("sampler");
    c["trainer"]["steps"] = 6;
    return c;
  }
  json settings(const std::string& out) const {
    return {{"db", folder / "frontier.db"},
            {"out", folder / out},
            {"config", shared()},
            {"arms", {{{"sampler", "uniform"}}, {{"sampler", {{"name", "sandwich"}, {"random_subnets", 1}}}}}},
            {"seeds", {3, 5}},
            {"probe_steps", 4},
            {"bins", 2},
            {"per_bin", 2},
            {"own", 2},
            {"threads", 1}};
  }
  Json compare(const json& settings, Observer& observer) { return registries.run("compare", settings, observer); }
  Json compare(const json& settings) { return compare(settings, silent); }
  void refused(const json& settings, const std::string& why) {
    SCOPED_TRACE(why);
    EXPECT_THROWS_WITH(compare(settings), UsageError, why);
  }
  json with(json settings, const std::string& pointer, const json& value) const {
    settings[json::json_pointer(pointer)] = value;
    return settings;
  }
};

/// Without what differs from run to run: times, ids and folders.
Json lasting(Json document) {
  document.erase("run");
  document.erase("out");
  for (Json& item : document["results"]) {
    item["metrics"].erase("seconds");
    for (Json& training : item["trainings"])
      for (const char* key : {"run", "seconds", "checkpoint"}) training.erase(key);
  }
  for (Json& network : document["own"])
    for (const char* key : {"run", "seconds"}) network.erase(key);
  return document;
}

TEST(Compare, TrainsMeasuresAndStores) {
  CompareSetting s;
  const Json document = s.compare(s.settings("comparison"));
  EXPECT_EQ(document["reference"], "uniform");
  EXPECT_EQ(document["seeds"].dump(), "[3,5]");
  ASSERT_EQ(document["bins"].size(), 2U);
  const auto space = make_space("mobile_cnn");
  const CostTable table = space->cost_table(space->default_input());
  std::set<std::string> listed;
  for (const Json& bin : document["bins"]) {
    ASSERT_EQ(bin["archs"].size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      const Architecture arch = space->parse(bin["archs"][i].get<std::string>());
      EXPECT_EQ(table.macs(arch), bin["macs"][i]);
      EXPECT_GE(bin["macs"][i], bin["min_macs"]);
      EXPECT_LE(bin["macs"][i], bin["max_macs"]);
      listed.insert(space->to_string(arch));
    }
  }
  EXPECT_EQ(listed.size(), 4U);

  // Four items: both arms under equal steps, then under equal cost.
  ASSERT_EQ(document["results"].size(), 4U);
  const auto& by_steps = document["results"][1];
  const auto& by_cost = document["results"][3];
  EXPECT_EQ(by_steps["arm"], "sandwich");
  EXPECT_EQ(by_steps["steps"], 6);
  const double uniform = document["probe"]["macs_a_step"]["uniform"],
               sandwich = document["probe"]["macs_a_step"]["sandwich"];
  EXPECT_GT(sandwich, uniform);
  EXPECT_EQ(by_cost["steps"], steps_of_equal_cost(6, uniform, sandwich));
  EXPECT_GT(by_steps["relative_cost"], 1.0);
  EXPECT_LT(by_cost["relative_cost"], by_steps["relative_cost"]);
  // The first arm costs what it costs: one training serves both budgets.
  EXPECT_EQ(document["results"][0]["trainings"], document["results"][2]["trainings"]);

  // What is said is what is stored, under the runs that are named.
  const Store store(s.folder / "frontier.db", Store::Mode::kReadOnly);
  const Json& training = by_cost["trainings"][1];
  const frontier::Run run = store.runs({.id = training["run"].get<std::int64_t>()}).at(0);
  EXPECT_EQ(run.kind, "train");
  EXPECT_EQ(run.seed, 5);
  EXPECT_EQ(run.state, RunState::kDone);
  EXPECT_EQ(run.checkpoint, training["checkpoint"]);
  const json checkpoint = json::parse(read_file(std::filesystem::path(run.checkpoint) / "run.json"));
  EXPECT_EQ(checkpoint["trainer"]["macs"].get<double>(), training["macs"].get<double>());
  const Json measured = s.registries.run("evaluate",
                                         {{"db", s.folder / "frontier.db"},
                                          {"checkpoint", run.checkpoint},
                                          {"archs", document["bins"][1]["archs"]},
                                          {"split", "test"},
                                          {"threads", 1}},
                                         s.silent);
  EXPECT_EQ(measured["results"][0]["metrics"]["top1"], training["top1"][2]);
  ASSERT_EQ(document["own"].size(), 2U);
  const auto own = store.results({.evaluator = "scratch", .split = "test"});
  ASSERT_EQ(own.size(), 2U);
  EXPECT_EQ(own[0].metrics.at("top1"), document["own"][0]["top1"]);
  EXPECT_EQ(own[0].protocol.seed, 3);

  // And so is the document, with the comparison's run.
  const frontier::Run compared = store.runs({.id = document["run"].get<std::int64_t>()}).at(0);
  EXPECT_EQ(compared.kind, "compare");
  EXPECT_EQ(compared.state, RunState::kDone);
  const auto stored = store.get_run_state(compared.id, kComparisonKey);
  ASSERT_TRUE(stored);
  EXPECT_EQ(Json::parse(*stored), document);
}

TEST(Compare, GoesOnFromAnywhereToTheSameDocument) {
  CompareSetting s;
  const Json straight = s.compare(s.settings("straight"));
  json cut = s.settings("cut");
  Json document;
  int stops = 0;
  for (int patience = 1; document.is_null(); ++patience) {
    StopsLater observer(patience);
    try {
      document = s.compare(cut, observer);
    } catch (const Interrupted& error) {
      ++stops;
      if (std::filesystem::exists(s.folder / "cut/compare.json")) {
        EXPECT_NE(std::string(error.what()).find("parts are done, and frontier compare --out"), std::string::npos)
            << error.what();
      }
    }
    // It needs nothing but its folder.
    if (std::filesystem::exists(s.folder / "cut/compare.json"))
      cut = {{"db", s.folder / "frontier.db"}, {"out", s.folder / "cut"}, {"resume", true}, {"threads", 1}};
    ASSERT_LT(stops, 60);
  }
  EXPECT_GE(stops, 8);
  EXPECT_EQ(lasting(document), lasting(straight));
  for (const auto& entry : std::filesystem::directory_iterator(s.folder / "straight")) {
    if (!entry.is_directory()) continue;
    const std::string part = entry.path().filename().string();
    EXPECT_EQ(s.file("cut/" + part, "weights.safetensors"), s.file("straight/" + part, "weights.safetensors")) << part;
  }
  // Asked for once more, nothing is done again, and it says the same, times included.
  EXPECT_EQ(s.compare(cut), document);
}

/// The parts that it has are left to another process; whoever finds all done stores the comparison.
TEST(Compare, LeavesToOthersWhatTheyHave) {
  CompareSetting s;
  json settings = s.settings("shared");
  settings["seeds"] = 1;
  const Json straight = s.compare(s.with(settings, "/out", s.folder / "straight"));
  settings["dry_run"] = true;
  const Json planned = s.compare(settings);
  const std::string part = planned["results"][1]["part"];
  settings["dry_run"] = false;
  class TakesAPart : public Observer {
   public:
    explicit TakesAPart(std::filesystem::path file) : file_(std::move(file)) {}
    void note(const std::string& line) override {
      if (line.starts_with("part 1/")) lock_ = FolderLock::try_lock(file_);
      last_ = line;
    }
    std::string last() const { return last_; }

   private:
    std::filesystem::path file_;
    std::unique_ptr<FolderLock> lock_;
    std::string last_;
  };
  json again = {{"db", s.folder / "frontier.db"}, {"out", s.folder / "shared"}, {"resume", true}, {"threads", 1}};
  {
    TakesAPart others(std::filesystem::path(s.folder / "shared") / (part + ".json"));
    const Json left = s.compare(settings, others);
    EXPECT_EQ(left["parts"], 5);
    EXPECT_EQ(left["done"], 4);
    EXPECT_EQ(left["results"][1]["state"], "left");
    EXPECT_NE(others.last().find("4 of 5 parts are done; the others are other processes'"), std::string::npos);
    EXPECT_EQ(s.compare(again)["done"], 4);
  }
  EXPECT_EQ(lasting(s.compare(again)), lasting(straight));
}

TEST(Compare, SaysWhatIsLeft) {
  CompareSetting s;
  json settings = s.settings("comparison");
  settings["dry_run"] = true;
  const Json before = s.compare(settings);
  EXPECT_FALSE(std::filesystem::exists(s.folder / "comparison"));
  EXPECT_FALSE(std::filesystem::exists(s.folder / "frontier.db"));
  // Per seed: uniform, sandwich, and sandwich at equal cost; then two networks from scratch.
  EXPECT_EQ(before["parts"], 8);
  EXPECT_EQ(before["done"], 0);
  double sum = 0;
  for (const Json& part : before["results"]) {
    EXPECT_EQ(part["state"], "left");
    sum += part["macs_left"].get<double>();
  }
  EXPECT_DOUBLE_EQ(before["macs_left"].get<double>(), sum);

  class StopsInTheSecondPart : public Observer {
   public:
    void note(const std::string& line) override { is_there_ = is_there_ || line.starts_with("part 2/8"); }
    bool should_stop() override { return is_there_; }

   private:
    bool is_there_ = false;
  } stops;
  settings["dry_run"] = false;
  EXPECT_THROWS_WITH(s.compare(settings, stops), Interrupted, "1 of 8 parts are done");
  settings["dry_run"] = true;
  const Json after = s.compare(settings);
  EXPECT_EQ(after["done"], 1);
  EXPECT_EQ(after["results"][0]["state"], "done");
  EXPECT_EQ(after["results"][1]["state"], "begun");
  EXPECT_EQ(after["results"][1]["steps_done"], 1);
  EXPECT_DOUBLE_EQ(after["results"][1]["macs_left"].get<double>(),
                   before["results"][1]["macs_left"].get<double>() * 5 / 6);
  const auto run = Store(s.folder / "frontier.db", Store::Mode::kReadOnly).runs({.kind = "compare"}).at(0);
  EXPECT_EQ(run.state, RunState::kInterrupted);
  EXPECT_DOUBLE_EQ(run.progress, 1.0 / 8);
}

TEST(Compare, StepsOfEqualCostAreFoundByTheProbe) {
  CompareSetting s;
  json settings = s.settings("comparison");
  // The same subnets in batches of twice as many images.
  settings["arms"] = {{{"sampler", "uniform"}},
                      {{"name", "wide"}, {"sampler", "uniform"}, {"loader", {{"batch_size", 32}}}}};
  settings.update({{"budget", "cost"}, {"own", 0}, {"seeds", 1}});
  const Json document = s.compare(settings);
  ASSERT_EQ(document["results"].size(), 2U);
  EXPECT_EQ(document["results"][1]["steps"], 3);
  EXPECT_DOUBLE_EQ(document["probe"]["macs_a_step"]["wide"].get<double>(),
                   2 * document["probe"]["macs_a_step"]["uniform"].get<double>());
  EXPECT_NEAR(document["results"][1]["relative_cost"].get<double>() *
                  document["results"][0]["metrics"]["macs"]["mean"].get<double>(),
              document["results"][1]["metrics"]["macs"]["mean"].get<double>(), 1);
  EXPECT_FALSE(document["results"][1]["differences"]["top1"].contains("low")) << "one seed";
}

TEST(Compare, AnArmIsWhateverATrainingIs) {
  CompareSetting s;
  json settings = s.settings("comparison");
  settings["config"]["sampler"] = {{"name", "sandwich"}, {"distill", "inplace"}};
  settings["arms"] = {{{"name", "plain"}},
                      {{"name", "alpha"}, {"divergence", {{"name", "alpha"}}}, {"trainer", {{"lr", 0.05}}}}};
  settings.update({{"budget", "steps"}, {"own", 0}, {"seeds", 1}, {"split", "search"}});
  const Json document = s.compare(settings);
  const json alpha = s.run_json("comparison/alpha-6steps-seed0")["config"],
             plain = s.run_json("comparison/plain-6steps-seed0")["config"];
  EXPECT_EQ(alpha["divergence"]["name"], "alpha");
  EXPECT_EQ(alpha["trainer"]["lr"], 0.05);
  EXPECT_EQ(alpha["sampler"], plain["sampler"]);
  EXPECT_EQ(plain["trainer"]["lr"], 0.1);
  EXPECT_EQ(document["split"], "search");
}

TEST(Compare, RefusesSettingsOfAnotherComparison) {
  CompareSetting s;
  json settings = s.settings("comparison");
  settings.update({{"budget", "steps"}, {"own", 0}, {"seeds", 1}, {"arms", json::array({{{"sampler", "uniform"}}})}});
  s.compare(settings);
  s.refused(settings, "holds a comparison already, of which 1 of 1 parts are done: --resume goes on with it");
  settings["resume"] = true;
  EXPECT_EQ(s.compare(settings)["results"].size(), 1U);
  s.refused(s.with(settings, "/bins", 3), "began with bins = 2, not 3; it goes on with its settings");
  s.refused(s.with(settings, "/seeds", 2), "began with seeds = [0], not [0,1]");
  s.refused(s.with(settings, "/config/trainer/lr", 0.2), "began with config.trainer.lr = 0.1, not 0.2");
  s.refused(s.with(settings, "/config/space", "nas_bench_201"),
            "began with config.space = \"mobile_cnn\", not \"nas_bench_201\"");
  s.refused(s.with(settings, "/arms/0/sampler", "sandwich"), "began with arms = ");
  s.refused(s.with(settings, "/config/lr", 0.2), "unknown config setting 'lr'");
  // The same said in other words is the same.
  EXPECT_EQ(s.compare(s.with(s.with(settings, "/arms/0/sampler", {{"name", "uniform"}}), "/config/trainer/lr",
                             0.1))["results"]
                .size(),
            1U);

  const std::string file = s.folder / "comparison/compare.json";
  std::string text = read_file(file);
  text.replace(text.find("\"bins\": 2"), 9, "\"bins\": 3");
  write_file(file, text);
  s.refused(settings, "its checksum does not fit");
  write_file(file, "{}");
  s.refused(settings, "is no comparison of this version");
}

TEST(Compare, LeavesOutBinsThatNothingFallsInto) {
  CompareSetting s;
  json settings = s.settings("comparison");
  settings["config"]["space"] = "nas_bench_macro";
  settings["config"]["data"]["synthetic"].update({{"channels", 3}, {"height", 32}, {"width", 32}});
  settings.update({{"dry_run", true}, {"bins", 60}, {"per_bin", 1}, {"own", 0}, {"probe_steps", 1}, {"seeds", 1}});
  class Notes : public Observer {
   public:
    void note(const std::string& line) override { text += line + "\n"; }
    std::string text;
  } notes;
  EXPECT_EQ(s.compare(settings, notes)["parts"], 3);
  EXPECT_NE(notes.text.find("of 60 bins 57 hold subnets of 'nas_bench_macro'"), std::string::npos) << notes.text;
  settings.update({{"bins", 2}, {"per_bin", 6561}});
  s.refused(settings, "per_bin = 6561 is more than the subnets of ");
}

TEST(Compare, RefusesWhatIsWrong) {
  CompareSetting s;
  const json good = s.settings("comparison");
  const auto change = [&](const std::string& pointer, const json& value, const std::string& why) {
    s.refused(s.with(good, pointer, value), why);
  };
  change("/arms", json::array(), "nothing to compare");
  change("/arms", "uniform", "nothing to compare");
  change("/arms/1/sampler", "sandwhich", "unknown sampler 'sandwhich'; did you mean 'sandwich'?");
  change("/arms/1/sampler", {{"name", "sandwich"}, {"random", 3}}, "random");
  change("/arms/1/sampler", 5, "arms[1].sampler must be a name, or an object with one");
  change("/arms/1/name", "uniform", "two arms are named 'uniform'");
  change("/arms/1/name", "a/b", "arms[1].name 'a/b'");
  change("/arms/1/space", "darts", "unknown arms[1] setting 'space'");
  change("/arms/1/trainer", {{"steps", 3}}, "arms[1].trainer.steps has no effect");
  change("/arms/1", {{"name", "x"}}, "arms[1] has no sampler");
  change("/arms/1", {{"sampler", {{"name", "fixed"}, {"arch", s.cheapest}}}},
         "arm 'fixed': it trains one network alone");
  change("/arms/1/sampler", "shiftnas",
         "arm 'shiftnas': sampler 'shiftnas' holds out images of its own; set held_out_fraction");
  change("/seeds", json::array(), "seeds must be how many");
  change("/seeds", 0, "seeds must be how many");
  change("/seeds", {1, 2, 1}, "seed 1 is there twice");
  change("/seeds", {1, -2}, "seeds must be how many");
  change("/bins", 0, "bins = 0 is out of range");
  change("/bins", 101, "bins = 101 is out of range; allowed: 1 to 100");
  change("/own", 1, "own = 1: allowed are 0, and 2 to the 4 subnets");
  change("/own", 5, "own = 5: allowed are 0, and 2 to the 4 subnets");
  change("/split", "train", "split");
  change("/budget", "time", "budget");
  change("/config/seed", 1, "config.seed has no effect");
  change("/config/trainer/lr", "fast", "trainer.lr");
  change("/config", 3, "compare.config must be a JSON object");
  change("/probes", 3, "unknown compare setting 'probes'");
  change("/out", "", "--out is required");
  s.train("supernet", s.config({{"name", "uniform"}}), s.silent);
  change("/out", s.folder / "supernet", "holds something else than a comparison");
  EXPECT_FALSE(std::filesystem::exists(s.folder / "comparison"));
}

}  // namespace
}  // namespace frontier
