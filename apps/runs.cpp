#include <cmath>
#include <memory>

#include "apps/command.h"
#include "apps/output.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/table.h"
#include "common/text.h"
#include "db/store.h"
#include "jobs/run_results.h"

namespace frontier {
namespace {

struct RunsOptions : CommonOptions {
  std::string run, pending;
};

std::string message_of(const Run& run) {
  if (!run.process_gone) return run.message;
  const std::string gone = "its process " + std::to_string(run.pid) + " is gone";
  return run.message.empty() ? gone : run.message + " (" + gone + ")";
}

nlohmann::ordered_json to_json(const Run& run) {
  nlohmann::ordered_json json;
  json["id"] = run.id;
  json["kind"] = run.kind;
  json["name"] = run.name;
  json["space"] = run.space;
  json["state"] = to_string(run.state);
  json["progress"] = run.progress;
  json["message"] = message_of(run);
  json["results"] = run.num_results;
  json["seed"] = run.seed;
  json["version"] = run.version;
  json["checkpoint"] = run.checkpoint;
  json["parent"] = run.parent ? nlohmann::ordered_json(*run.parent) : nlohmann::ordered_json();
  json["pid"] = run.pid;
  json["host"] = run.host;
  json["created"] = run.created;
  json["updated"] = run.updated;
  json["config"] = parse_json_or_discard(run.config);
  return json;
}

std::string text_table(const std::vector<Run>& runs) {
  Table table({{"id", Align::kRight},
               {"kind"},
               {"name"},
               {"space"},
               {"state"},
               {"progress", Align::kRight},
               {"results", Align::kRight},
               {"started"},
               {"updated"},
               {"message"}});
  for (const Run& run : runs)
    table.add({std::to_string(run.id), run.kind, run.name.empty() ? "-" : run.name, run.space,
               std::string(to_string(run.state)),
               std::to_string(static_cast<int>(std::floor(100 * run.progress))) + " %", std::to_string(run.num_results),
               run.created, run.updated, message_of(run)});
  return table.text();
}

void import_pending(const RunsOptions& options) {
  const auto document = store_pending(options.db, options.pending);
  if (options.json) return print_json(document);
  print("run " + std::to_string(document["run"].get<std::int64_t>()) + ": " +
        std::to_string(document["results"].get<std::int64_t>()) + " results, " +
        std::to_string(document["new"].get<std::int64_t>()) + " of them new; the file is now " +
        printable(document["file"].get<std::string>(), 4000) + "\n");
}

void run_runs(const RunsOptions& options) {
  if (!options.pending.empty()) return import_pending(options);
  const Store store(options.db, Store::Mode::kReadOnly);
  RunFilter filter;
  if (!options.run.empty()) filter.id = store.find_run(options.run);
  const std::vector<Run> runs = store.runs(filter);
  if (!options.json) return print(text_table(runs));
  nlohmann::ordered_json document;
  document["results"] = nlohmann::ordered_json::array();
  for (const Run& run : runs) document["results"].push_back(to_json(run));
  print_json(document);
}

}  // namespace

void add_runs_command(CLI::App& app) {
  auto options = std::make_shared<RunsOptions>();
  CLI::App* command = app.add_subcommand("runs", "The runs with state and progress");
  add_common_options(*command, *options);
  command->add_option("--run", options->run, "Only this one: its id or name");
  command
      ->add_option("--import-pending", options->pending,
                   "Store what a run found and could not store: the file that it named")
      ->check(not_empty())
      ->excludes("--run");
  command->callback([options] { run_runs(*options); });
}

}  // namespace frontier
