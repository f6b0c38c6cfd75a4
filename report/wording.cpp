#include "report/internal/wording.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>
#include <set>

#include "common/text.h"
#include "report/internal/run_lookup.h"

namespace frontier {
namespace {

/// One thing that protocols may differ in. @param value decides whether they do, `words` say it.
struct Detail {
  std::string name;
  std::string value;
  std::string words;  ///< empty: nothing to say
};

/// In the order in which a title is made of them.
constexpr std::string_view kOrder[] = {"split",    "evaluator",  "data set", "fidelity",    "seed",
                                       "settings", "checkpoint", "images",   "calibration", "built for"};

/// "fashion_mnist/search/5000x1x28x28/1a2b3c4d" is a checksum of images; the name in it, and how many they are.
struct DataName {
  std::string name;
  std::string count;  ///< empty: not known
};
DataName data_name(const std::string& dataset) {
  std::vector<std::string> parts = split(dataset, '/');
  const bool is_checksum = parts.size() >= 4 && parts.back().size() == 8 &&
                           parts.back().find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_checksum) return {printable(dataset, 60), ""};
  const std::string& sizes = parts[parts.size() - 2];
  const std::string count = sizes.substr(0, sizes.find('x'));
  parts.resize(parts.size() - 3);
  const bool is_number = !count.empty() && count.find_first_not_of("0123456789") == std::string::npos;
  return {printable(join(parts, "/"), 60), is_number ? count : ""};
}

/// "1x28x28/10" as "input 1×28×28, 10 classes".
std::string built_for_text(const std::string& text) {
  const auto slash = text.find('/');
  std::string input;
  for (const char c : text.substr(0, slash)) input += c == 'x' ? "×" : std::string(1, c);
  if (slash == std::string::npos || input.find_first_not_of("0123456789\xc3\x97") != std::string::npos)
    return "built for " + printable(text, 40);
  return "input " + input + ", " + printable(text.substr(slash + 1), 20) + " classes";
}

/// The first run that measured any of a panel's results.
std::optional<std::int64_t> first_run(const Panel& panel) {
  std::optional<std::int64_t> first;
  for (const Result& result : panel.results)
    if (result.run && (!first || *result.run < *first)) first = result.run;
  return first;
}

std::string of_run(const char* what, const std::optional<std::int64_t>& run) {
  return run ? std::string(what) + " of run " + std::to_string(*run) : std::string("other ") + what;
}

/// "weights of run 1": the training of the weights that a run measured with; the run itself where it is not known.
std::string weights_text(const std::optional<std::int64_t>& measured_by, std::span<const Run> runs) {
  const Run* measured = run_with(measured_by, runs);
  const Run* training = measured != nullptr ? training_of(*measured, runs) : nullptr;
  return of_run("weights", training != nullptr ? std::optional(training->id) : measured_by);
}

std::vector<Detail> details_of(const Panel& panel, std::span<const Run> runs) {
  const Protocol& p = panel.results.front().protocol;
  const std::string& built_for = panel.results.front().architecture.built_for;
  const std::string& space = panel.results.front().architecture.space;
  const auto run = first_run(panel);
  const DataName data = data_name(p.dataset);
  const bool draws = p.evaluator != "supernet";  // nothing at random there, so its seed says nothing
  const std::string calibration = printable(p.calibration, 90);
  return {{"space", space, printable(space, 60)},
          {"data set", data.name, data.name.empty() ? "no data set" : data.name},
          {"split", p.split, p.split.empty() ? "no split" : printable(p.split, 40) + " split"},
          {"evaluator", p.evaluator, printable(p.evaluator, 40)},
          {"built for", built_for, built_for_text(built_for)},
          {"fidelity", p.fidelity, printable(p.fidelity, 60)},
          {"images", p.dataset, data.count.empty() ? "" : of_run("images", run)},
          {"calibration", p.calibration,
           calibration.empty() || calibration.starts_with("batch norm") ? calibration : "batch norm " + calibration},
          {"checkpoint", p.checkpoint, p.checkpoint.empty() ? "" : weights_text(run, runs)},
          {"settings", p.recipe, p.recipe.empty() ? "" : of_run("settings", run)},
          {"seed", std::to_string(p.seed), draws || p.seed != 0 ? "seed " + std::to_string(p.seed) : ""}};
}

/// The same words for different values say nothing: those get the run that measured first, too.
void tell_apart(std::vector<std::vector<Detail>>& all, std::span<const Panel> panels) {
  for (std::size_t d = 0; d < (all.empty() ? 0 : all.front().size()); ++d) {
    std::map<std::string, std::set<std::string>> values;
    for (const auto& details : all) values[details[d].words].insert(details[d].value);
    for (std::size_t p = 0; p < all.size(); ++p) {
      Detail& detail = all[p][d];
      const bool is_ambiguous = values[detail.words].size() > 1 && !detail.words.empty() && detail.name != "images";
      if (const auto run = first_run(panels[p]); is_ambiguous && run)
        detail.words += ", as run " + std::to_string(*run) + " saw them";
    }
  }
}

const Detail& detail(const std::vector<Detail>& details, std::string_view name) {
  return *std::find_if(details.begin(), details.end(), [&](const Detail& d) { return d.name == name; });
}

std::vector<std::vector<std::string>> titles_of(const std::vector<std::vector<Detail>>& all) {
  // Panels that the details taken so far do not tell apart share a class; a detail that splits a class is taken there.
  std::vector<std::string> classes;
  std::vector<std::vector<std::string>> titles(all.size());
  for (const auto& details : all) classes.push_back(detail(details, "space").value);
  const std::vector<std::string> spaces = classes;
  for (const std::string_view name : kOrder) {
    const bool matters_everywhere = name == "split" || name == "evaluator" || name == "data set";
    const std::vector<std::string>& among = matters_everywhere ? spaces : classes;
    std::map<std::string, std::set<std::string>> values;
    for (std::size_t p = 0; p < all.size(); ++p) values[among[p]].insert(detail(all[p], name).value);
    for (std::size_t p = 0; p < all.size(); ++p) {
      const Detail& own = detail(all[p], name);
      const bool is_needed = values[among[p]].size() > 1 || (name == "split" && !own.value.empty());
      if (is_needed && !own.words.empty()) titles[p].push_back(own.words);
    }
    for (std::size_t p = 0; p < all.size(); ++p) classes[p] += '\n' + detail(all[p], name).value;
  }
  for (std::size_t p = 0; p < all.size(); ++p)
    if (titles[p].empty()) titles[p] = {detail(all[p], "data set").words};
  return titles;
}

}  // namespace

