#include <array>
#include <cmath>

#include "db/filter.h"
#include "db/pareto.h"
#include "fuzz/properties.h"
#include "fuzz/readers.h"
#include "search_spaces/budget.h"
#include "search_spaces/network_graph.h"

namespace frontier::fuzz {
namespace {

const std::vector<std::string> kNumbers{"1e308", "1e-324", "0x1p3", "inf", "nan",  "-0",
                                        "1.2G",  "4M",     "600k",  "2T",  "9e18", "9223372036854775807"};

/// Short texts have no places: a message quotes what it refuses.
void quotes_input(std::string_view message) {
  require(message.find('\'') != std::string_view::npos || message.find(" = ") != std::string_view::npos,
          "a refusal does not say what it refuses", message);
}

std::string printed(const std::vector<Condition>& conditions) {
  constexpr std::array<const char*, 6> kOperators{"<", "<=", ">", ">=", "=", "!="};  // in the order of Comparison
  std::string text;
  for (const auto& c : conditions)
    text +=
        (text.empty() ? "" : " and ") + c.field + kOperators[static_cast<std::size_t>(c.comparison)] + exact(c.number);
  return text;
}

void check_where(std::string_view input) {
  const auto conditions = accepted([&] { return parse_where(input); },
                                   [](std::string_view message) {
                                     require(message.starts_with("--where, position ") && names_place(message),
                                             "a refusal names no place", message);
                                   });
  if (!conditions) return;
  for (const auto& condition : *conditions)
    require(is_field_name(condition.field) && std::isfinite(condition.number), "a condition that cannot be meant");
  const std::string text = printed(*conditions);
  require(must_accept([&] { return parse_where(text); }, text) == *conditions,
          "reading what was printed gives other conditions", text);
}

void check_objectives(std::string_view input) {
  const auto objectives = accepted([&] { return parse_objectives(input); }, quotes_input);
  if (!objectives) return;
  require(!objectives->empty(), "no objective was read");
  std::string text;
  for (const auto& o : *objectives)
    text += (text.empty() ? "" : ",") + o.name + ":" + std::string(to_string(o.direction));
  require(must_accept([&] { return parse_objectives(text); }, text) == *objectives,
          "reading what was printed gives other objectives", text);
}

void check_count(std::string_view input) {
  const auto names_what = [](std::string_view message) {
    require(message.starts_with("--count"), "a refusal does not name the setting", message);
    quotes_input(message);
  };
  if (const auto count = accepted([&] { return parse_count(input, "--count"); }, names_what)) {
    require(*count >= 0, "a negative count");
    const std::string text = std::to_string(*count);
    require(must_accept([&] { return parse_count(text, "--count"); }, text) == *count, "a count printed is another one",
            text);
  }
  const auto integer = accepted([&] { return parse_integer(input, "--count"); }, names_what);
  if (integer) {
    require(parse_integer(std::to_string(*integer), "") == *integer, "an integer printed is another one");
    const auto count = accepted([&] { return parse_count(input, "--count"); }, names_what);
    if (count) require(*count == *integer, "a count without a unit is not the integer", input);
  }
  if (const auto number = accepted([&] { return parse_number(input, "--count"); }, names_what)) {
    require(std::isfinite(*number), "a number that is not finite");
    require(parse_number(exact(*number), "") == *number, "a number printed is another one", input);
  }
}

void check_limits(std::string_view input) {
  const auto limits =
      accepted([&] { return parse_limits(input, "--max-macs"); },
               [](std::string_view message) {
                 require(message.starts_with("--max-macs"), "a refusal does not name the setting", message);
                 quotes_input(message);
               });
  if (!limits) return;
  std::string text;
  for (const auto limit : *limits) {
    require(limit >= 1, "a limit below 1");
    text += (text.empty() ? "" : ",") + std::to_string(limit);
  }
  require(must_accept([&] { return parse_limits(text, "--max-macs"); }, text) == *limits,
          "limits printed are other ones", text);
}

void check_input_shape(std::string_view input) {
  const auto shape = accepted([&] { return parse_input_shape(input, 10); }, quotes_input);
  if (!shape) return;
  const std::string text = to_string(*shape);  // with "/10" behind it
  require(must_accept([&] { return parse_input_shape(text.substr(0, text.find('/')), 10); }, text) == *shape,
          "a shape printed is another one", text);
}

std::vector<std::string> with_numbers(std::vector<std::string> tokens) {
  tokens.insert(tokens.end(), kNumbers.begin(), kNumbers.end());
  return tokens;
}

}  // namespace

Harness where_harness() {
  return {.check = check_where,
          .seeds = {"macs<=4M and top1>0.9", "seed = 3", "latency_ms.phone/1 != -1.5e-3 AND params>=600k", "",
                    "and<1 and and>2"},
          .tokens = with_numbers({"macs", "top1", " and ", "<=", ">=", "!=", "_", "./-"}),
          .max_length = 200};
}

Harness objectives_harness() {
  return {.check = check_objectives,
          .seeds = {"top1:max,macs:min", " latency_ms.a : min ", "a:max,a:min", "a:b:min", ","},
          .tokens = {":min", ":max", ",", "top1", "macs", "_"},
          .max_length = 200};
}

Harness count_harness() {
  return {
      .check = check_count,
      .seeds = {"300000", "600k", "4M", "1.2G", "1e3", "9007199254740993", "-1", "9223372036854775807", "0.5", "1e400"},
      .tokens = with_numbers({"e+", "e-", "."}),
      .max_length = 64};
}

Harness limits_harness() {
  return {.check = check_limits,
          .seeds = {"2M,4M,8M", "1", "0", "1,,2", "0.4"},
          .tokens = with_numbers({","}),
          .max_length = 128};
}

Harness input_shape_harness() {
  return {.check = check_input_shape,
          .seeds = {"3x32x32", "1x28x28", "3x65536x65537", "0x1x1", "3x32", "+3x3x3"},
          .tokens = {"x", "65536", "3x", "-", " "},
          .max_length = 64};
}

}  // namespace frontier::fuzz
