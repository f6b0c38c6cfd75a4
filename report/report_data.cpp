#include "report/report_data.h"

#include <algorithm>
#include <set>

#include "common/errors.h"
#include "common/text.h"
#include "report/commands.h"
#include "report/decisions.h"
#include "report/drawing.h"
#include "report/internal/comparisons.h"
#include "report/internal/curves.h"
#include "report/internal/panels.h"
#include "report/internal/thinned.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

constexpr std::size_t kMaxLetters = 26;
constexpr std::size_t kMaxUsed = 500;  ///< networks of a front whose decisions are counted

InputShape input_of(const std::string& built_for) {
  const auto slash = built_for.find('/');
  if (slash == std::string::npos) throw UsageError("built for '" + printable(built_for) + "'");
  return parse_input_shape(built_for.substr(0, slash), parse_integer(built_for.substr(slash + 1), "classes"));
}

/// The pictures of a network: its blocks, and its cells where it has any.
void draw_network(const StoredArchitecture& stored, Drawing& drawing) {
  const auto space = make_space(stored.space);
  const Architecture arch = space->parse(stored.canonical);
  const InputShape input = input_of(stored.built_for);
  const NetworkGraph graph = space->build(arch, input);
  if (cost(graph).macs != stored.macs) throw UsageError("the space has changed since this network was stored");
  drawing.cells = cells_of(*space, arch);
  std::set<std::string> scopes;
  if (!drawing.cells.empty()) scopes = cell_scopes(space->build_everything(input));
  if (scopes.empty()) drawing.cells.clear();
  const std::vector<Block> blocks = blocks_of(graph, scopes);
  for (CellPicture& cell : drawing.cells) {
    const bool reduces = cell.kind.starts_with("reduc");
    for (const Block& block : blocks)
      if (block.is_cell && block.reduces == reduces) cell.repeats += block.repeats;
    if (drawing.cells.size() == 1) cell.repeats = scopes.size();  // also where a cell has no layers at all
  }
  drawing.svg = draw(blocks, "Network " + drawing.letter + ": " + printable(stored.arch, 400));
}

std::vector<Drawing> make_drawings(const std::vector<Panel>& panels, const std::vector<Run>& runs,
                                   const std::string& database) {
  std::vector<Drawing> drawings;
  for (const Panel& panel : panels) {
    if (!panel.is_primary) continue;
    for (const std::size_t i : chosen_of(panel)) {
      if (drawings.size() == kMaxLetters) break;
      Drawing& drawing = drawings.emplace_back();
      drawing.letter = std::string(1, static_cast<char>('A' + drawings.size() - 1));
      drawing.result = panel.results[i];
      drawing.objectives = panel.objectives;
      const std::size_t num_impossible = panel.budgets.size() - panel.best_within.size();  // the smallest ones
      for (std::size_t b = 0; b < panel.best_within.size(); ++b)
        if (panel.best_within[b] == i) drawing.budgets.push_back(panel.budgets[b + num_impossible]);
      drawing.commands = commands_for(drawing.result, runs, database, drawing.letter);
      try {
        draw_network(drawing.result.architecture, drawing);
      } catch (const std::exception& error) {
        drawing.why_not = error.what();
      }
    }
  }
  return drawings;
}

/// What the networks of the fronts decide, for the panels whose networks are drawn.
void count_decisions(std::vector<Panel>& panels) {
  for (Panel& panel : panels) {
    if (!panel.is_primary || !panel.is_front) continue;
    std::vector<std::string> archs;
    for (const std::size_t i : thinned(panel.front, kMaxUsed)) archs.push_back(panel.results[i].architecture.canonical);
    try {
      panel.uses = decisions_of(*make_space(panel.results.front().architecture.space), archs);
      panel.num_used = archs.size();
    } catch (const UsageError&) {  // a space that this program does not know; its drawings say so
    }
  }
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

/// Of a space of which there are runs alone there are none.
std::vector<ResultTable> tables_in_scope(const Store& store, const Filter& filter, bool has_runs) {
  if (store.results({}, 1).empty()) return {};
  try {
    return store.tables(filter);
  } catch (const UsageError&) {
    if (!has_runs) throw;  // nothing at all is known of this space
    return {};
  }
}

/// @throws UsageError naming the objective that the database does not have.
void check_objectives(const Store& store, const std::vector<Objective>& objectives) {
  const std::vector<Condition> nothing = {{"macs", Comparison::kLess, 0}};
  if (!objectives.empty()) store.pareto(objectives, {.where = nothing}, Mixing::kAllow);
}

}  // namespace

Report collect_report(const Store& store, const ReportScope& scope, const std::string& database) {
  Report report;
  report.database = database;
  Filter filter;
  filter.space = scope.space;
  if (!scope.run.empty()) filter.run = store.find_run(scope.run);
  report.run = filter.run;
  report.runs = runs_in_scope(store, filter.run, scope.space);
  std::set<std::string> spaces;
  for (const ResultTable& table : tables_in_scope(store, filter, !report.runs.empty())) {
    report.num_results += static_cast<std::size_t>(table.num_results);
    spaces.insert(table.space);
  }
  if (report.num_results == 0 && report.runs.empty() && scope.space)
    throw UsageError("--space: nothing is stored of '" + printable(*scope.space) + "'");
  report.comparisons = make_comparisons(store, report.runs, report.notes);
  if (report.num_results > 0) {
    check_objectives(store, scope.objectives);
    report.panels = make_panels(store, filter, scope, report.runs, report.notes);
  } else if (report.comparisons.empty()) {
    report.notes.emplace_back(filter.run ? "This run has no results, so there is no front."
                                         : "Nothing has been evaluated yet, so there is no front. `frontier search` or "
                                           "`frontier evaluate` adds results.");
  }
  for (const Run& run : report.runs)
    if (!run.space.empty()) spaces.insert(run.space);
  report.spaces.assign(spaces.begin(), spaces.end());
  count_decisions(report.panels);
  report.agreements = make_agreements(report.panels);
  report.drawings = make_drawings(report.panels, store.runs(), database);
  report.regrets = make_regrets(store, report.runs);
  report.curves = make_curves(store, report.runs, report.notes);
  return report;
}

}  // namespace frontier
