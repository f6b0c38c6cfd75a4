// Settings and commands that explain themselves: `settings`, --print-config, `help`, -V, `completion`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "common/text.h"
#include "support/bad_input.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing_support::BadInput;
using testing_support::Outcome;
using testing_support::Program;
using Arguments = std::vector<std::string>;

class Settings : public ::testing::Test {
 protected:
  Outcome run(const Arguments& arguments) const { return Program(folder_.path().string()).run(arguments); }
  std::string output_of(const Arguments& arguments) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }
  json document_of(const Arguments& arguments) const { return json::parse(output_of(arguments)); }

  frontier::testing::TemporaryFolder folder_;
};

/// A training so small that its settings are resolved in no time.
Arguments small(Arguments first, const std::string& sampler) {
  for (const char* setting :
       {"data.name=synthetic", "data.search_size=8", "data.synthetic.train_size=40", "data.synthetic.test_size=8",
        "loader.batch_size=4", "evaluation.calibration_images=4", "evaluation.calibration_batch=4", "trainer.steps=2"})
    first.insert(first.end(), {"--set", setting});
  if (!sampler.empty()) first.insert(first.end(), {"--sampler", sampler});
  const bool learns = sampler == "darts" || sampler == "pc_darts" || sampler == "gdas" || sampler == "drnas";
  if (learns) first.insert(first.end(), {"--space", "nas_bench_201", "--set", "arch_fraction=0.5"});
  if (sampler == "tas") first.insert(first.end(), {"--set", "arch_fraction=0.5", "--set", "sampler.widths=mask"});
  if (sampler == "fixed")
    first.insert(first.end(), {"--space", "nas_bench_macro", "--set", "sampler.arch=\"22212220\""});
  if (sampler == "shiftnas") first.insert(first.end(), {"--set", "held_out_fraction=0.25"});
  if (learns || sampler == "fixed")
    for (const char* setting : {"data.synthetic.channels=3", "data.synthetic.height=8", "data.synthetic.width=8"})
      first.insert(first.end(), {"--set", setting});
  return first;
}

