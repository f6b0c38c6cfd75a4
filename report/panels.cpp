#include "report/internal/panels.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <tuple>

#include "common/errors.h"
#include "common/options.h"
#include "common/pareto.h"
#include "common/text.h"
#include "report/internal/thinned.h"
#include "report/quantity.h"

namespace frontier {
namespace {

constexpr std::size_t kMaxPoints = 2000;   ///< dominated points in one chart
constexpr std::size_t kMaxPanels = 12;     ///< charts of fronts
constexpr std::size_t kMaxDrawings = 6;    ///< of one front
constexpr std::size_t kLeastFront = 5;     ///< fewer networks are no front
constexpr std::size_t kTimesMeasured = 4;  ///< numbers of so many times more networks chose those measured again
const std::vector<Objective> kUsual = {{"top1", Direction::kMax}, {"macs", Direction::kMin}};

// ---- what runs say of themselves

/// What a run's configuration says under "max_macs": a count, a list of them, or text like "2M,4M".
std::vector<std::int64_t> budgets_of(const nlohmann::json& config) {
  if (!config.contains("max_macs")) return {};
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

/// The objectives of a search; with one alone, MACs (or the accuracy) beside it. Empty where it does not say.
std::vector<Objective> objectives_of(const nlohmann::json& config) {
  if (!config.contains("objectives") || !config["objectives"].is_string()) return {};
  std::vector<Objective> objectives;
  try {
    objectives = parse_objectives(config["objectives"].get<std::string>());
  } catch (const UsageError&) {  // another program's configuration
    return {};
  }
  for (const Objective& usual : {kUsual[1], kUsual[0]}) {
    const auto same = [&](const Objective& objective) { return objective.name == usual.name; };
    if (objectives.size() == 1 && std::none_of(objectives.begin(), objectives.end(), same)) objectives.push_back(usual);
  }
  return objectives;
}

/// What is drawn upwards comes first: of objectives as they were given, the first that is to be large.
std::vector<Objective> drawn(std::vector<Objective> objectives) {
  const auto first = std::find_if(objectives.begin(), objectives.end(),
                                  [](const Objective& objective) { return objective.direction == Direction::kMax; });
  if (first != objectives.end()) std::rotate(objectives.begin(), first, first + 1);
  return objectives;
}

/// A run and its configuration, read once.
struct ReadRun {
  const Run* run = nullptr;
  nlohmann::json config;  ///< an object
};

/// Whether the run worked with numbers like these, or says nothing of which. @param exactly whether it chose by them.
bool concerns(const ReadRun& read, const Panel& panel, bool exactly) {
  const Result& any = panel.results.front();
  if (read.run->space != any.architecture.space) return false;
  const auto is_table = [&](const char* key) {
    return read.config.contains(key) && read.config[key] == to_json(any.protocol);
  };
  if (read.config.contains("table")) return is_table("table") || (!exactly && is_table("report"));
  const bool has_checkpoint = read.config.contains("checkpoint") && read.config["checkpoint"].is_string();
  if (has_checkpoint && read.config["checkpoint"] != any.protocol.checkpoint)
    return !exactly && any.protocol.checkpoint.empty() && any.protocol.evaluator != "benchmark";
  return !exactly || any.protocol.split != "test";
}

/// Repeated searches compare searchers and choose nothing.
bool is_search(const ReadRun& read) { return read.run->kind == "search" && !read.config.contains("repeat"); }

/// The latest search that chose by the panel's numbers. @returns none if there is none.
const ReadRun* search_of(const Panel& panel, const std::vector<ReadRun>& runs) {
  const ReadRun* found = nullptr;
  for (const ReadRun& read : runs)
    if (is_search(read) && concerns(read, panel, true)) found = &read;
  return found;
}

// ---- one panel

double number_of(const Panel& panel, std::size_t objective, std::size_t i) {
  return value_of(panel.results[i], panel.objectives[objective].name);
}

void find_front(Panel& panel) {
  std::vector<double> points;
  for (std::size_t i = 0; i < panel.results.size(); ++i)
    for (std::size_t o = 0; o < panel.objectives.size(); ++o)
      points.push_back(minimised(panel.objectives[o], number_of(panel, o, i)));
  panel.front = pareto_front(points, panel.objectives.size());
  std::vector<bool> on_front(panel.results.size(), false);
  for (const std::size_t i : panel.front) on_front[i] = true;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < panel.results.size(); ++i)
    if (!on_front[i]) others.push_back(i);
  const auto ascending = [&](std::size_t a, std::size_t b) { return number_of(panel, 1, a) < number_of(panel, 1, b); };
  std::stable_sort(panel.front.begin(), panel.front.end(), ascending);
  std::stable_sort(others.begin(), others.end(), ascending);
  panel.others = thinned(others, kMaxPoints);
  panel.num_left_out = others.size() - panel.others.size();
}

void find_best(Panel& panel, const std::vector<ReadRun>& runs) {
  const auto is_macs = [](const Objective& objective) { return objective.name == "macs"; };
  if (std::none_of(panel.objectives.begin(), panel.objectives.end(), is_macs)) return;
  std::set<std::int64_t> budgets;
  for (const ReadRun& read : runs) {
    if (!concerns(read, panel, false)) continue;
    const auto found = budgets_of(read.config);
    budgets.insert(found.begin(), found.end());
  }
  panel.budgets.assign(budgets.begin(), budgets.end());
  const auto rank = [&](std::size_t i) { return minimised(panel.objectives.front(), number_of(panel, 0, i)); };
  for (const std::int64_t budget : panel.budgets) {
    const std::size_t* best = nullptr;  // of equal ones the first
    for (const std::size_t& i : panel.front)
      if (panel.results[i].architecture.macs <= budget && (best == nullptr || rank(i) < rank(*best))) best = &i;
    if (best != nullptr) panel.best_within.push_back(*best);
  }
}

// ---- all panels

using SpaceKey = std::pair<std::string, std::string>;  // name, built for
SpaceKey space_of(const Panel& panel) {
  const StoredArchitecture& any = panel.results.front().architecture;
  return {any.space, any.built_for};
}

/// The results table by table, without anything else yet.
std::vector<Panel> tables_of(const Store& store, const Filter& filter) {
  std::vector<Panel> panels;
  if (!filter.run) {
    for (const ResultTable& table : store.tables(filter)) panels.emplace_back().results = store.table_results(table);
  } else {
    std::map<std::tuple<std::string, std::string, Protocol>, Panel> groups;
    for (Result& result : store.results(filter)) {
      auto& panel = groups[{result.architecture.space, result.architecture.built_for, result.protocol}];
      panel.results.push_back(std::move(result));
    }
    for (auto& [key, panel] : groups) panels.push_back(std::move(panel));
  }
  std::erase_if(panels, [](const Panel& panel) { return panel.results.empty(); });
  return panels;
}

bool has_all(const Result& result, const std::vector<Objective>& objectives) {
  return std::all_of(objectives.begin(), objectives.end(),
                     [&](const Objective& objective) { return has_value(result, objective.name); });
}

/// Settles the panel's objectives, the first of the choices that some of its results have.
/// @returns how many results have not, which it loses.
std::size_t settle(Panel& panel, const std::vector<std::vector<Objective>>& choices) {
  for (const auto& choice : choices) {
    if (choice.empty()) continue;
    const auto lacks = [&](const Result& result) { return !has_all(result, choice); };
    if (std::all_of(panel.results.begin(), panel.results.end(), lacks)) continue;
    panel.objectives = drawn(choice);
    return std::erase_if(panel.results, lacks);
  }
  const std::size_t all = panel.results.size();
  panel.results.clear();
  return all;
}

void settle_objectives(std::vector<Panel>& panels, const std::vector<ReadRun>& runs,
                       const std::vector<Objective>& wanted, std::vector<std::string>& notes) {
  std::map<std::string, std::vector<Objective>> of_space;  // of its latest search
  for (const ReadRun& read : runs)
    if (is_search(read)) of_space[read.run->space] = objectives_of(read.config);
  std::size_t num_without = 0;
  for (Panel& panel : panels) {
    if (!wanted.empty()) {
      num_without += settle(panel, {wanted});
      continue;
    }
    const ReadRun* search = search_of(panel, runs);
    num_without += settle(panel, {search != nullptr ? objectives_of(search->config) : std::vector<Objective>(),
                                  of_space[panel.results.front().architecture.space], kUsual});
  }
  std::erase_if(panels, [](const Panel& panel) { return panel.results.empty(); });
  if (num_without == 0) return;
  std::vector<std::string> names;
  for (const Objective& objective : wanted) names.push_back(objective.name);
  const std::string lacking = wanted.empty() ? "top-1 accuracy" : "value of " + join(names, " or of ");
  notes.push_back(std::to_string(num_without) + (num_without == 1 ? " result has no " : " results have no ") + lacking +
                  (num_without == 1 ? " and is not in the charts." : " and are not in the charts."));
}

/// Of each space the front its networks are chosen from: of the numbers that the latest search chose by; without one,
/// of those that were there to choose by, not of test numbers where there are others; the one with most results.
void mark_primary(std::vector<Panel>& panels, const std::vector<ReadRun>& runs) {
  std::map<std::string, Panel*> primary;
  const auto rank = [&](const Panel& panel) {
    const ReadRun* search = search_of(panel, runs);
    return std::tuple(search == nullptr ? 0 : search->run->id, panel.results.front().protocol.split != "test",
                      panel.results.size());
  };
  for (Panel& panel : panels) {
    Panel*& best = primary[panel.results.front().architecture.space];
    if (best == nullptr || rank(panel) > rank(*best)) best = &panel;
  }
  for (const auto& [space, panel] : primary) panel->is_primary = true;
}

/// Whether every network of `few` is one of `many`, which has several times as many.
bool is_choice_of(const Panel& few, const Panel& many) {
  if (space_of(few) != space_of(many) || many.results.size() < kTimesMeasured * few.results.size()) return false;
  std::set<std::string_view> missing;
  for (const Result& result : few.results) missing.insert(result.architecture.canonical);
  for (const Result& result : many.results) missing.erase(result.architecture.canonical);
  return missing.empty();
}

void mark_what_is_no_front(std::vector<Panel>& panels) {
  for (Panel& panel : panels) {
    panel.is_choice = !panel.is_primary && std::any_of(panels.begin(), panels.end(),
                                                       [&](const Panel& other) { return is_choice_of(panel, other); });
    panel.is_front = panel.results.size() >= kLeastFront && !panel.is_choice;
  }
}

/// Spaces with most results first; of a space, the front that its networks are chosen from.
void sort_panels(std::vector<Panel>& panels) {
  std::map<std::string, std::size_t> of_space;
  for (const Panel& panel : panels) of_space[panel.results.front().architecture.space] += panel.results.size();
  const auto order = [&](const Panel& p) {
    const std::string& space = p.results.front().architecture.space;
    return std::tuple(of_space[space], space, p.is_primary, p.results.size());
  };
  std::stable_sort(panels.begin(), panels.end(), [&](const Panel& a, const Panel& b) { return order(a) > order(b); });
}

/// Every space keeps its primary front; of the others the last go.
void leave_out(std::vector<Panel>& panels, std::vector<std::string>& notes) {
  if (panels.size() <= kMaxPanels) return;
  notes.push_back("The results were measured in " + std::to_string(panels.size()) + " different ways; the " +
                  std::to_string(kMaxPanels) + " with most results are shown. Choose others with --run or --space.");
  for (std::size_t p = panels.size(); p-- > 0 && panels.size() > kMaxPanels;)
    if (!panels[p].is_primary) panels.erase(panels.begin() + static_cast<std::ptrdiff_t>(p));
  if (panels.size() > kMaxPanels) panels.resize(kMaxPanels);
}

/// The front without networks that are worse, by the first objective, than three quarters of all: the cheap end of many
/// a front is of no use to anyone.
std::vector<std::size_t> useful(const Panel& panel) {
  const auto rank = [&](std::size_t i) { return minimised(panel.objectives.front(), number_of(panel, 0, i)); };
  std::vector<double> all;
  for (std::size_t i = 0; i < panel.results.size(); ++i) all.push_back(rank(i));
  std::sort(all.begin(), all.end());
  const double worst = all[all.size() * 3 / 4];
  std::vector<std::size_t> kept = panel.front;
  std::erase_if(kept, [&](std::size_t i) { return rank(i) > worst; });
  return kept;  // not empty: the best of all is on the front
}

}  // namespace

std::vector<Panel> make_panels(const Store& store, const Filter& filter, const ReportScope& scope,
                               std::span<const Run> runs, std::vector<std::string>& notes) {
  std::vector<ReadRun> read;
  for (const Run& run : runs)
    if (auto config = parse_json_or_discard(run.config); config.is_object()) read.push_back({&run, std::move(config)});
  std::vector<Panel> panels = tables_of(store, filter);
  settle_objectives(panels, read, scope.objectives, notes);
  mark_primary(panels, read);
  mark_what_is_no_front(panels);
  sort_panels(panels);
  leave_out(panels, notes);
  for (Panel& panel : panels) {
    find_front(panel);
    find_best(panel, read);
  }
  return panels;
}

std::vector<std::size_t> chosen_of(const Panel& panel) {
  std::vector<std::size_t> chosen = panel.best_within.empty() ? useful(panel) : panel.best_within;
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return thinned(chosen, kMaxDrawings);
}

}  // namespace frontier
