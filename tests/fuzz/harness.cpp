#include "fuzz/harness.h"

#include "common/errors.h"
#include "common/text.h"
#include "fuzz/notation.h"
#include "fuzz/readers.h"
#include "search_spaces/registry.h"

namespace frontier::fuzz {
namespace {

constexpr std::string_view kNotation = "notation.";

struct Reader {
  const char* name;
  Harness (*make)();
};

constexpr Reader kReaders[] = {
    {"nas_bench_101_cell", nas_bench_101_cell_harness},
    {"json", json_harness},
    {"options", options_harness},
    {"assignment", assignment_harness},
    {"csv", csv_harness},
    {"graph", graph_harness},
    {"import", import_harness},
    {"where", where_harness},
    {"objectives", objectives_harness},
    {"count", count_harness},
    {"limits", limits_harness},
    {"input_shape", input_shape_harness},
};

}  // namespace

std::vector<std::string> harness_names() {
  std::vector<std::string> names;
  for (const auto& space : known_spaces()) names.push_back(std::string(kNotation) + space.name);
  for (const auto& reader : kReaders) names.emplace_back(reader.name);
  return names;
}

Harness make_harness(std::string_view name) {
  if (name.starts_with(kNotation)) return notation_harness(make_space(name.substr(kNotation.size())));
  for (const auto& reader : kReaders)
    if (reader.name == name) return reader.make();
  throw UsageError(unknown_name("fuzz harness", name, harness_names()));
}

}  // namespace frontier::fuzz