TEST_F(Settings, AreListedWithRangeDefaultAndASentence) {
  const json document = document_of({"settings", "--json"});
  std::set<std::string> commands;
  for (const json& setting : document["results"]) {
    SCOPED_TRACE(setting.dump());
    commands.insert(setting["command"]);
    const std::string meaning = setting["meaning"];
    EXPECT_GT(meaning.size(), 3U);
    EXPECT_TRUE(meaning.ends_with('.'));
    if (setting.contains("min") && !setting["default"].is_null()) {
      EXPECT_LE(setting["min"], setting["default"]);
      EXPECT_GE(setting["max"], setting["default"]);
    }
    if (!setting.contains("choices")) continue;
    EXPECT_THAT(setting["choices"].get<std::vector<std::string>>(),
                ::testing::Contains(setting["default"].get<std::string>()));
  }
  EXPECT_EQ(commands, (std::set<std::string>{"compare", "data", "evaluate", "export", "prune", "search", "train"}));
  const std::string text = output_of({"settings", "train"});
  for (const char* line :
       {"  trainer.lr: number, 0 to 1000; default 0.1\n      Peak learning rate.\n",
        "  trainer.optimizer.name: sgd, adam or adamw; default \"sgd\"\n",
        "with sampler.name=sandwich:\n  sampler.random_subnets: whole number, 0 to 1024; default 2\n",
        "with space.name=darts or darts_imagenet:\n", "  space.cells: whole number, 1 to 1000; default 20\n",
        "  sampler.name: uniform, cost_bins, fair, sandwich, attentive, shiftnas, elastic_vit, darts, pc_darts, gdas, "
        "drnas, tas or "
        "fixed; default "
        "\"uniform\"\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(output_of({"settings", "search"}),
              HasSubstr("with searcher.name=nsga2:\n  searcher.population: whole number, 2 to 1000000; default 64\n"));
  EXPECT_THAT(output_of({"settings", "search"}), HasSubstr("  evaluation.images: whole number, 0 to 1073741824"));
  std::vector<std::string> samplers;
  for (const json& setting : document["results"])
    if (setting["name"] == "sampler.name") samplers = setting["choices"];
  EXPECT_THAT(output_of({"completion", "bash"}), HasSubstr("'" + join(samplers, " ") + "'"))
      << "completion does not open LibTorch's library, so the program has the names, too";
  testing_support::expect_refused(run({"settings", "--json", "--markdown"}), {"", {}, 2, {"--markdown", "--json"}});
  testing_support::expect_refused(run({"settings", "trian"}), {"", {}, 2, {"'trian'", "did you mean 'train'?"}});
}

// What is listed is what is read: every default can be set, and gives the configuration that nobody set.
TEST_F(Settings, ListedDefaultsAreTheDefaults) {
  Arguments all = small({"train", "--print-config", "--quiet"}, "");
  const json plain = json::parse(output_of(all));
  const json list = document_of({"settings", "train", "--json"});
  json resolved = plain.flatten();
  for (const json& setting : list["results"]) {
    if (setting.contains("with") || setting["name"] == "space.name") continue;
    std::string pointer = "/" + setting["name"].get<std::string>();
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    EXPECT_TRUE(plain.contains(json::json_pointer(pointer))) << pointer;
    all.insert(all.begin() + 1, {"--set", setting["name"].get<std::string>() + "=" + setting["default"].dump()});
  }
  EXPECT_EQ(json::parse(output_of(all)), plain);
  std::set<std::string> listed;
  for (const json& setting : list["results"]) listed.insert(setting["name"]);
  for (const auto& [pointer, value] : resolved.items()) {
    const json::json_pointer parent = json::json_pointer(pointer).parent_pointer();
    std::string name = (plain[parent].is_array() ? parent.to_string() : pointer).substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    EXPECT_TRUE(listed.contains(name) || name == "space") << name << " is not listed";
  }
}

TEST_F(Settings, PrintConfigRoundTripsForEverySampler) {
  for (const std::string sampler : {"uniform", "cost_bins", "fair", "sandwich", "attentive", "shiftnas", "elastic_vit",
                                    "darts", "pc_darts", "gdas", "drnas", "tas", "fixed"}) {
    SCOPED_TRACE(sampler);
    const std::string printed =
        output_of(small({"train", "--quiet", "--print-config", "--set", "trainer.lr=0.0625"}, sampler));
    write_file(folder_ / "config.json", printed);
    EXPECT_EQ(output_of({"train", "--print-config", "--config", "config.json"}), printed);
    const json config = json::parse(printed);
    EXPECT_EQ(config["trainer"]["lr"], 0.0625);
    EXPECT_EQ(config["sampler"]["name"], sampler);
    EXPECT_EQ(config["trainer"]["optimizer"]["momentum"], 0.9) << "defaults are filled in";
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "frontier.db")) << "it does nothing else";
}

TEST_F(Settings, PrintConfigOfPruneRoundTrips) {
  const Arguments begin{"prune", "--print-config", "--space", "resnet_shape_20", "--target", "0.4"};
  const std::string printed = output_of(small(begin, ""));
  write_file(folder_ / "config.json", printed);
  EXPECT_EQ(output_of({"prune", "--print-config", "--config", "config.json"}), printed);
  const json config = json::parse(printed);
  EXPECT_EQ(config["sampler"]["name"], "tas");
  EXPECT_EQ(config["teacher"]["share"], 0.9);
  EXPECT_EQ(config["teacher"]["temperature"], 4);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "frontier.db")) << "it does nothing else";
}

