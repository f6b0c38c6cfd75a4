#include "report/report_data.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "common/errors.h"
#include "common/options.h"
#include "common/pareto.h"
#include "common/text.h"
#include "db/store.h"
#include "report/drawing.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

constexpr std::size_t kMaxPoints = 5000;       ///< dominated points in one chart
constexpr std::size_t kMaxPanels = 12;         ///< charts of fronts
constexpr std::size_t kMaxCurveRuns = 20;      ///< runs with curves, the latest
constexpr std::size_t kMaxCurvePoints = 1500;  ///< in one line
constexpr std::size_t kMaxRegretLines = 8;     ///< runs in one chart, the latest
constexpr std::size_t kMaxDrawings = 6;

/// `limit` of the items at even distances, first and last among them.
template <class T>
std::vector<T> thinned(const std::vector<T>& items, std::size_t limit) {
  if (items.size() <= limit) return items;
  std::vector<T> kept;
  for (std::size_t i = 0; i < limit; ++i) kept.push_back(items[i * (items.size() - 1) / (limit - 1)]);
  return kept;
}

/// What a run's configuration says under "max_macs": a count, a list of them, or text like "2M,4M".
std::vector<std::int64_t> budgets_of(const Run& run) {
  const auto config = parse_json_or_discard(run.config);
  if (!config.is_object() || !config.contains("max_macs")) return {};
  const auto& value = config["max_macs"];
  std::vector<std::int64_t> budgets;
  const auto take = [&](const nlohmann::json& item) {
    if (item.is_number_integer() && item.get<std::int64_t>() > 0) budgets.push_back(item.get<std::int64_t>());
    if (!item.is_string()) return;
    try {
      for (const std::string& part : split(item.get<std::string>(), ','))
        budgets.push_back(parse_count(trim(part), "max_macs"));
    } catch (const UsageError&) {  // another program's configuration
    }
  };
  if (value.is_array()) {
    for (const auto& item : value) take(item);
  } else {
    take(value);
  }
  return budgets;
}

void find_front(Panel& panel) {
  std::vector<double> points;
  for (const Result& result : panel.results) {
    points.push_back(static_cast<double>(result.architecture.macs));
    points.push_back(-result.metrics.at("top1"));
  }
  panel.front = pareto_front(points, 2);
  std::vector<bool> on_front(panel.results.size(), false);
  for (const std::size_t i : panel.front) on_front[i] = true;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < panel.results.size(); ++i)
    if (!on_front[i]) others.push_back(i);
  const auto by_macs = [&](std::size_t a, std::size_t b) {
    return panel.results[a].architecture.macs < panel.results[b].architecture.macs;
  };
  std::stable_sort(panel.front.begin(), panel.front.end(), by_macs);
  std::stable_sort(others.begin(), others.end(), by_macs);
  panel.others = thinned(others, kMaxPoints);
  panel.num_left_out = others.size() - panel.others.size();
}

void find_best(Panel& panel, const std::vector<Run>& runs) {
  std::set<std::int64_t> budgets;
  for (const Run& run : runs) {
    if (run.space != panel.results.front().architecture.space) continue;
    const auto found = budgets_of(run);
    budgets.insert(found.begin(), found.end());
  }
  panel.budgets.assign(budgets.begin(), budgets.end());
  for (const std::int64_t budget : panel.budgets) {
    // Accuracy rises along the front, so the last member within the budget is the best; of equal ones the first.
    const std::size_t* best = nullptr;
    for (const std::size_t& i : panel.front)
      if (panel.results[i].architecture.macs <= budget &&
          (best == nullptr || panel.results[i].metrics.at("top1") > panel.results[*best].metrics.at("top1")))
        best = &i;
    if (best != nullptr) panel.best_within.push_back(*best);
  }
}

/// Of each space the front its networks are chosen from: of numbers that were there to choose by, not of test numbers
/// where there are others; the one with most results.
void mark_primary(std::vector<Panel>& panels) {
  std::map<std::string, Panel*> primary;
  const auto rank = [](const Panel& p) {
    return std::pair(p.results.front().protocol.split != "test", p.results.size());
  };
  for (Panel& panel : panels) {
    Panel*& best = primary[panel.results.front().architecture.space];
    if (best == nullptr || rank(panel) > rank(*best)) best = &panel;
  }
  for (const auto& [space, panel] : primary) panel->is_primary = true;
}

std::vector<Panel> make_panels(std::vector<Result> results, const std::vector<Run>& runs, Report& report) {
  std::map<std::tuple<std::string, std::string, Protocol>, Panel> groups;
  std::map<std::string, std::size_t> of_space;
  std::size_t num_without = 0;
  for (Result& result : results) {
    if (!result.metrics.contains("top1")) {
      ++num_without;
      continue;
    }
    ++of_space[result.architecture.space];
    auto& panel = groups[{result.architecture.space, result.architecture.built_for, result.protocol}];
    panel.results.push_back(std::move(result));
  }
  if (num_without > 0)
    report.notes.push_back(std::to_string(num_without) +
                           (num_without == 1 ? " result has no top-1 accuracy and is not in the charts."
                                             : " results have no top-1 accuracy and are not in the charts."));
  std::vector<Panel> panels;
  for (auto& [key, panel] : groups) panels.push_back(std::move(panel));
  mark_primary(panels);
  const auto order = [&](const Panel& p) {
    const std::string& space = p.results.front().architecture.space;
    return std::tuple(of_space[space], space, p.is_primary, p.results.size());
  };
  std::stable_sort(panels.begin(), panels.end(), [&](const Panel& a, const Panel& b) { return order(a) > order(b); });
  if (panels.size() > kMaxPanels) {
    report.notes.push_back("The results were measured in " + std::to_string(panels.size()) + " different ways; the " +
                           std::to_string(kMaxPanels) +
                           " with most results are shown. Choose others with --run or --space.");
    // Every space keeps its primary front; of the others the last go.
    for (std::size_t p = panels.size(); p-- > 0 && panels.size() > kMaxPanels;)
      if (!panels[p].is_primary) panels.erase(panels.begin() + static_cast<std::ptrdiff_t>(p));
    if (panels.size() > kMaxPanels) panels.resize(kMaxPanels);
  }
  for (Panel& panel : panels) {
    find_front(panel);
    find_best(panel, runs);
  }
  return panels;
}

