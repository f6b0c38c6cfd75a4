#include "common/options.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "common/errors.h"
#include "support/messages.h"

namespace frontier {

struct InnerOptions {
  double momentum = 0.9;
};
template <class Fields>
void describe(Fields& f, InnerOptions& o) {
  f("momentum", o.momentum, 0.0, 1.0);
}

struct OuterOptions {
  int batch_size = 128;
  bool nesterov = false;
  std::string rule = "sgd";
  std::vector<std::int64_t> widths = {16, 24};
  InnerOptions inner;
};
template <class Fields>
void describe(Fields& f, OuterOptions& o) {
  f("batch_size", o.batch_size, 1, 65536);
  f("nesterov", o.nesterov);
  f("rule", o.rule, std::vector<std::string>{"sgd", "adamw"});
  f("widths", o.widths);
  f("inner", o.inner);
}

namespace {

OuterOptions read(const char* json) {
  OuterOptions options;
  read_options(nlohmann::json::parse(json), "trainer", options);
  return options;
}

TEST(Options, OverwriteWhatIsPresent) {
  const OuterOptions options =
      read(R"({"batch_size": 64, "nesterov": true, "rule": "adamw", "widths": [8], "inner": {"momentum": 0.5}})");
  EXPECT_EQ(options.batch_size, 64);
  EXPECT_TRUE(options.nesterov);
  EXPECT_EQ(options.rule, "adamw");
  EXPECT_EQ(options.widths, std::vector<std::int64_t>{8});
  EXPECT_DOUBLE_EQ(options.inner.momentum, 0.5);
  EXPECT_EQ(read("{}").batch_size, 128);
  EXPECT_EQ(read(R"({"batch_size": 32.0})").batch_size, 32);
}

TEST(Options, RoundTripThroughJson) {
  OuterOptions options;
  options.batch_size = 7;
  options.inner.momentum = 0.25;
  OuterOptions copy;
  read_options(write_options(options), "trainer", copy);
  EXPECT_EQ(write_options(copy), write_options(options));
  EXPECT_EQ(copy.batch_size, 7);
}

TEST(Options, RefuseBadInputNamingTheSetting) {
  EXPECT_THROWS_WITH(read(R"({"batchsize": 1})"), UsageError,
                     "unknown trainer setting 'batchsize'; did you mean 'batch_size'?");
  EXPECT_THROWS_WITH(read(R"({"inner": {"momentun": 1}})"), UsageError,
                     "unknown trainer.inner setting 'momentun'; did you mean 'momentum'?");
  EXPECT_THROWS_WITH(read(R"({"batch_size": 0})"), UsageError,
                     "trainer.batch_size = 0 is out of range; allowed: 1 to 65536");
  EXPECT_THROWS_WITH(read(R"({"batch_size": 18446744073709551615})"), UsageError, "out of range");
  EXPECT_THROWS_WITH(read(R"({"batch_size": 1.5})"), UsageError, "trainer.batch_size must be a whole number, not 1.5");
  EXPECT_THROWS_WITH(read(R"({"batch_size": "x"})"), UsageError, "must be a whole number, not \"x\"");
  EXPECT_THROWS_WITH(read(R"({"inner": {"momentum": 2}})"), UsageError,
                     "trainer.inner.momentum = 2 is out of range; allowed: 0 to 1");
  EXPECT_THROWS_WITH(read(R"({"inner": 3})"), UsageError, "trainer.inner must be a JSON object, not 3");
  EXPECT_THROWS_WITH(read(R"({"nesterov": 1})"), UsageError, "trainer.nesterov must be true or false");
  EXPECT_THROWS_WITH(read(R"({"rule": "adam"})"), UsageError,
                     "trainer.rule: unknown value 'adam'; did you mean 'adamw'?");
  EXPECT_THROWS_WITH(read(R"({"widths": [1, 2.5]})"), UsageError, "must be a list of whole numbers");
  EXPECT_THROWS_WITH(read("[]"), UsageError, "trainer must be a JSON object, not []");
}

TEST(Options, JsonErrorsNameTheLine) {
  EXPECT_THROWS_WITH(parse_json("{\n  \"a\": 1,\n  \"b\" 2\n}", "run.json"), UsageError,
                     "run.json is not valid JSON: line 3, column");
  EXPECT_THROWS_WITH(parse_json("{\"a\": ", "run.json"), UsageError, "the text ends too early");
  EXPECT_THROWS_WITH(parse_json("", "run.json"), UsageError, "run.json is not valid JSON: line 1");
  EXPECT_EQ(parse_json("{\"a\": [1]}", "x")["a"][0], 1);
}

TEST(Options, TheSameKeyTwiceIsRefused) {
  EXPECT_THROWS_WITH(parse_json(R"({"lr": 0.1, "steps": 3, "lr": 0.2})", "a.json"), UsageError,
                     "a.json has the key 'lr' twice in one object: line 1, column");
  EXPECT_THROWS_WITH(parse_json(R"([{"a": {"b": 1, "b": 1}}])", "a.json"), UsageError, "the key 'b' twice");
  EXPECT_EQ(parse_json(R"({"a": {"x": 1}, "b": {"x": 2}, "x": [{"x": 3}, {"x": 4}]})", "a.json").size(), 3U);
}

TEST(Options, StoredTextIsReadOrDiscarded) {
  EXPECT_EQ(parse_json_or_discard(R"({"a": 1})")["a"], 1);
  EXPECT_TRUE(parse_json_or_discard("{\"a\": ").is_discarded());
  EXPECT_TRUE(parse_json_or_discard(std::string(100000, '[') + std::string(100000, ']')).is_discarded());
}

// Copying and printing JSON recurse, so a hostile depth would overflow the stack.
TEST(Options, DepthIsLimited) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_EQ(parse_json(nested(100), "x").size(), 1U);
  EXPECT_EQ(parse_json("\"" + nested(200) + "\\\"[\"", "x").get<std::string>(), nested(200) + "\"[");
  EXPECT_THROWS_WITH(parse_json("\n" + nested(101), "x"), UsageError,
                     "x nests deeper than 100 levels at line 2, column 101");
  EXPECT_THROWS_WITH(parse_json("x" + nested(200000), "x"), UsageError, "line 1, column 1 near 'x[");
  nlohmann::json config = nlohmann::json::object();
  EXPECT_THROWS_WITH(set_option(config, "a=" + nested(101)), UsageError, "nests deeper than 100 levels");
  std::string path = "a";
  for (int i = 0; i < 100; ++i) path += ".a";
  EXPECT_THROWS_WITH(set_option(config, path + "=1"), UsageError, "nests deeper than 100 levels");
  EXPECT_TRUE(config.empty());
}

TEST(Options, NumbersThatDoNotFitAreShown) {
  EXPECT_THROWS_WITH(parse_json("{\"lr\": 1e999}", "config.json"), UsageError,
                     "config.json holds a number that is too large: line 1, column 8: 1e999");
  EXPECT_THROWS_WITH(parse_json("[0.0001e309, \"-1e309\",\n  -1e309]", "config.json"), UsageError,
                     "line 2, column 3: -1e309");
  EXPECT_THROWS_WITH(parse_json("1e999", "config.json"), UsageError, "line 1, column 1: 1e999");
  EXPECT_THROWS_WITH(parse_json(std::string(101, '[') + "1e999", "config.json"), UsageError, "nests deeper");
}

struct Widest {
  std::int64_t number = 7;
  std::vector<std::int64_t> list = {};
};
template <class Fields>
void describe(Fields& f, Widest& o) {
  f("number", o.number, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  f("list", o.list);
}

TEST(Options, WholeNumbersBeyond64BitsDoNotWrap) {
  const auto number = [](const char* text) {
    Widest options;
    read_options(parse_json(std::string("{\"number\": ") + text + "}", "x"), "o", options);
    return options.number;
  };
  EXPECT_EQ(number("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(number("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(number("-9223372036854775808.0"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(number("9007199254740993"), 9007199254740993);
  for (const char* text : {"9223372036854775808", "9223372036854775807.0", "18446744073709551615", "1e300", "-1e300"})
    EXPECT_THROWS_WITH(number(text), UsageError,
                       "is out of range; allowed: -9223372036854775808 to 9223372036854775807");
  Widest options;
  EXPECT_THROWS_WITH(read_options(parse_json("{\"list\": [1, 18446744073709551615]}", "x"), "o", options), UsageError,
                     "o.list must be a list of whole numbers, not [1,18446744073709551615]");
}

TEST(Options, SetAssignsByPath) {
  nlohmann::json config = {{"trainer", {{"lr", 0.1}}}};
  set_option(config, "trainer.lr=0.5");
  set_option(config, "trainer.rule=adamw");
  set_option(config, "search.widths=[1,2]");
  EXPECT_EQ(config["trainer"]["lr"], 0.5);
  EXPECT_EQ(config["trainer"]["rule"], "adamw");
  EXPECT_EQ(config["search"]["widths"], (nlohmann::json{1, 2}));
  EXPECT_THROWS_WITH(set_option(config, "trainer.lr"), UsageError, "write it as name.of.setting=value");
  EXPECT_THROWS_WITH(set_option(config, "trainer.lr.x=1"), UsageError, "does not lead to a setting");
}

}  // namespace
}  // namespace frontier
