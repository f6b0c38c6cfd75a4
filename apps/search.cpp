#include <algorithm>
#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/run_recorder.h"
#include "apps/search_loop.h"
#include "apps/search_repeats.h"
#include "apps/stored_evaluator.h"
#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/table.h"
#include "common/text.h"
#include "jobs/stored_benchmark.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

struct SearchOptions : CommonOptions, EngineOptions {
  std::string evaluator = "supernet", checkpoint, searcher = "nsga2", max_macs, max_params, objectives, name,
              config_file;
  std::vector<std::string> assignments;
  std::optional<std::string> space;
  std::optional<std::int64_t> generation;
  TableChoice table, report;
  std::int64_t budget = 600, seed = 0, repeat = 1;
  bool resume = false;
};

constexpr std::int64_t kSupernetGeneration = 32;  // shares the work of a merged population
constexpr std::int64_t kBenchmarkGeneration = 1;  // nothing is shared, and searchers learn from each result

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

/// The settings that decide a search; equal settings on equal numbers are the same search. Where these come from is
/// added by the caller.
nlohmann::json resolved_config(const SearchOptions& options, const std::string& space, const nlohmann::json& extra,
                               std::int64_t generation) {
  nlohmann::json config = {{"space", space},           {"searcher", options.searcher},
                           {"budget", options.budget}, {"generation", options.generation.value_or(generation)},
                           {"seed", options.seed},     {"objectives", options.objectives}};
  config["max_macs"] = nlohmann::json::array();
  if (!options.max_macs.empty()) config["max_macs"] = parse_limits(options.max_macs, "--max-macs");
  std::vector<std::int64_t> macs = config["max_macs"].get<std::vector<std::int64_t>>();
  std::sort(macs.begin(), macs.end());
  config["max_macs"] = macs;
  if (!options.max_params.empty()) config["max_params"] = parse_count(options.max_params, "--max-params");
  config["searcher_options"] =
      resolved_searcher_options(options.searcher, extra.value("searcher", nlohmann::json::object()));
  return config;
}

/// The run to go on with: the latest of these settings. One that is finished only reports again.
std::optional<std::int64_t> last_run(const Store& store, const nlohmann::json& config) {
  std::optional<std::int64_t> found;
  for (const auto& run : store.runs({.kind = "search"})) {
    if (nlohmann::json::parse(run.config, nullptr, false) != config) continue;
    found = run.id;
  }
  return found;
}

std::int64_t begin_or_resume(Store& store, const SearchOptions& options, const nlohmann::json& config) {
  if (const auto known = options.resume ? last_run(store, config) : std::nullopt) {
    store.resume_run(*known);
    if (!options.quiet) note("going on with run " + std::to_string(*known));
    return *known;
  }
  return store.begin_run({.kind = "search",
                          .name = options.name,
                          .space = config["space"].get<std::string>(),
                          .config = config.dump(),
                          .seed = options.seed,
                          .version = FRONTIER_VERSION,
                          .checkpoint = options.checkpoint});
}

/// Does `job`, a function of no arguments that gives a JSON document, and closes the run by how it ended.
template <class Job>
nlohmann::ordered_json guarded(Store& store, std::int64_t run, const Job& job) {
  catch_interrupts();
  return close_after(job, [&](RunState state, const std::string& message) { close_run(store, run, state, message); });
}

/// @param other the accuracy shown last: its title and its key in `best`.
void print_table(const nlohmann::ordered_json& document, const std::string& metric, const std::string& split,
                 const std::pair<std::string, std::string>& other) {
  Table table({{"budget", Align::kRight},
               {"MACs", Align::kRight},
               {"parameters", Align::kRight},
               {split, Align::kRight},
               {other.first, Align::kRight},
               {"best subnet"}});
  for (const auto& item : document["results"]) {
    const auto& best = item["best"];
    const auto shown = [&](const std::string& which) {
      const bool has = best.contains(which) && best[which].contains(metric);
      return has ? readable(metric, best[which][metric].get<double>()) : "-";
    };
    table.add({item.contains("max_macs") ? format_count(item["max_macs"].get<double>()) : "-",
               format_count(best["macs"].get<double>()), format_count(best["params"].get<double>()), shown("metrics"),
               shown(other.second), best["arch"].get<std::string>()});
  }
  print("run " + std::to_string(document["run"].get<std::int64_t>()) + "\n" + table.text());
}

