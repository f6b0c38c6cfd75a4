// Every setting that is listed is the one that is read: the same range, the same words.
#include <gtest/gtest.h>

#include <cstdint>

#include "common/options.h"
#include "jobs/evaluate.h"
#include "jobs/search.h"
#include "jobs/torch/register.h"
#include "jobs/torch/train_config.h"
#include "search_spaces/registry.h"
#include "support/messages.h"

namespace frontier {
namespace {

/// {"a": {"b": value}} for a.b.
nlohmann::json with(const std::string& name, const nlohmann::json& value) {
  nlohmann::json config = nlohmann::json::object();
  set_option(config, name + "=" + value.dump());
  return config;
}

/// Reads a configuration as the command does that has the setting.
void read(const Setting& setting, const nlohmann::json& value) {
  const std::string owner = setting.only_with;
  nlohmann::json config = with(setting.name, value);
  if (owner == "sampler.name") {
    resolved_sampler_options(setting.values.front(), config["sampler"]);
  } else if (owner == "space.name") {
    config["space"]["name"] = setting.values.front();
    make_space(config["space"].dump());
  } else {
    TrainConfig read;
    read_options(config, "", read);
  }
}

/// A number just outside of a range, where JSON has one.
std::vector<nlohmann::json> outside(const Setting& setting) {
  std::vector<nlohmann::json> numbers;
  if (setting.kind == "whole number") {
    if (setting.smallest != INT64_MIN) numbers.push_back(setting.smallest.get<std::int64_t>() - 1);
    if (setting.largest != INT64_MAX) numbers.push_back(setting.largest.get<std::int64_t>() + 1);
  } else {
    numbers = {setting.smallest.get<double>() - 1e-3, setting.largest.get<double>() * 1.001 + 1e-3};
  }
  return numbers;
}

TEST(ListedSettings, HaveTheRangesThatAreEnforced) {
  Registries registries;
  register_torch(registries);
  std::size_t ranges = 0;
  for (const Setting& setting : registries.setting_list("train")) {
    SCOPED_TRACE(setting.name);
    if (setting.name.ends_with(".name") && setting.only_with.empty()) continue;
    for (const auto& end : {setting.smallest, setting.largest}) {
      if (end.is_null()) continue;
      try {
        read(setting, end);
      } catch (const UsageError& error) {  // allowed by its range, refused for what it would do here
        EXPECT_EQ(std::string(error.what()).find("out of range"), std::string::npos) << error.what();
      }
    }
    if (!setting.smallest.is_null())
      for (const auto& number : outside(setting)) {
        EXPECT_THROWS_WITH(read(setting, number), UsageError,
                           setting.name + " = " + number.dump() + " is out of range; allowed: " +
                               plain_number(setting.smallest) + " to " + plain_number(setting.largest));
        ++ranges;
      }
    if (!setting.choices.empty())
      EXPECT_THROWS_WITH(read(setting, "nonsense"), UsageError, setting.name + ": unknown value 'nonsense'");
    if (setting.kind == "true or false")
      EXPECT_THROWS_WITH(read(setting, 3), UsageError, setting.name + " must be true or false, not 3");
  }
  EXPECT_GT(ranges, 120U);
}

TEST(ListedSettings, OfAnEvaluationSayWhichEvaluatorTheyAreFor) {
  Registries registries;
  register_torch(registries);
  std::map<std::string, std::vector<std::string>> evaluators;
  for (const Setting& setting : registries.setting_list("evaluate")) {
    EXPECT_FALSE(setting.name.starts_with("sampler")) << setting.name;
    if (setting.only_with == "--evaluator") evaluators[setting.name] = setting.values;
  }
  EXPECT_EQ(evaluators["evaluation.images"], (std::vector<std::string>{"scratch", "supernet"}));
  EXPECT_EQ(evaluators["trainer.lr"], std::vector<std::string>{"scratch"});
  EXPECT_EQ(evaluators["space.name"], (std::vector<std::string>{"scratch", "supernet", "benchmark"}));
}

TEST(ListedSettings, OfASearchAreThoseOfItsDescription) {
  Registries registries;
  register_torch(registries);
  nlohmann::json config = nlohmann::json::object();
  for (const Setting& setting : registries.setting_list("search"))
    if (!setting.default_value.is_null() && setting.only_with.empty())
      set_option(config, setting.name + "=" + setting.default_value.dump());
  SearchConfig read;
  read_options(config, "search", read);
  EXPECT_EQ(read.searcher, SearchConfig().searcher);
  EXPECT_EQ(read.budget, SearchConfig().budget);
  EXPECT_EQ(config["evaluation"], write_options(SupernetAccuracyOptions()));
  EXPECT_THROWS_WITH(registries.setting_list("runs"), UsageError, "unknown command with settings 'runs'");
}

}  // namespace
}  // namespace frontier
