#include "jobs/search.h"

#include <algorithm>
#include <optional>

#include "common/errors.h"
#include "common/options.h"
#include "common/statistics.h"
#include "common/text.h"
#include "jobs/evaluate.h"
#include "jobs/run_recorder.h"
#include "jobs/run_results.h"
#include "jobs/search_loop.h"
#include "jobs/search_repeats.h"
#include "jobs/session.h"
#include "jobs/stored_benchmark.h"
#include "jobs/stored_evaluator.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

constexpr std::int64_t kSupernetGeneration = 32;  // shares the work of a merged population
constexpr std::int64_t kBenchmarkGeneration = 1;  // nothing is shared, and searchers learn from each result

/// The run to go on with: the latest of these settings. One that is finished only reports again.
std::optional<std::int64_t> last_run(const Store& store, const nlohmann::json& config) {
  std::optional<std::int64_t> found;
  for (const auto& run : store.runs({.kind = "search"})) {
    if (parse_json_or_discard(run.config) != config) continue;
    found = run.id;
  }
  return found;
}

/// Does `job`, a function of no arguments that gives a JSON document, and closes the run by how it ended.
template <class Job>
nlohmann::ordered_json finished(RunResults& results, const Job& job) {
  auto document = results.guard(job);
  results.finish(document);
  return document;
}

}  // namespace

namespace {

/// "nsga2" or {"name": "nsga2", "population": 64}, taken apart.
void read_searcher(SearchSettings& settings) {
  const nlohmann::json& searcher = settings.searcher;
  const bool is_object = searcher.is_object() && searcher.contains("name");
  if (!searcher.is_string() && !(is_object && searcher["name"].is_string()))
    throw UsageError("search.searcher must be a name, or an object with a name as {\"name\": \"nsga2\"}, not " +
                     printable(searcher.dump()));
  settings.searcher_name = is_object ? searcher["name"] : searcher;
  if (!is_object) return;
  settings.searcher_options = searcher;
  settings.searcher_options.erase("name");
}

/// @throws UsageError for a setting that does nothing with this evaluator.
void refuse_without_effect(const SearchSettings& settings) {
  const auto no_effect = [&](bool is_given, const std::string& option) {
    if (is_given) throw UsageError(option + " has no effect on --evaluator " + printable(settings.evaluator));
  };
  if (settings.evaluator == "benchmark") {
    no_effect(!settings.checkpoint.empty(), "--checkpoint");
    no_effect(!settings.evaluation.is_null(), "search setting 'evaluation'");
    return;
  }
  no_effect(!settings.space.empty(), "--space");
  no_effect(!settings.table.is_empty(), "--dataset, --split, --fidelity or --table-seed");
  no_effect(!settings.report.is_empty(), "--report-...");
  no_effect(settings.repeat > 1, "--repeat");
}

}  // namespace

SearchSettings read_search_settings(const nlohmann::json& json) {
  SearchSettings settings;
  read_options(json, "search", settings);
  read_searcher(settings);
  refuse_without_effect(settings);
  if (settings.objectives.empty())
    settings.objectives = settings.searcher_name == "nsga2" ? "top1:max,macs:min" : "top1:max";
  parse_objectives(settings.objectives);
  return settings;
}

std::vector<Setting> search_setting_list(Registries& registries) {
  std::vector<NamedOptions> searchers;
  for (const auto& name : registries.searchers.names()) searchers.push_back({name, registries.searcher(name).settings});
  std::vector<Setting> all = with_named(list_options<SearchConfig>(""), "searcher", searchers);
  const EvaluatorJobs* supernet = registries.find_evaluator("supernet");
  const auto place = std::find_if(all.begin(), all.end(), [](const Setting& s) { return s.name == "evaluation"; });
  const auto behind = all.erase(place);
  if (supernet != nullptr) all.insert(behind, supernet->settings.begin(), supernet->settings.end());
  return all;
}

nlohmann::ordered_json search(const nlohmann::json& settings, Registries& registries, Observer& observer) {
  const std::string name = read_search_settings(settings).evaluator;
  const EvaluatorJobs* evaluator = registries.find_evaluator(name);
  if (evaluator != nullptr && evaluator->search) return evaluator->search(settings, observer);
  std::vector<std::string> known;
  for (const auto& other : registries.evaluators.names())
    if (registries.evaluators.find(other)->search) known.push_back(other);
  throw UsageError(unknown_name("evaluator", name, known));
}

nlohmann::json resolved_search(const SearchSettings& settings, const std::string& space, const SearcherKind& searcher,
                               std::int64_t default_generation) {
  nlohmann::json config = {{"space", space},
                           {"searcher", settings.searcher_name},
                           {"budget", settings.budget},
                           {"generation", settings.generation > 0 ? settings.generation : default_generation},
                           {"seed", settings.seed},
                           {"objectives", settings.objectives}};
  std::vector<std::int64_t> macs = settings.max_macs;
  std::sort(macs.begin(), macs.end());
  config["max_macs"] = macs;
  const auto limit = [&](const char* key, std::int64_t value) {
    if (value > 0) config[key] = value;
  };
  limit("max_params", settings.max_params);
  limit("min_macs", settings.min_macs);
  limit("min_params", settings.min_params);
  config["searcher_options"] = searcher.resolved_options(settings.searcher_options);
  return config;
}

