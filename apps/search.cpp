#include <algorithm>
#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/search_text.h"
#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/text.h"
#include "db/pareto.h"
#include "search_spaces/budget.h"

namespace frontier {
namespace {

struct TableOptions {
  std::optional<std::string> dataset, split, fidelity;
  std::optional<std::int64_t> seed;
  nlohmann::json json() const {
    nlohmann::json table = nlohmann::json::object();
    if (dataset) table["dataset"] = *dataset;
    if (split) table["split"] = *split;
    if (fidelity) table["fidelity"] = *fidelity;
    if (seed) table["seed"] = *seed;
    return table;
  }
};

struct SearchOptions : CommonOptions, DeviceOptions {
  std::string evaluator = "supernet", checkpoint, searcher = "nsga2", max_macs, max_params, min_macs, min_params,
              objectives, name, config_file;
  std::vector<std::string> assignments;
  std::optional<std::string> space;
  std::optional<std::int64_t> generation;
  TableOptions table, report;
  std::int64_t budget = 600, seed = 0, repeat = 1;
  bool resume = false;
};

/// Settings from --config and --set. @throws UsageError for one that `known` does not name.
nlohmann::json extra_settings(const SearchOptions& options, const std::vector<std::string>& known) {
  nlohmann::json extra = nlohmann::json::object();
  if (!options.config_file.empty()) extra = parse_json(read_file(options.config_file), options.config_file);
  for (const auto& assignment : options.assignments) set_option(extra, assignment);
  if (!extra.is_object()) throw UsageError("the configuration must be a JSON object");
  for (const auto& [key, value] : extra.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw UsageError(unknown_name("search setting", key, known));
    if (!value.is_object()) throw UsageError("search setting '" + key + "' must be an object");
  }
  return extra;
}

/// @throws UsageError for an option that does nothing with this evaluator.
void refuse_without_effect(const SearchOptions& options) {
  const auto no_effect = [&](bool is_given, const std::string& option) {
    if (is_given) throw UsageError(option + " has no effect on --evaluator " + options.evaluator);
  };
  if (options.evaluator == "benchmark") return no_effect(!options.checkpoint.empty(), "--checkpoint");
  no_effect(options.space.has_value(), "--space");
  no_effect(!options.table.json().empty(), "--dataset, --split, --fidelity or --table-seed");
  no_effect(!options.report.json().empty(), "--report-...");
  no_effect(options.repeat > 1, "--repeat");
}

nlohmann::json settings_of(const SearchOptions& options) {
  nlohmann::json settings = {{"evaluator", options.evaluator},
                             {"checkpoint", options.checkpoint},
                             {"db", options.db},
                             {"name", options.name},
                             {"searcher", options.searcher},
                             {"objectives", options.objectives},
                             {"budget", options.budget},
                             {"generation", options.generation.value_or(0)},
                             {"seed", options.seed},
                             {"repeat", options.repeat},
                             {"resume", options.resume},
                             {"space", options.space.value_or("")},
                             {"table", options.table.json()},
                             {"report", options.report.json()},
                             {"threads", num_threads(options)},
                             {"device", options.device}};
  if (!options.max_macs.empty()) settings["max_macs"] = parse_limits(options.max_macs, "--max-macs");
  const auto limit = [&](const char* key, const std::string& text, const char* option) {
    if (!text.empty()) settings[key] = parse_count(text, option);
  };
  limit("max_params", options.max_params, "--max-params");
  limit("min_macs", options.min_macs, "--min-macs");
  limit("min_params", options.min_params, "--min-params");
  return settings;
}

void run_search(const SearchOptions& options) {
  if (!options.objectives.empty()) parse_objectives(options.objectives);
  nlohmann::json settings = settings_of(options);
  if (options.evaluator == "supernet" && options.checkpoint.empty())
    throw UsageError("--checkpoint is required: the folder that train wrote (or --evaluator benchmark)");
  Registries registries = program_registries(options);
  refuse_without_effect(options);
  const bool is_benchmark = options.evaluator == "benchmark";
  const auto extra = extra_settings(options, is_benchmark ? std::vector<std::string>{"searcher"}
                                                          : std::vector<std::string>{"searcher", "evaluation"});
  if (extra.contains("searcher")) settings["searcher_options"] = extra["searcher"];
  if (extra.contains("evaluation")) settings["evaluation"] = extra["evaluation"];
  ProgressObserver observer(options.quiet, [&](const auto& document) {
    if (options.json) return print_json(document);
    const std::string metric = options.objectives.empty() ? "top1" : parse_objectives(options.objectives).front().name;
    print(options.repeat > 1 ? repeats_text(document, metric) : search_text(document, metric));
  });
  observer.finish(registries.run("search", settings, observer));
}

}  // namespace

void add_search_command(CLI::App& app) {
  auto options = std::make_shared<SearchOptions>();
  CLI::App* command =
      app.add_subcommand("search", "Search a trained supernet, or a recorded benchmark, for the best subnets");
  add_common_options(*command, *options);
  add_device_options(*command, *options);
  std::vector<std::string> searchers;
  for (const auto& searcher : known_searchers()) searchers.push_back(searcher.name);
  command->add_option("--evaluator", options->evaluator, "supernet, or benchmark (a table that `import` stored)")
      ->capture_default_str();
  command->add_option("--checkpoint", options->checkpoint, "supernet: the folder that train wrote");
  command->add_option("--searcher", options->searcher, join(searchers))->capture_default_str();
  command->add_option("--max-macs", options->max_macs, "Budgets in multiply-accumulates, e.g. 2M,4M,8M")
      ->check(not_empty());
  command->add_option("--max-params", options->max_params, "Budget in parameters, for all of them")->check(not_empty());
  command->add_option("--min-macs", options->min_macs, "At least so many multiply-accumulates, for all budgets")
      ->check(not_empty());
  command->add_option("--min-params", options->min_params, "At least so many parameters, for all budgets")
      ->check(not_empty());
  command->add_option("--budget", options->budget, "Subnets to evaluate, all budgets together")
      ->check(whole_number(1, 1'000'000'000))
      ->capture_default_str();
  command
      ->add_option("--generation", options->generation,
                   "Subnets evaluated together (default: 32 for a supernet, which then shares work; 1 for a benchmark: "
                   "evolution and local search do best when each result is told before the next is asked for)")
      ->check(whole_number(1, 100'000));
  command->add_option("--objectives", options->objectives,
                      "e.g. top1:max,macs:min (default for nsga2); the first one picks the best");
  command->add_option("--seed", options->seed, "Seed of the proposals")->check(seed_number())->capture_default_str();
  command->add_option("--name", options->name, "A name for the run");
  command->add_option("--config", options->config_file, "Settings as JSON: searcher, evaluation");
  command->add_option("--set", options->assignments, "One setting, e.g. searcher.population=64; may be repeated")
      ->take_all();
  command->add_flag("--resume", options->resume, "Go on with the last run of the same settings");
  const std::string table = "benchmark: which table is searched, where several are stored";
  command->add_option("--space", options->space, "benchmark: its search space, where several have one");
  command->add_option("--dataset", options->table.dataset, table);
  command->add_option("--split", options->table.split, table);
  command->add_option("--fidelity", options->table.fidelity, table);
  command->add_option("--table-seed", options->table.seed, table)->check(seed_number());
  const std::string report = "benchmark: the table the best are looked up in at the end; what is not given as searched";
  command->add_option("--report-dataset", options->report.dataset, report);
  command->add_option("--report-split", options->report.split, report);
  command->add_option("--report-fidelity", options->report.fidelity, report);
  command->add_option("--report-table-seed", options->report.seed, report)->check(seed_number());
  command
      ->add_option("--repeat", options->repeat,
                   "benchmark: so many independent searches, seeds from --seed on, over --threads; gives means, "
                   "quantiles and regret by the number of evaluations")
      ->check(whole_number(1, 10'000))
      ->capture_default_str();
  command->callback([options] { run_search(*options); });
}

}  // namespace frontier