TEST_F(Settings, PrintConfigIsWhatATrainingIsStoredWith) {
  const Arguments train = small({"train", "--quiet", "--epochs", "1", "--out", "a"}, "sandwich");
  Arguments print = train;
  print.push_back("--print-config");
  const json printed = json::parse(output_of(print));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a"));
  output_of(train);
  EXPECT_EQ(json::parse(read_file(folder_ / "a/run.json"))["config"], printed);
  write_file(folder_ / "config.json", printed.dump());
  output_of({"train", "--quiet", "--config", "config.json", "--out", "b"});
  EXPECT_EQ(read_file(folder_ / "b/weights.safetensors"), read_file(folder_ / "a/weights.safetensors"));
  // Search and evaluate, of that checkpoint.
  for (const std::string searcher : {"random", "local", "evolution", "nsga2"}) {
    SCOPED_TRACE(searcher);
    const std::string text = output_of({"search", "--quiet", "--checkpoint", "a", "--searcher", searcher, "--max-macs",
                                        "1M,400k", "--budget", "7", "--print-config"});
    write_file(folder_ / "search.json", text);
    EXPECT_EQ(output_of({"search", "--config", "search.json", "--print-config"}), text);
    const json config = json::parse(text);
    EXPECT_EQ(config["searcher"]["name"], searcher);
    EXPECT_EQ(config["max_macs"], (json{400000, 1000000}));
    EXPECT_EQ(config["evaluation"]["calibration_images"], 4) << "the checkpoint's";
    EXPECT_EQ(config["generation"], 32);
  }
  const json found = document_of({"search", "--quiet", "--json", "--config", "search.json"});
  EXPECT_EQ(found["results"].size(), 2U);
  EXPECT_EQ(found["searcher"], "nsga2");
  // One that asks a generator, of a checkpoint that has one.
  output_of(small({"train", "--quiet", "--out", "generated"}, "shiftnas"));
  const std::string deployed = output_of({"search", "--quiet", "--checkpoint", "generated", "--searcher", "shiftnas",
                                          "--max-macs", "1M,400k", "--budget", "2", "--print-config"});
  write_file(folder_ / "deploy.json", deployed);
  EXPECT_EQ(output_of({"search", "--config", "deploy.json", "--print-config"}), deployed);
  EXPECT_EQ(json::parse(deployed)["searcher"], (json{{"name", "shiftnas"}, {"within", 0.03}, {"tries", 10}}));
  for (const json& item : document_of({"search", "--quiet", "--json", "--config", "deploy.json"})["results"]) {
    EXPECT_LE(item["best"]["macs"], item["max_macs"]);
    EXPECT_GE(item["best"]["macs"].get<double>(), 0.97 * 400'000) << "the cheaper of the two, or the other";
  }
  const std::string arch = found["results"][0]["best"]["arch"];
  const std::string evaluation = output_of(
      {"evaluate", "--quiet", "--checkpoint", "a", "--arch", arch, "--set", "evaluation.images=5", "--print-config"});
  EXPECT_EQ(json::parse(evaluation)["evaluation"]["images"], 5);
  write_file(folder_ / "evaluate.json", evaluation);
  EXPECT_EQ(output_of({"evaluate", "--quiet", "--checkpoint", "a", "--arch", arch, "--config", "evaluate.json",
                       "--print-config"}),
            evaluation);
  const std::string scratch = output_of(small(
      {"evaluate", "--quiet", "--evaluator", "scratch", "--space", "mobile_cnn", "--arch", arch, "--print-config"},
      ""));
  EXPECT_FALSE(json::parse(scratch).contains("sampler"));
  write_file(folder_ / "scratch.json", scratch);
  EXPECT_EQ(output_of({"evaluate", "--quiet", "--evaluator", "scratch", "--arch", arch, "--config", "scratch.json",
                       "--print-config"}),
            scratch);
}

TEST_F(Settings, OfASearchCanAllBeSetAndAreChecked) {
  for (const auto& [setting, words] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"budget=0", {"search.budget = 0 is out of range; allowed: 1 to 1000000000"}},
           {"threads=2", {"unknown search setting 'threads'"}},
           {"db=\"x.db\"", {"unknown search setting 'db'"}},
           {"searcher=[1]", {"search.searcher must be a name, or an object"}},
           {"table=3", {"search.table must be a JSON object"}},
           {"max_macs=5", {"search.max_macs must be a list of whole numbers"}}})
    testing_support::expect_refused(run({"search", "--checkpoint", "a", "--set", setting}), {setting, {}, 2, words});
  testing_support::expect_refused(run({"train", "--print-config", "--resume", "--out", "a"}),
                                  {"", {}, 2, {"--print-config has no effect on --resume"}});
  testing_support::expect_refused(run({"train", "--space", "mobile_cnn"}), {"", {}, 2, {"--out is required"}});
}

TEST_F(Settings, ThePageIsWhatTheProgramReads) {
  const auto page = testing_support::source_folder() / "docs/settings.md";
  EXPECT_TRUE(read_file(page) == output_of({"settings", "--markdown"}))
      << "docs/settings.md is not what the program reads: scripts/settings.sh renews it";
}

}  // namespace
}  // namespace frontier
