#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "apps/output.h"
#include "common/errors.h"
#include "common/files.h"
#include "db/store.h"
#include "report/page.h"
#include "report/quantity.h"
#include "report/report_data.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

struct ReportOptions : CommonOptions {
  std::string out;
  std::string title = "Frontier report";
  std::string objectives;
  ReportScope scope;
};

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::size_t num_on_fronts(const Report& report) {
  std::size_t count = 0;
  for (const Panel& panel : report.panels) count += panel.is_front ? panel.front.size() : 0;
  return count;
}

std::size_t num_fronts(const Report& report) {
  return static_cast<std::size_t>(
      std::count_if(report.panels.begin(), report.panels.end(), [](const Panel& panel) { return panel.is_front; }));
}

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

nlohmann::ordered_json json_document(const Report& report, const std::string& out, std::size_t bytes) {
  nlohmann::ordered_json document;
  document["out"] = out;
  document["bytes"] = bytes;
  document["runs"] = report.runs.size();
  document["evaluations"] = report.num_results;
  document["fronts"] = num_fronts(report);
  document["drawn"] = nlohmann::ordered_json::array();
  for (const Drawing& drawing : report.drawings)
    if (!drawing.svg.empty()) document["drawn"].push_back(drawing.result.architecture.canonical);
  document["charts"] = nlohmann::ordered_json::array();
  for (const Panel& panel : report.panels)
    document["charts"].push_back({{"space", panel.results.front().architecture.space},
                                  {"objectives", to_text(panel.objectives)},
                                  {"results", panel.results.size()},
                                  {"front", panel.front.size()}});
  document["notes"] = report.notes;
  document["results"] = nlohmann::ordered_json::array();
  for (const Panel& panel : report.panels)
    for (const std::size_t i : panel.front) document["results"].push_back(to_json(panel.results[i]));
  return document;
}

void run_report(const ReportOptions& options) {
  if (std::error_code error; std::filesystem::is_directory(options.out, error))
    throw UsageError("--out " + options.out + " is a folder; name a file, e.g. " +
                     (std::filesystem::path(options.out) / "report.html").string());
  if (options.out.empty()) throw UsageError("--out '': name a file, e.g. report.html");
  const Store store(options.db, Store::Mode::kReadOnly);
  ReportScope scope = options.scope;
  if (scope.space) scope.space = space_name(*scope.space);
  if (!options.objectives.empty()) scope.objectives = parse_objectives(options.objectives);
  if (scope.objectives.size() == 1)
    throw UsageError("--objectives " + options.objectives +
                     ": a chart needs two or more, like top1:max,macs:min; frontier pareto takes one");
  Report report = collect_report(store, scope, options.db);
  report.title = options.title;
  report.version = FRONTIER_VERSION;
  report.made = now();
  const std::string text = page(report);
  write_file(options.out, text);

  if (options.json) return print_json(json_document(report, options.out, text.size()));
  print("wrote " + options.out + ": " + counted(report.num_results, "result") + ", " +
        counted(num_fronts(report), "front") + " with " + counted(num_on_fronts(report), "network") + ", " +
        counted(report.runs.size(), "run") + ", " + std::to_string((text.size() + 512) / 1024) + " KiB\n");
  if (!options.quiet)
    for (const std::string& line : report.notes) note(line);
}

}  // namespace

void add_report_command(CLI::App& app) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app.add_subcommand("report", "Fronts, training curves and the chosen networks as one HTML page");
  add_common_options(*command, *options);
  command->add_option("--out", options->out, "HTML file to write")->required();
  command
      ->add_option("--objectives", options->objectives,
                   "name:min or name:max, two or more joined by commas; macs, params, seconds or a metric. Default: of "
                   "each front what the last search of its numbers optimised, else top1:max,macs:min")
      ->check(not_empty());
  command->add_option("--run", options->scope.run,
                      "Only what this run measured or reused, and what it came from: its id or name");
  command->add_option("--space", options->scope.space, "Only this search space");
  command->add_option("--title", options->title, "Title of the page")->capture_default_str();
  command->callback([options] { run_report(*options); });
}

}  // namespace frontier