// ---- subnets of a trained supernet

class SupernetSource final : public SearchSource {
 public:
  explicit SupernetSource(StoredEvaluator evaluator) : evaluator_(std::move(evaluator)) {}
  std::vector<Measurement> measure(std::span<const Architecture> archs) override {
    return evaluator_.measure("search", archs);
  }
  void record() override { evaluator_.record(); }
  void report(const Architecture& best, nlohmann::ordered_json& item) override {
    item["test_metrics"] = evaluator_.evaluate("test", std::span(&best, 1)).front().metrics;
  }

 private:
  StoredEvaluator evaluator_;
};

void search_supernet(const SearchOptions& options) {
  const nlohmann::json extra = extra_settings(options, {"searcher", "evaluation"});
  resolved_searcher_options(options.searcher, extra.value("searcher", nlohmann::json::object()));
  const auto engine = load_engine(options);
  const auto session = engine->open(options.checkpoint, extra.value("evaluation", nlohmann::json()));
  nlohmann::json config = resolved_config(options, session->space(), extra, kSupernetGeneration);
  config["checkpoint"] = session->fingerprint();
  config["evaluation"] = extra.value("evaluation", nlohmann::json::object());
  for (const auto& objective : parse_objectives(options.objectives)) {
    std::vector<std::string> names = session->metrics();
    names.insert(names.end(), {"macs", "params"});
    if (std::find(names.begin(), names.end(), objective.name) == names.end())
      throw UsageError(unknown_name("objective", objective.name, names));
  }
  Store store(options.db, Store::Mode::kReadWrite);
  const SearchPlan plan{config, make_space(session->space()), session->input(), options.quiet};
  SearchLoop search(plan);  // refuses its budgets before a run is stored
  const std::int64_t run = begin_or_resume(store, options, config);
  const auto document = guarded(store, run, [&]() -> nlohmann::ordered_json {
    SupernetSource source(
        StoredEvaluator(*session, *plan.space, search.table(), store, run, config["checkpoint"].get<std::string>()));
    search.run(store, run, source);
    nlohmann::ordered_json result;
    result["run"] = run;
    result["checkpoint"] = options.checkpoint;
    result["searcher"] = options.searcher;
    result["results"] = search.report(source);
    return result;
  });
  if (options.json) return print_json(document);
  print_table(document, "top1", "search split", {"test", "test_metrics"});
}

// ---- a recorded benchmark

class BenchmarkSource final : public SearchSource {
 public:
  /// @param report may be null.
  BenchmarkSource(Store& store, std::int64_t run, StoredBenchmark& table, StoredBenchmark* report)
      : store_(store), run_(run), table_(table), report_(report) {}
  std::vector<Measurement> measure(std::span<const Architecture> archs) override {
    auto measured = table_.benchmark.evaluate(archs);
    for (const auto& arch : archs) used_.push_back(table_.ids[table_.benchmark.at(arch)]);
    return measured;
  }
  void record() override {
    store_.link(run_, used_);
    used_.clear();
  }
  void report(const Architecture& best, nlohmann::ordered_json& item) override {
    if (report_ != nullptr) item["report_metrics"] = report_->benchmark.evaluate(std::span(&best, 1)).front().metrics;
  }
  /// The numbers are stored already; a killed search looks these up again in no time.
  std::int64_t commit_every() const override { return 256; }

