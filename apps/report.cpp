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
#include "report/report_data.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

struct ReportOptions : CommonOptions {
  std::string out;
  std::string title = "Frontier report";
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
  for (const Panel& panel : report.panels) count += panel.front.size();
  return count;
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
  document["fronts"] = report.panels.size();
  document["drawn"] = nlohmann::ordered_json::array();
  for (const Drawing& drawing : report.drawings)
    if (!drawing.svg.empty()) document["drawn"].push_back(drawing.result.architecture.canonical);
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
  Report report = collect_report(store, scope);
  report.title = options.title;
  report.database = options.db;
  report.version = FRONTIER_VERSION;
  report.made = now();
  const std::string text = page(report);
  write_file(options.out, text);

  if (options.json) return print_json(json_document(report, options.out, text.size()));
  print("wrote " + options.out + ": " + counted(report.num_results, "result") + ", " +
        counted(report.panels.size(), "front") + " with " + counted(num_on_fronts(report), "network") + ", " +
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
  command->add_option("--run", options->scope.run,
                      "Only what this run measured or reused, and what it came from: its id or name");
  command->add_option("--space", options->scope.space, "Only this search space");
  command->add_option("--title", options->title, "Title of the page")->capture_default_str();
  command->callback([options] { run_report(*options); });
}

}  // namespace frontier