/// The best under each budget; without budgets, up to six spread over the front.
std::vector<std::size_t> chosen_of(const Panel& panel) {
  std::vector<std::size_t> chosen = panel.best_within.empty() ? panel.front : panel.best_within;
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return thinned(chosen, kMaxDrawings);
}

InputShape input_of(const std::string& built_for) {
  const auto slash = built_for.find('/');
  if (slash == std::string::npos) throw UsageError("built for '" + printable(built_for) + "'");
  return parse_input_shape(built_for.substr(0, slash), parse_integer(built_for.substr(slash + 1), "classes"));
}

std::string picture(const StoredArchitecture& stored, const std::string& title) {
  const auto space = make_space(stored.space);
  const Architecture arch = space->parse(stored.canonical);
  const NetworkGraph graph = space->build(arch, input_of(stored.built_for));
  if (cost(graph).macs != stored.macs) throw UsageError("the space has changed since this network was stored");
  return draw(blocks_of(graph), title);
}

std::vector<Drawing> make_drawings(const std::vector<Panel>& panels) {
  std::vector<Drawing> drawings;
  for (const Panel& panel : panels) {
    if (!panel.is_primary) continue;
    for (const std::size_t i : chosen_of(panel)) {
      if (drawings.size() == 26) break;
      Drawing& drawing = drawings.emplace_back();
      drawing.letter = std::string(1, static_cast<char>('A' + drawings.size() - 1));
      drawing.result = panel.results[i];
      std::size_t next = 0;
      for (const std::int64_t budget : panel.budgets) {
        const bool fits = panel.results[panel.front.front()].architecture.macs <= budget;
        if (fits && panel.best_within[next++] == i) drawing.budgets.push_back(budget);
      }
      try {
        drawing.svg = picture(drawing.result.architecture,
                              "Network " + drawing.letter + ": " + printable(drawing.result.architecture.arch, 400));
      } catch (const std::exception& error) {
        drawing.why_not = error.what();
      }
    }
  }
  return drawings;
}

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

/// One chart for all repeated searches of one table, budget and metric, and one more for each table reported by.
std::vector<RegretChart> make_regrets(const Store& store, const std::vector<Run>& runs) {
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

std::vector<RunCurves> make_curves(const Store& store, const std::vector<Run>& runs, Report& report) {
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
    report.notes.push_back("Curves of the latest " + std::to_string(kMaxCurveRuns) + " runs are shown; " +
                           std::to_string(num_skipped) + " older runs have curves, too.");
  std::reverse(found.begin(), found.end());
  return found;
}

/// The runs in scope. With one run chosen, also what it came from: its parents and the training of its weights.
std::vector<Run> runs_in_scope(const Store& store, std::optional<std::int64_t> chosen,
                               const std::optional<std::string>& space) {
  std::vector<Run> runs = store.runs({.space = space});
  if (!chosen) return runs;
  std::set<std::int64_t> wanted{*chosen};
  for (auto run = runs.rbegin(); run != runs.rend(); ++run)  // a parent is older
    if (wanted.contains(run->id) && run->parent) wanted.insert(*run->parent);
  const auto itself = std::find_if(runs.begin(), runs.end(), [&](const Run& r) { return r.id == *chosen; });
  if (itself != runs.end() && !itself->checkpoint.empty())
    for (const Run& run : runs)
      if (run.kind == "train" && run.checkpoint == itself->checkpoint && run.id < *chosen) wanted.insert(run.id);
  std::erase_if(runs, [&](const Run& run) { return !wanted.contains(run.id); });
  return runs;
}

std::vector<Result> results_in_scope(const Store& store, const Filter& filter, bool has_runs) {
  if (store.results({}, 1).empty()) return {};
  try {
    return store.results(filter);
  } catch (const UsageError&) {
    if (!has_runs) throw;  // nothing at all is known of this space
    return {};
  }
}

}  // namespace

Report collect_report(const Store& store, const ReportScope& scope) {
  Report report;
  Filter filter;
  filter.space = scope.space;
  if (!scope.run.empty()) filter.run = store.find_run(scope.run);
  report.runs = runs_in_scope(store, filter.run, scope.space);
  auto results = results_in_scope(store, filter, !report.runs.empty());
  if (results.empty() && report.runs.empty() && scope.space)
    throw UsageError("--space: nothing is stored of '" + printable(*scope.space) + "'");
  report.num_results = results.size();
  std::set<std::string> spaces;
  for (const Run& run : report.runs)
    if (!run.space.empty()) spaces.insert(run.space);
  for (const Result& result : results) spaces.insert(result.architecture.space);
  report.spaces.assign(spaces.begin(), spaces.end());
  if (results.empty())
    report.notes.emplace_back(filter.run ? "This run has no results, so there is no front."
                                         : "Nothing has been evaluated yet, so there is no front. `frontier search` or "
                                           "`frontier evaluate` adds results.");
  report.panels = make_panels(std::move(results), report.runs, report);
  report.drawings = make_drawings(report.panels);
  report.regrets = make_regrets(store, report.runs);
  report.curves = make_curves(store, report.runs, report);
  return report;
}

}  // namespace frontier