 private:
  Store& store_;
  std::int64_t run_;
  StoredBenchmark& table_;
  StoredBenchmark* report_;
  std::vector<std::int64_t> used_;  ///< evaluations not yet linked
};

/// The table to report by: what --report-... says, the rest as in the table that is searched.
std::optional<ResultTable> report_table(const SearchOptions& options, const std::vector<ResultTable>& tables,
                                        const ResultTable& searched) {
  if (options.report.is_empty()) return std::nullopt;
  const auto found = matching(tables, options.report, "--report-");
  if (found.size() == 1) return found.front();
  TableChoice rest = options.report;
  if (!rest.dataset) rest.dataset = searched.protocol.dataset;
  if (!rest.split) rest.split = searched.protocol.split;
  if (!rest.fidelity) rest.fidelity = searched.protocol.fidelity;
  if (!rest.seed) rest.seed = searched.protocol.seed;
  for (const auto& table : found)
    if (table.protocol.dataset == rest.dataset && table.protocol.split == rest.split &&
        table.protocol.fidelity == rest.fidelity && table.protocol.seed == rest.seed)
      return table;
  return choose_table(found, options.report, "--report-");
}

struct BenchmarkSearch {
  StoredBenchmark table;
  std::optional<StoredBenchmark> report;
};

BenchmarkSearch load_benchmark(const Store& store, const SearchOptions& options) {
  const auto tables = benchmark_tables(store, options.space);
  const ResultTable chosen = choose_table(tables, options.table, "--");
  const auto reported = report_table(options, tables, chosen);
  BenchmarkSearch search{load_table(store, chosen), std::nullopt};
  if (reported) search.report.emplace(load_table(store, *reported));
  const auto objectives = parse_objectives(options.objectives);
  for (const auto& objective : objectives)
    if (objective.name != "macs" && objective.name != "params")
      require_metric(store, tables, search.table, objective.name);
  const std::string& first = objectives.front().name;
  if (search.report && first != "macs" && first != "params") require_metric(store, tables, *search.report, first);
  return search;
}

void search_benchmark(const SearchOptions& options) {
  const nlohmann::json extra = extra_settings(options, {"searcher"});
  resolved_searcher_options(options.searcher, extra.value("searcher", nlohmann::json::object()));
  const bool repeated = options.repeat > 1;
  if (repeated && options.resume)
    throw UsageError("--repeat is not stored until all searches are done, so there is nothing to --resume");
  auto [table, reported] = load_benchmark(Store(options.db, Store::Mode::kReadOnly), options);
  StoredBenchmark* report = reported ? &*reported : nullptr;
  nlohmann::json config = resolved_config(options, table.info.space, extra, kBenchmarkGeneration);
  config["evaluator"] = "benchmark";
  config["table"] = to_json(table.info.protocol);
  if (report != nullptr) config["report"] = to_json(report->info.protocol);
  if (repeated) config["repeat"] = options.repeat;
  const SearchPlan plan{config, make_space(table.info.space), table.input, options.quiet};
  std::optional<SearchLoop> loop;
  std::optional<SearchRepeats> repeats;
  if (repeated) {
    repeats.emplace(plan, table, report);
  } else {
    loop.emplace(plan);
  }
  Store store(options.db, Store::Mode::kReadWrite);
  const std::int64_t run = begin_or_resume(store, options, config);
  const auto document = guarded(store, run, [&]() -> nlohmann::ordered_json {
    nlohmann::ordered_json result;
    result["run"] = run;
    result["evaluator"] = "benchmark";
    result["searcher"] = options.searcher;
    result["searched"] = config["table"];
    if (report != nullptr) result["reported"] = config["report"];
    if (repeats) {
      repeats->run(options.repeat, options.threads);
      repeats->store(store, run);
      result.update(repeats->report());
    } else {
      BenchmarkSource source(store, run, table, report);
      loop->run(store, run, source);
      result["results"] = loop->report(source);
    }
    return result;
  });
  if (options.json) return print_json(document);
  if (repeats) return print("run " + std::to_string(run) + ": " + repeats->text());
  print_table(document, parse_objectives(options.objectives).front().name, table.info.protocol.split + " split",
              {report == nullptr ? "reported" : report->benchmark.name(), "report_metrics"});
}

