#include "common/settings.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "support/messages.h"

namespace frontier {

struct PartOptions {
  double rate = 0.5;
  std::string name = "none";
};
template <class Fields>
void describe(Fields& f, PartOptions& o) {
  f("rate", o.rate, 0.0, 10.0, "How fast.");
  f("name", o.name, "What it is called.");
}

struct WholeOptions {
  int steps = 3;
  bool on = true;
  std::string rule = "sgd";
  std::vector<std::int64_t> widths = {16, 24};
  std::optional<std::string> split;
  std::optional<std::int64_t> seed;
  PartOptions part;
  nlohmann::json chosen = {{"name", "b"}};
};
template <class Fields>
void describe(Fields& f, WholeOptions& o) {
  f("steps", o.steps, 1, 100, "Steps.");
  f("on", o.on, "Whether it is on.");
  f("rule", o.rule, {"sgd", "adam", "adamw"}, "The rule.");
  f("widths", o.widths, "The widths.");
  f("split", o.split, "The split.");
  f("seed", o.seed, std::int64_t{0}, std::int64_t{9}, "The seed.");
  f("part", o.part);
  f("chosen", o.chosen, "What is chosen.");
}

namespace {

TEST(Settings, AreListedFromTheDescriptionThatReadsThem) {
  const auto settings = list_options<WholeOptions>("");
  std::vector<std::string> lines;
  for (const Setting& s : settings)
    lines.push_back(s.name + ": " + allowed_text(s) + "; " + s.default_value.dump() + "; " + s.meaning);
  EXPECT_EQ(lines,
            (std::vector<std::string>{
                "steps: whole number, 1 to 100; 3; Steps.", "on: true or false; true; Whether it is on.",
                "rule: sgd, adam or adamw; \"sgd\"; The rule.", "widths: list of whole numbers; [16,24]; The widths.",
                "split: text; null; The split.", "seed: whole number, 0 to 9; null; The seed.",
                "part.rate: number, 0 to 10; 0.5; How fast.", "part.name: text; \"none\"; What it is called.",
                "chosen: JSON; {\"name\":\"b\"}; What is chosen."}));
  EXPECT_EQ(list_options<PartOptions>("outer")[0].name, "outer.rate");
}

TEST(Settings, WhatANameChoosesIsListedUnderIt) {
  PartOptions other;
  other.rate = 2;
  const auto settings = with_named(list_options<WholeOptions>(""), "chosen",
                                   {{"a", list_options<PartOptions>("")},
                                    {"b", list_options<PartOptions>("")},
                                    {"c", list_options("", other)},
                                    {"d", {}}});
  ASSERT_EQ(settings.size(), 8U + 1 + 3);
  EXPECT_EQ(settings[8].name, "chosen.name");
  EXPECT_EQ(settings[8].default_value, "b");
  EXPECT_EQ(settings[8].choices, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(settings[9].name, "chosen.rate");
  EXPECT_EQ(settings[9].only_with, "chosen.name");
  EXPECT_EQ(settings[9].values, (std::vector<std::string>{"a", "b"})) << "alike in both, so said once";
  EXPECT_EQ(settings[10].name, "chosen.name");
  EXPECT_EQ(settings[11].values, std::vector<std::string>{"c"}) << "another default";
  EXPECT_EQ(settings[11].default_value, 2.0);
  auto narrower = list_options<PartOptions>("");
  narrower[0].largest = 5;
  const auto of_two =
      with_named(list_options<WholeOptions>(""), "chosen", {{"a", list_options<PartOptions>("")}, {"b", narrower}});
  EXPECT_EQ(of_two[9].values, std::vector<std::string>{"a"}) << "another range";
  EXPECT_THROWS_WITH(with_named({}, "chosen", {}), Error, "there is no setting 'chosen'");
}

TEST(Settings, AreJson) {
  const auto settings = list_options<WholeOptions>("");
  EXPECT_EQ(to_json(settings[0]).dump(),
            R"({"name":"steps","kind":"whole number","min":1,"max":100,"default":3,"meaning":"Steps."})");
  EXPECT_EQ(to_json(settings[2])["choices"], (nlohmann::ordered_json{"sgd", "adam", "adamw"}));
}

TEST(Settings, OptionalFieldsAreLeftOutWhereTheyHaveNoValue) {
  EXPECT_FALSE(write_options(WholeOptions()).contains("split"));
  WholeOptions options;
  read_options(nlohmann::json{{"split", "test"}, {"seed", 4}}, "o", options);
  EXPECT_EQ(options.split, "test");
  EXPECT_EQ(options.seed, 4);
  EXPECT_EQ(write_options(options)["seed"], 4);
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"seed", 10}}, "o", options), UsageError,
                     "o.seed = 10 is out of range; allowed: 0 to 9");
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"split", 1}}, "o", options), UsageError, "o.split must be a string");
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"splt", "x"}}, "o", options), UsageError, "did you mean 'split'?");
}

}  // namespace
}  // namespace frontier
