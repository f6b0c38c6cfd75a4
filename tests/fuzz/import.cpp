#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tables/benchmark_table.h"
#include "tables/import_map.h"
#include "common/options.h"
#include "fuzz/properties.h"
#include "fuzz/readers.h"
#include "search_spaces/nas_bench_201.h"

namespace frontier::fuzz {
namespace {

constexpr const char* kCell = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|";
constexpr const char* kOther = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";

/// What storing it relies on.
void check_table(const BenchmarkTable& table, const SearchSpace& space) {
  require(table.num_rows >= 1 && !table.networks.empty() && !table.measured.empty(), "an empty table was accepted");
  std::int64_t rows = table.num_rows_without_value;
  for (const auto& network : table.networks) {
    space.validate(network.arch);
    require(network.num_rows >= 1 && space.canonical(network.arch) == network.arch, "a network that no row is");
    rows += network.num_rows;
  }
  require(rows == table.num_rows, "rows were lost");
  for (const auto& protocol : table.protocols) {
    require(protocol.evaluator == "benchmark" && !protocol.dataset.empty(), "numbers without a dataset");
    for (const std::string* text : {&protocol.dataset, &protocol.split, &protocol.fidelity, &protocol.calibration}) {
      require(printable(*text, 200) == *text, "a text of a protocol is too long or holds control characters", *text);
      require(nlohmann::json::parse(nlohmann::json(*text).dump()) == *text, "a text of a protocol is not UTF-8");
    }
  }
  for (const auto& measured : table.measured) {
    require(measured.network < table.networks.size() && measured.protocol < table.protocols.size() &&
                measured.built_for < table.built_for.size() && !measured.metrics.empty(),
            "an evaluation of nothing");
    for (const auto& [metric, mean] : measured.metrics) {
      const std::string& name = table.metric_names.at(metric);
      require(mean.count >= 1 && std::isfinite(mean.mean()), "a mean is not finite", name);
      if (name == "top1" || name == "top5") require(mean.mean() >= 0 && mean.mean() <= 1, "a fraction beyond 1", name);
    }
    require(measured.seconds.count == 0 || (measured.seconds.mean() >= 0 && std::isfinite(measured.seconds.mean())),
            "seconds are negative or not finite");
  }
}

void check_import(const SearchSpace& space, std::string_view input) {
  const auto parts = split(input, '\0');
  if (parts.size() > 3) return;
  const auto json = accepted([&] { return parse_json(parts[0], "map.json"); }, [](std::string_view) {});
  if (!json) return;
  const auto map = accepted([&] { return read_import_map(*json, "map.json"); },
                            [](std::string_view message) {
                              require(message.find("map.json") != std::string_view::npos,
                                      "a refusal does not name the map", message);
                            });
  if (!map || parts.size() < 2) return;
  require(map->arch_texts.size() == map->arch_columns.size() + 1 && !map->results.empty(), "a map of nothing");
  const auto table = accepted(
      [&] {
        std::optional<TableSource> joined;
        if (parts.size() == 3) joined = TableSource{"joined.csv", bytes_of(parts[2])};
        return read_benchmark_table({"table.csv", bytes_of(parts[1])}, std::move(joined), *map, space,
                                    space.default_input());
      },
      [](std::string_view message) {
        const std::vector<std::string> names{"map.json", "table.csv", "joined.csv", "join"};
        require(names_place(message, names), "a refusal names neither file nor key", message);
      });
  if (table) check_table(*table, space);
}

std::string files(std::initializer_list<std::string> parts) {
  std::string input;
  for (const auto& part : parts) input += (input.empty() ? "" : std::string(1, '\0')) + part;
  return input;
}

}  // namespace

Harness import_harness() {
  Harness harness;
  harness.max_length = 1500;
  const std::string cell = kCell, other = kOther;
  const std::string simple = R"({"arch": "cell", "results": [{"dataset": "c10", "metrics": {"top1": "acc"}}]})";
  harness.seeds = {
      files({simple, "cell,acc\n" + cell + ",0.9\n" + other + ",\n" + cell + ",0.7\n"}),
      files(
          {R"({"arch": "{a}+{b}", "note": "n", "results": [{"dataset": {"column": "set"}, "split": "test", "fidelity": "12 epochs", )"
           R"("calibration": "none", "seed": {"column": "s"}, "seconds": {"column": "t", "scale": 2}, "input": "3x16x16", "classes": 5, )"
           R"("metrics": {"top1": {"column": "acc", "scale": 0.01}, "loss": "l"}}]})",
           "a,b,set,s,t,acc,l\n|none~0|,|none~0|none~1|+|none~0|none~1|none~2|,c10,3,1.5,90,-1e-3\n"}),
      files(
          {R"({"arch": "cell", "join": {"on": "id"}, "results": [{"dataset": "c10", "seed": 1, "metrics": {"top5": "acc", "ms": "ms"}}]})",
           "id,cell,acc\n1," + cell + ",0.9\n", "id,ms\n1,5\n2,6\n"}),
      // Numbers whose mean is beyond the largest number on the way to it.
      files({R"({"arch": "cell", "results": [{"dataset": "c10", "metrics": {"loss": "acc"}}]})",
             "cell,acc\n" + cell + ",1.7e308\n" + cell + ",1.7e308\n"}),
      files({R"({"arch": "cell", "results": [{"dataset": "a\u0000b", "metrics": {"top1": "acc"}}]})",
             "cell,acc\n" + cell + ",1\n"}),
  };
  harness.tokens = {"\"arch\":",
                    "\"results\":",
                    "\"dataset\":",
                    "\"metrics\":",
                    "{\"column\":\"",
                    "\"scale\":",
                    "\"join\":{\"on\":\"",
                    "\"seed\":",
                    "\"seconds\":",
                    "\"input\":\"",
                    "\"classes\":",
                    "\"split\":",
                    "\"fidelity\":",
                    "\"calibration\":",
                    "\"top1\":",
                    cell + ",",
                    other,
                    "{{",
                    "}}",
                    "{a}",
                    "\\u0000",
                    std::string(1, '\0'),
                    "1e308",
                    "-1",
                    "\n",
                    ","};
  harness.check = [space = std::make_shared<const SearchSpace>(nas_bench_201())](std::string_view input) {
    check_import(*space, input);
  };
  return harness;
}

}  // namespace frontier::fuzz