std::string counted(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

std::string budget_text(std::int64_t macs) {
  const auto [unit, scale] = macs >= 1000000000 ? std::pair(" G", 1e9)
                             : macs >= 100000   ? std::pair(" M", 1e6)
                                                : std::pair(" k", 1e3);
  char text[48];
  std::snprintf(text, sizeof text, "%.6g%s", static_cast<double>(macs) / scale, unit);
  return text;
}

std::string when(std::string text) {
  if (text.size() == 20 && text[10] == 'T') text = text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
  return text;
}

double seconds_between(const std::string& from, const std::string& to) {
  const auto parse = [](const std::string& text) {
    std::tm utc{};
    return ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc) == nullptr ? 0 : ::timegm(&utc);
  };
  return std::difftime(parse(to), parse(from));
}

std::vector<PanelWords> words_of(std::span<const Panel> panels, std::span<const Run> runs) {
  std::vector<std::vector<Detail>> all;
  for (const Panel& panel : panels) all.push_back(details_of(panel, runs));
  tell_apart(all, panels);
  const auto titles = titles_of(all);
  std::vector<PanelWords> words;
  for (std::size_t p = 0; p < panels.size(); ++p) {
    words.push_back({join(titles[p]), titles[p], {}});
    for (const Detail& detail : all[p])
      if (!detail.words.empty() && detail.name != "images") words.back().details.push_back(detail.words);
  }
  return words;
}

std::string title_beside(const PanelWords& words, const PanelWords& other) {
  std::vector<std::string> parts;
  for (const std::string& part : words.parts)
    if (std::find(other.parts.begin(), other.parts.end(), part) == other.parts.end()) parts.push_back(part);
  return parts.empty() ? words.title : join(parts);
}

std::string run_title(const Run& run) {
  std::string title = "Run " + std::to_string(run.id) + ": " + printable(run.kind, 40);
  if (!run.name.empty()) title += " “" + printable(run.name, 60) + "”";
  return title;
}

}  // namespace frontier
