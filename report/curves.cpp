#include "report/internal/curves.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/options.h"
#include "report/internal/thinned.h"

namespace frontier {
namespace {

constexpr std::size_t kMaxCurveRuns = 20;      ///< runs with curves, the latest
constexpr std::size_t kMaxCurvePoints = 1500;  ///< in one line
constexpr std::size_t kMaxRegretLines = 8;     ///< runs in one chart, the latest

/// Whether the run's curves are means and quantiles of repeated searches.
bool is_repeated(const Run& run) {
  const auto config = parse_json_or_discard(run.config);
  return config.is_object() && config.contains("repeat") && config["repeat"].is_number_integer() &&
         config.contains("table") && config["table"].is_object();
}

std::string protocol_in_words(const nlohmann::json& part) {
  const auto text = [&](const char* key) {
    return part.contains(key) && part[key].is_string() ? part[key].get<std::string>() : "";
  };
  Protocol protocol{
      .evaluator = "benchmark", .dataset = text("dataset"), .split = text("split"), .fidelity = text("fidelity")};
  if (part.contains("seed") && part["seed"].is_number_integer()) protocol.seed = part["seed"].get<std::int64_t>();
  return in_words(protocol);
}

}  // namespace

std::vector<RegretChart> make_regrets(const Store& store, std::span<const Run> runs) {
  std::map<std::vector<std::string>, RegretChart> charts;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    if (!is_repeated(*run)) continue;
    const auto config = parse_json_or_discard(run->config);
    for (const std::string& name : store.curve_names(run->id)) {
      const bool is_report = name.starts_with("report_regret/");
      if (!(is_report || name.starts_with("regret/")) || !name.ends_with("/mean")) continue;
      const std::string quantity = name.substr(0, name.size() - 5);
      const std::string metric = quantity.substr(quantity.find('/') + 1);
      const std::string reported = is_report && config.contains("report") ? protocol_in_words(config["report"]) : "";
      const std::string searched = protocol_in_words(config["table"]);
      const auto limit = [&](const char* key) { return config.contains(key) ? config[key].dump() : ""; };
      RegretChart& chart = charts[{run->space, searched, metric, limit("max_macs"), limit("max_params"),
                                   limit("min_macs"), limit("min_params"), reported}];
      if (chart.lines.size() == kMaxRegretLines) continue;
      const auto repeats = config["repeat"].get<std::int64_t>();
      chart.least_repeats = chart.lines.empty() ? repeats : std::min(chart.least_repeats, repeats);
      chart.most_repeats = std::max(chart.most_repeats, repeats);
      chart.metric = metric;
      chart.space = run->space;
      chart.searched = searched;
      chart.reported = reported;
      std::string label = config.contains("searcher") && config["searcher"].is_string()
                              ? config["searcher"].get<std::string>()
                              : run->kind;
      if (!run->name.empty()) label = run->name;
      for (const auto& line : chart.lines)
        if (line.label == label) label += " (run " + std::to_string(run->id) + ")";
      const auto curve = [&](const char* which) { return store.curve(run->id, quantity + which); };
      chart.lines.push_back({label, curve("/mean"), curve("/q25"), curve("/q75")});
    }
  }
  std::vector<RegretChart> made;
  for (auto& [key, chart] : charts) {
    std::reverse(chart.lines.begin(), chart.lines.end());
    made.push_back(std::move(chart));
  }
  return made;
}

std::vector<RunCurves> make_curves(const Store& store, std::span<const Run> runs, std::vector<std::string>& notes) {
  std::vector<RunCurves> found;
  std::size_t num_skipped = 0;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    const auto names = store.curve_names(run->id);
    if (names.empty() || is_repeated(*run)) continue;
    if (found.size() == kMaxCurveRuns) {
      ++num_skipped;
      continue;
    }
    RunCurves& of_run = found.emplace_back();
    of_run.run = *run;
    for (const std::string& name : names) {
      Curve curve;
      curve.name = name;
      curve.points = store.curve(run->id, name);
      curve.num_points = curve.points.size();
      curve.points = thinned(curve.points, kMaxCurvePoints);
      of_run.curves.push_back(std::move(curve));
    }
  }
  if (num_skipped > 0)
    notes.push_back("Curves of the latest " + std::to_string(kMaxCurveRuns) + " runs are shown; " +
                    std::to_string(num_skipped) + " older runs have curves, too.");
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace frontier
