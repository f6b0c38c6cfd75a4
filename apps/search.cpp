#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/search_text.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"
#include "db/pareto.h"
#include "jobs/search.h"
#include "search_spaces/budget.h"

namespace frontier {
namespace {

/// Named options of a table, of which only the given ones are in the configuration.
struct TableOptions {
  std::optional<std::string> dataset, split, fidelity;
  std::optional<std::int64_t> seed;
};

struct SearchOptions : CommonOptions, DeviceOptions {
  std::string config_file, name;
  std::vector<std::string> assignments;
  std::optional<std::string> evaluator, checkpoint, searcher, max_macs, max_params, min_macs, min_params, objectives,
      space;
  std::optional<std::int64_t> budget, generation, seed, repeat;
  TableOptions table, report;
  bool resume = false, print_config = false;
};

/// The part of a configuration, made where it is not there. @throws UsageError if it is something else.
nlohmann::json& part_of(nlohmann::json& config, const std::string& name) {
  nlohmann::json& part = config[name];
  if (part.is_null()) part = nlohmann::json::object();
  if (!part.is_object()) throw UsageError("search." + name + " must be a JSON object, not " + printable(part.dump()));
  return part;
}

/// SearchConfig: --config, then --set, then the named options.
nlohmann::json config_of(const SearchOptions& options) {
  nlohmann::json config = settings_of_file(options.config_file, options.assignments);
  const auto set = [](nlohmann::json& place, const char* key, const auto& value) {
    if (value) place[key] = *value;
  };
  set(config, "evaluator", options.evaluator);
  set(config, "checkpoint", options.checkpoint);
  set(config, "objectives", options.objectives);
  set(config, "space", options.space);
  set(config, "budget", options.budget);
  set(config, "generation", options.generation);
  set(config, "seed", options.seed);
  set(config, "repeat", options.repeat);
  if (options.searcher && !config["searcher"].is_object()) config["searcher"] = nlohmann::json::object();
  if (options.searcher) config["searcher"]["name"] = *options.searcher;
  for (const auto& [name, table] : {std::pair("table", &options.table), std::pair("report", &options.report)}) {
    if (!table->dataset && !table->split && !table->fidelity && !table->seed) continue;
    nlohmann::json& part = part_of(config, name);
    set(part, "dataset", table->dataset);
    set(part, "split", table->split);
    set(part, "fidelity", table->fidelity);
    set(part, "seed", table->seed);
  }
  if (options.max_macs) config["max_macs"] = parse_limits(*options.max_macs, "--max-macs");
  const auto limit = [&](const char* key, const std::optional<std::string>& text, const char* option) {
    if (text) config[key] = parse_count(*text, option);
  };
  limit("max_params", options.max_params, "--max-params");
  limit("min_macs", options.min_macs, "--min-macs");
  limit("min_params", options.min_params, "--min-params");
  return config;
}

void run_search(const SearchOptions& options) {
  nlohmann::json settings = config_of(options);
  if (settings.is_object() && settings.contains("searcher") && settings["searcher"].is_object() &&
      !settings["searcher"].contains("name"))
    settings["searcher"]["name"] = SearchConfig().searcher["name"];  // --set searcher.population=64
  SearchConfig config;
  read_options(settings, "search", config);
  if (!config.objectives.empty()) parse_objectives(config.objectives);
  if (config.evaluator == "supernet" && config.checkpoint.empty())
    throw UsageError("--checkpoint is required: the folder that train wrote (or --evaluator benchmark)");
  require_new(options.print_config, options.resume);
  settings.update({{"db", options.db},
                   {"name", options.name},
                   {"resume", options.resume},
                   {"print_config", options.print_config},
                   {"threads", num_threads(options)},
                   {"device", options.device}});
  Registries registries = program_registries(options);
  ProgressObserver observer(options.quiet, [&](const auto& document) {
    if (options.json || options.print_config) return print_json(document);
    const std::string metric = config.objectives.empty() ? "top1" : parse_objectives(config.objectives).front().name;
    print(config.repeat > 1 ? repeats_text(document, metric) : search_text(document, metric));
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
  // Defaults are shown as the description says them.
  const nlohmann::json defaults = write_options(SearchConfig());
  command->add_option("--evaluator", options->evaluator, "supernet, or benchmark (a table that `import` stored)")
      ->default_str(defaults["evaluator"]);
  command->add_option("--checkpoint", options->checkpoint, "supernet: the folder that train wrote");
  command->add_option("--searcher", options->searcher, join(searchers))->default_str(defaults["searcher"]["name"]);
  command->add_option("--max-macs", options->max_macs, "Budgets in multiply-accumulates, e.g. 2M,4M,8M")
      ->check(not_empty());
  command->add_option("--max-params", options->max_params, "Budget in parameters, for all of them")->check(not_empty());
  command->add_option("--min-macs", options->min_macs, "At least so many multiply-accumulates, for all budgets")
      ->check(not_empty());
  command->add_option("--min-params", options->min_params, "At least so many parameters, for all budgets")
      ->check(not_empty());
  command->add_option("--budget", options->budget, "Subnets to evaluate, all budgets together")
      ->check(whole_number(1, 1'000'000'000))
      ->default_str(defaults["budget"].dump());
  command
      ->add_option("--generation", options->generation,
                   "Subnets evaluated together (default: 32 for a supernet, which then shares work; 1 for a benchmark: "
                   "evolution and local search do best when each result is told before the next is asked for)")
      ->check(whole_number(1, 100'000));
  command->add_option("--objectives", options->objectives,
                      "e.g. top1:max,macs:min (default for nsga2); the first one picks the best");
  command->add_option("--seed", options->seed, "Seed of the proposals")->check(seed_number())->default_str("0");
  command->add_option("--name", options->name, "A name for the run");
  command->add_option("--config", options->config_file,
                      "Settings as JSON (frontier settings search); - is standard input");
  command
      ->add_option("--set", options->assignments,
                   "One setting, e.g. searcher.population=64; may be repeated (frontier settings search lists all)")
      ->take_all();
  add_print_config(*command, options->print_config);
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
      ->default_str("1");
  command->callback([options] { run_search(*options); });
}

}  // namespace frontier