nlohmann::json printed_config(const SearchSettings& settings, const nlohmann::json& resolved) {
  SearchConfig config = settings;
  config.searcher = resolved["searcher_options"];
  config.searcher["name"] = settings.searcher_name;
  config.generation = resolved["generation"];
  config.max_macs = resolved["max_macs"].get<std::vector<std::int64_t>>();
  return write_options(config);
}

std::int64_t begin_or_resume(Store& store, const SearchSettings& settings, const nlohmann::json& config,
                             Observer& observer) {
  if (const auto known = settings.resume ? last_run(store, config) : std::nullopt) {
    store.resume_run(*known);
    observer.note("going on with run " + std::to_string(*known));
    return *known;
  }
  return store.begin_run({.kind = "search",
                          .name = settings.name,
                          .space = config["space"].get<std::string>(),
                          .config = config.dump(),
                          .seed = settings.seed,
                          .version = version(),
                          .checkpoint = settings.checkpoint});
}

// ---- subnets of a trained supernet

namespace {

class SupernetSource final : public SearchSource {
 public:
  explicit SupernetSource(StoredEvaluator evaluator) : evaluator_(std::move(evaluator)) {}
  std::vector<Measurement> measure(std::span<const Architecture> archs) override {
    return evaluator_.measure("search", archs);
  }
  void record() override { evaluator_.record(); }
  void report(const Architecture& best, nlohmann::ordered_json& item) override {
    const auto metrics = evaluator_.evaluate("test", std::span(&best, 1)).front().metrics;
    item["test_metrics"] = metrics;
    item["test_standard_errors"] = standard_errors(metrics);
  }

 private:
  StoredEvaluator evaluator_;
};

void require_objectives(const SearchSettings& settings, const SupernetSession& session) {
  for (const auto& objective : parse_objectives(settings.objectives)) {
    std::vector<std::string> names = session.metrics();
    names.insert(names.end(), {"macs", "params"});
    if (std::find(names.begin(), names.end(), objective.name) == names.end())
      throw UsageError(unknown_name("objective", objective.name, names));
  }
}

nlohmann::ordered_json search_session(const nlohmann::json& json, Registries& registries, const OpenSession& open,
                                      Observer& observer) {
  SearchSettings settings = read_search_settings(json);
  if (settings.checkpoint.empty()) throw UsageError("checkpoint is required: the folder that train wrote");
  const SearcherKind& searcher = registries.searcher(settings.searcher_name);
  searcher.resolved_options(settings.searcher_options);
  const auto session = open(settings.checkpoint, settings.evaluation, settings);
  nlohmann::json config = resolved_search(settings, session->space(), searcher, kSupernetGeneration);
  config["checkpoint"] = session->fingerprint();
  config["evaluation"] = settings.evaluation.is_null() ? nlohmann::json::object() : settings.evaluation;
  require_objectives(settings, *session);
  SearchPlan plan{config, make_space(session->space()), session->input(), &searcher};
  if (searcher.asks_policy) plan.policy = &session->policy();
  SearchLoop loop(plan);  // refuses its budgets before a run is stored
  if (settings.print_config) {
    settings.evaluation = session->evaluation();
    return printed_config(settings, config);
  }
  Store store(settings.db, Store::Mode::kReadWrite);
  const std::int64_t run = begin_or_resume(store, settings, config, observer);
  RunResults results(store, run, observer);
  return finished(results, [&]() -> nlohmann::ordered_json {
    SupernetSource source(StoredEvaluator(*session, *plan.space, loop.table(), results, observer));
    loop.run(results, source, observer);
    nlohmann::ordered_json result;
    result["run"] = run;
    result["checkpoint"] = settings.checkpoint;
    result["searcher"] = settings.searcher_name;
    result["results"] = loop.report(source);
    return result;
  });
}

}  // namespace

EvaluatorJobs session_jobs(Registries& registries, OpenSession open) {
  const auto evaluate = [open](const nlohmann::json& settings, Observer& observer) {
    return evaluate_session(settings, open, observer);
  };
  const auto search = [&registries, open](const nlohmann::json& settings, Observer& observer) {
    return search_session(settings, registries, open, observer);
  };
  return {evaluate, search};
}

// ---- a recorded benchmark

namespace {

class BenchmarkSource final : public SearchSource {
 public:
  /// @param report may be null.
  BenchmarkSource(RunResults& results, StoredBenchmark& table, StoredBenchmark* report)
      : results_(results), table_(table), report_(report) {}
  std::vector<Measurement> measure(std::span<const Architecture> archs) override {
    auto measured = table_.benchmark.evaluate(archs);
    for (const auto& arch : archs) used_.push_back(table_.ids[table_.benchmark.at(arch)]);
    return measured;
  }
  void record() override {
    results_.link(used_);
    used_.clear();
  }
  void report(const Architecture& best, nlohmann::ordered_json& item) override {
    if (report_ == nullptr) return;
    const auto metrics = report_->benchmark.evaluate(std::span(&best, 1)).front().metrics;
    item["report_metrics"] = metrics;
    item["report_standard_errors"] = standard_errors(metrics);
  }
  /// The numbers are stored already; a killed search looks these up again in no time.
  std::int64_t commit_every() const override { return 256; }
  bool runs_networks() const override { return false; }