void run_search(SearchOptions options) {
  if (options.objectives.empty()) options.objectives = options.searcher == "nsga2" ? "top1:max,macs:min" : "top1:max";
  parse_objectives(options.objectives);
  if (!options.max_macs.empty()) parse_limits(options.max_macs, "--max-macs");
  const auto no_effect = [&](bool is_given, const std::string& option) {
    if (is_given) throw UsageError(option + " has no effect on --evaluator " + options.evaluator);
  };
  if (options.evaluator == "supernet") {
    if (options.checkpoint.empty())
      throw UsageError("--checkpoint is required: the folder that train wrote (or --evaluator benchmark)");
    no_effect(options.space.has_value(), "--space");
    no_effect(!options.table.is_empty(), "--dataset, --split, --fidelity or --table-seed");
    no_effect(!options.report.is_empty(), "--report-...");
    no_effect(options.repeat > 1, "--repeat");
    search_supernet(options);
  } else if (options.evaluator == "benchmark") {
    no_effect(!options.checkpoint.empty(), "--checkpoint");
    search_benchmark(options);
  } else {
    throw UsageError(unknown_name("evaluator", options.evaluator, std::vector<std::string>{"supernet", "benchmark"}));
  }
}

}  // namespace

void add_search_command(CLI::App& app) {
  auto options = std::make_shared<SearchOptions>();
  CLI::App* command =
      app.add_subcommand("search", "Search a trained supernet, or a recorded benchmark, for the best subnets");
  add_common_options(*command, *options);
  add_engine_options(*command, *options);
  std::vector<std::string> searchers;
  for (const auto& searcher : known_searchers()) searchers.push_back(searcher.name);
  command->add_option("--evaluator", options->evaluator, "supernet, or benchmark (a table that `import` stored)")
      ->capture_default_str();
  command->add_option("--checkpoint", options->checkpoint, "supernet: the folder that train wrote");
  command->add_option("--searcher", options->searcher, join(searchers))->capture_default_str();
  command->add_option("--max-macs", options->max_macs, "Budgets in multiply-accumulates, e.g. 2M,4M,8M")
      ->check(not_empty());
  command->add_option("--max-params", options->max_params, "Budget in parameters, for all of them")->check(not_empty());
  command->add_option("--budget", options->budget, "Subnets to evaluate, all budgets together")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}))
      ->capture_default_str();
  command
      ->add_option("--generation", options->generation,
                   "Subnets evaluated together (default: 32 for a supernet, which then shares work; 1 for a benchmark: "
                   "evolution and local search do best when each result is told before the next is asked for)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}));
  command->add_option("--objectives", options->objectives,
                      "e.g. top1:max,macs:min (default for nsga2); the first one picks the best");
  command->add_option("--seed", options->seed, "Seed of the proposals")->capture_default_str();
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
  command->add_option("--table-seed", options->table.seed, table);
  const std::string report = "benchmark: the table the best are looked up in at the end; what is not given as searched";
  command->add_option("--report-dataset", options->report.dataset, report);
  command->add_option("--report-split", options->report.split, report);
  command->add_option("--report-fidelity", options->report.fidelity, report);
  command->add_option("--report-table-seed", options->report.seed, report);
  command
      ->add_option("--repeat", options->repeat,
                   "benchmark: so many independent searches, seeds from --seed on, over --threads; gives means, "
                   "quantiles and regret by the number of evaluations")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{10'000}))
      ->capture_default_str();
  command->callback([options] { run_search(*options); });
}

}  // namespace frontier
