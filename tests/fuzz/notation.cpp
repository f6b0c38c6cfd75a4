#include "fuzz/notation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "fuzz/properties.h"
#include "search_spaces/nas_bench_101.h"

namespace frontier::fuzz {
namespace {

constexpr int kRandomSeeds = 12;

std::vector<std::string> decision_names(const SearchSpace& space) {
  std::vector<std::string> names;
  for (const auto& decision : space.decisions()) names.push_back(decision.name);
  return names;
}

void check_architecture(const SearchSpace& space, const Architecture& arch) {
  must_accept([&] { return space.validate(arch), 0; }, "what was read");
  require(space.canonical(arch) == arch, "what was read is not canonical");
  const std::string text = space.to_string(arch);
  require(must_accept([&] { return space.parse(text); }, "'" + text + "'") == arch,
          "reading what was printed gives another architecture", text);
  require(must_accept([&] { return space.parse_as_written(text); }, "'" + text + "'") == arch,
          "the text of a canonical architecture is read as another one", text);
  const std::string json = space.to_json(arch).dump();
  require(must_accept([&] { return space.parse(json); }, json) == arch,
          "reading the JSON form gives another architecture", json);
}

void check_notation(const SearchSpace& space, const std::vector<std::string>& names, std::string_view input) {
  const auto written = accepted(
      [&] { return space.parse_as_written(input); },
      [&](std::string_view message) { require(names_place(message, names), "a refusal names no place", message); });
  const auto arch = accepted([&] { return space.parse(input); }, [](std::string_view) {});
  require(written.has_value() == arch.has_value(), "read with and without the normal form, a text is once refused");
  if (!written) return;
  require(*arch == space.canonical(*written), "parse() is not the canonical form of parse_as_written()");
  const std::string text = space.to_string_as_written(*written);
  require(must_accept([&] { return space.parse_as_written(text); }, "'" + text + "'") == *written,
          "reading what was printed as written gives another architecture", text);
  check_architecture(space, *arch);
}

std::vector<std::string> distinct(std::vector<std::string> items) {
  const std::set<std::string> sorted(items.begin(), items.end());
  return {sorted.begin(), sorted.end()};
}

/// The words of the seeds, which are all that a notation knows, and what stands between them.
std::vector<std::string> words_of(const std::vector<std::string>& texts) {
  const auto kind = [](char c) {
    return (c >= '0' && c <= '9') ? 1 : (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ? 2 : 3;
  };
  std::vector<std::string> words;
  for (const auto& text : texts)
    for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end) {
      while (end < text.size() && kind(text[end]) == kind(text[begin])) ++end;
      words.push_back(text.substr(begin, end - begin));
    }
  return distinct(std::move(words));
}

}  // namespace

Harness notation_harness(std::shared_ptr<const SearchSpace> space) {
  Harness harness;
  Rng rng(1);
  std::vector<std::string> notations;
  for (int i = 0; i < kRandomSeeds; ++i) {
    const Architecture arch = space->random(rng);
    notations.push_back(space->to_string(arch));
    harness.seeds.push_back(notations.back());
    if (i < 2) harness.seeds.push_back(space->to_json(arch).dump());
  }
  harness.tokens = words_of(notations);
  for (const auto& decision : space->decisions()) {
    harness.tokens.push_back("\"" + decision.name + "\":");
    for (const auto& option : decision.options) harness.tokens.push_back("\"" + option + "\"");
  }
  harness.tokens = distinct(std::move(harness.tokens));
  // Room for the longest form and some more: what matters happens within the first words too many.
  for (const auto& seed : harness.seeds) harness.max_length = std::max(harness.max_length, seed.size() + 256);
  harness.check = [space, names = decision_names(*space)](std::string_view input) {
    check_notation(*space, names, input);
  };
  return harness;
}

Harness nas_bench_101_cell_harness() {
  Harness harness;
  harness.max_length = 80;
  harness.seeds = {"01:io",
                   "0100:io",
                   "010001000:i3o",
                   "0111001000010000:i31o",
                   "0111111001111100011110000111000001100000010000000:i333ppo",
                   "0100000001000000010000000100000001000000010000000:i31p31o",
                   "01000000010000000100000001000000010000000100000000234321"};
  harness.tokens = {":i", "o", "i3", "1", "p", "0000000", "0100000", "0", ":"};
  harness.check = [](std::string_view input) {
    const auto cell = accepted([&] { return parse_nas_bench_101_cell(input); },
                               [](std::string_view message) {
                                 require(names_place(message) || message.find("input") != std::string_view::npos ||
                                             message.find("edges") != std::string_view::npos,
                                         "a refusal names no place", message);
                               });
    if (!cell) return;
    const std::string text = to_string(*cell);
    require(must_accept([&] { return parse_nas_bench_101_cell(text); }, text) == *cell,
            "reading what was printed gives another cell", text);
    const NasBench101Cell canonical = cell->canonical();
    require(canonical.canonical() == canonical && canonical.pruned() == canonical, "canonical() of a canonical cell");
    require(canonical.hash() == cell->hash(), "a cell and its canonical form have different hashes", text);
  };
  return harness;
}

}  // namespace frontier::fuzz
