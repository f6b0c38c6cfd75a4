#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/options.h"
#include "fuzz/properties.h"
#include "fuzz/readers.h"

namespace frontier::fuzz {
namespace {

constexpr int kDeepest = 100;  // what options.cpp says, too

const std::vector<std::string> kTokens{"{\"",
                                       "\":",
                                       "[",
                                       "]",
                                       "}",
                                       ",",
                                       "\"",
                                       "true",
                                       "false",
                                       "null",
                                       "-",
                                       "0.5",
                                       "1e308",
                                       "1e999",
                                       "\\u0000",
                                       "\\ud834\\udd1e",
                                       "\\n",
                                       "\xc3\xa9",
                                       "9223372036854775807",
                                       "9223372036854775808",
                                       "18446744073709551616"};

int depth_of(const nlohmann::json& value) {
  int deepest = 0;
  if (value.is_structured())
    for (const auto& item : value) deepest = std::max(deepest, depth_of(item));
  return value.is_structured() ? deepest + 1 : 0;
}

void check_json(std::string_view input) {
  const auto value = accepted(
      [&] { return parse_json(input, "text.json"); },
      [](std::string_view message) {
        require(message.starts_with("text.json"), "a refusal does not name its file", message);
        require(message.find("line ") != std::string_view::npos && message.find("column ") != std::string_view::npos,
                "a refusal names no place", message);
      });
  if (!value) return;
  require(depth_of(*value) <= kDeepest, "nested deeper than promised");
  const std::string text = value->dump();
  require(must_accept([&] { return parse_json(text, "printed.json"); }, text) == *value,
          "reading what was printed gives another value", text);
}

struct Inner {
  double rate = 0.5;
  std::vector<std::string> names = {};
};
template <class Fields>
void describe(Fields& f, Inner& o) {
  f("rate", o.rate, 0.0, 1e6);
  f("names", o.names);
}

/// One field of every type, with the widest ranges that there are.
struct Everything {
  bool flag = false;
  int small = 1;
  std::int64_t wide = 0;
  double real = 0;
  std::string text = {};
  std::string rule = "one";
  std::vector<std::int64_t> list = {};
  nlohmann::json any = {};
  Inner inner = {};
};
template <class Fields>
void describe(Fields& f, Everything& o) {
  f("flag", o.flag);
  f("small", o.small, 1, 65536);
  f("wide", o.wide, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  f("real", o.real, -std::numeric_limits<double>::max(), std::numeric_limits<double>::max());
  f("text", o.text);
  f("rule", o.rule, std::vector<std::string>{"one", "two"});
  f("list", o.list);
  f("any", o.any);
  f("inner", o.inner);
}

void check_options(std::string_view input) {
  const auto value = accepted([&] { return parse_json(input, "text.json"); }, [](std::string_view) {});
  if (!value) return;
  Everything options;
  const bool read =
      accepted([&] { return read_options(*value, "trainer", options), true; },
               [](std::string_view message) {
                 require(message.find("trainer") != std::string_view::npos, "a refusal names no field", message);
               })
          .has_value();
  if (!read) return;
  require(options.small >= 1 && options.small <= 65536 && options.inner.rate >= 0 && options.inner.rate <= 1e6 &&
              std::isfinite(options.real) && (options.rule == "one" || options.rule == "two"),
          "a value out of its range was read");
  const nlohmann::json written = write_options(options);
  for (const auto& [key, given] : value->items())
    if (!given.is_object()) require(written.at(key) == given, "a field is not what was given", key);
  Everything again;
  must_accept([&] { return read_options(written, "trainer", again), 0; }, written.dump());
  require(write_options(again) == written, "reading what was written gives other options", written.dump());
}

void check_assignment(std::string_view input) {
  nlohmann::json config = {{"trainer", {{"lr", 0.1}, {"widths", {8, 16}}}}, {"name", "a"}};
  const bool set =
      accepted([&] { return set_option(config, input), true; },
               [](std::string_view message) {
                 require(message.starts_with("--set '"), "a refusal does not name its assignment", message);
               })
          .has_value();
  if (set) require(depth_of(config) <= 2 * kDeepest, "nested deeper than promised");
}

}  // namespace

Harness json_harness() {
  return {.check = check_json,
          .seeds = {R"({"trainer": {"lr": 0.1, "widths": [8, 16, null], "note": "caf\u00e9\n"}})", "[1,-2.5e-3,true]",
                    "[[[[[[]]]]]]", std::string(101, '[') + std::string(101, ']'), "1e999", "\"\\ud834\\udd1e\"",
                    "18446744073709551615"},
          .tokens = kTokens,
          .max_length = 512};
}

Harness options_harness() {
  Harness harness{
      .check = check_options,
      .seeds = {R"({"flag": true, "small": 3, "wide": -9223372036854775808, "real": 1e-3, "text": "a", "rule": "two", )"
                R"("list": [1, -2], "any": {"x": [null]}, "inner": {"rate": 0.25, "names": ["b"]}})",
                R"({"wide": 9223372036854775807})", R"({"wide": 9223372036854775808})",
                R"({"wide": 9223372036854775807.0})", R"({"list": [18446744073709551615]})", R"({"small": 2.0})",
                R"({"smal": 2})"},
      .tokens = kTokens,
      .max_length = 512};
  for (const char* key : {"flag", "small", "wide", "real", "text", "rule", "list", "any", "inner", "rate", "names"})
    harness.tokens.push_back("\"" + std::string(key) + "\":");
  return harness;
}

Harness assignment_harness() {
  Harness harness{.check = check_assignment,
                  .seeds = {"trainer.lr=0.2", "trainer.widths=[1,2]", "new.path.of=\"text\"", "name=plain text",
                            "name.below=1", "a=1e999", "=1", "trainer..lr=1"},
                  .tokens = kTokens,
                  .max_length = 256};
  for (const char* token : {"trainer.", "name", "lr=", ".", "="}) harness.tokens.emplace_back(token);
  return harness;
}

}  // namespace frontier::fuzz