 private:
  RunResults& results_;
  StoredBenchmark& table_;
  StoredBenchmark* report_;
  std::vector<std::int64_t> used_;  ///< evaluations not yet linked
};

/// The table to report by: what `wanted` says, the rest as in the table that is searched.
std::optional<ResultTable> report_table(const TableChoice& wanted, const std::vector<ResultTable>& tables,
                                        const ResultTable& searched) {
  if (wanted.is_empty()) return std::nullopt;
  const auto found = matching(tables, wanted, "--report-");
  if (found.size() == 1) return found.front();
  TableChoice rest = wanted;
  if (!rest.dataset) rest.dataset = searched.protocol.dataset;
  if (!rest.split) rest.split = searched.protocol.split;
  if (!rest.fidelity) rest.fidelity = searched.protocol.fidelity;
  if (!rest.seed) rest.seed = searched.protocol.seed;
  for (const auto& table : found)
    if (table.protocol.dataset == rest.dataset && table.protocol.split == rest.split &&
        table.protocol.fidelity == rest.fidelity && table.protocol.seed == rest.seed)
      return table;
  return choose_table(found, wanted, "--report-");
}

/// What chooses the table of this protocol.
TableChoice choice_of(const Protocol& protocol) {
  return {protocol.dataset, protocol.split, protocol.fidelity, protocol.seed};
}

struct BenchmarkSearch {
  StoredBenchmark table;
  std::optional<StoredBenchmark> report;
};

BenchmarkSearch load_benchmark(const Store& store, const SearchSettings& settings) {
  const auto tables =
      benchmark_tables(store, settings.space.empty() ? std::nullopt : std::optional(space_name(settings.space)));
  const ResultTable chosen = choose_table(tables, settings.table, "--");
  const auto reported = report_table(settings.report, tables, chosen);
  BenchmarkSearch search{load_table(store, chosen), std::nullopt};
  if (reported) search.report.emplace(load_table(store, *reported));
  const auto objectives = parse_objectives(settings.objectives);
  for (const auto& objective : objectives)
    if (objective.name != "macs" && objective.name != "params")
      require_metric(store, tables, search.table, objective.name);
  const std::string& first = objectives.front().name;
  if (search.report && first != "macs" && first != "params") require_metric(store, tables, *search.report, first);
  return search;
}

}  // namespace

nlohmann::ordered_json search_benchmark(const nlohmann::json& json, Registries& registries, Observer& observer) {
  SearchSettings settings = read_search_settings(json);
  const SearcherKind& searcher = registries.searcher(settings.searcher_name);
  searcher.resolved_options(settings.searcher_options);
  if (searcher.asks_policy) throw no_policy_of("a recorded benchmark");
  const bool repeated = settings.repeat > 1;
  if (repeated && settings.resume)
    throw UsageError("--repeat is not stored until all searches are done, so there is nothing to --resume");
  BenchmarkSearch tables = load_benchmark(Store(settings.db, Store::Mode::kReadOnly), settings);
  StoredBenchmark& table = tables.table;
  StoredBenchmark* report = tables.report ? &*tables.report : nullptr;
  nlohmann::json config = resolved_search(settings, table.info.space, searcher, kBenchmarkGeneration);
  config["evaluator"] = "benchmark";
  config["table"] = to_json(table.info.protocol);
  if (report != nullptr) config["report"] = to_json(report->info.protocol);
  if (repeated) config["repeat"] = settings.repeat;
  const SearchPlan plan{config, make_space(table.info.space), table.input, &searcher, partial_networks(table)};
  std::optional<SearchLoop> loop;
  std::optional<SearchRepeats> repeats;
  if (repeated) {
    repeats.emplace(plan, table, report);
  } else {
    loop.emplace(plan);
  }
  if (settings.print_config) {
    settings.space = table.info.space;
    settings.table = choice_of(table.info.protocol);
    if (report != nullptr) settings.report = choice_of(report->info.protocol);
    return printed_config(settings, config);
  }
  Store store(settings.db, Store::Mode::kReadWrite);
  const std::int64_t run = begin_or_resume(store, settings, config, observer);
  RunResults results(store, run, observer);
  return finished(results, [&]() -> nlohmann::ordered_json {
    nlohmann::ordered_json result;
    result["run"] = run;
    result["evaluator"] = "benchmark";
    result["searcher"] = settings.searcher_name;
    result["searched"] = config["table"];
    if (report != nullptr) result["reported"] = config["report"];
    if (repeats) {
      repeats->run(settings.repeat, settings.threads, observer);
      repeats->record(results);
      result.update(repeats->report());
    } else {
      BenchmarkSource source(results, table, report);
      loop->run(results, source, observer);
      result["results"] = loop->report(source);
    }
    return result;
  });
}

}  // namespace frontier
