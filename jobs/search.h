#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/options.h"
#include "db/store.h"
#include "jobs/registries.h"
#include "jobs/stored_benchmark.h"

namespace frontier {

/// What decides a search: what --config and --set of `frontier search` say.
struct SearchConfig {
  std::string evaluator = "supernet";
  std::string checkpoint;                         ///< supernet: the folder that train wrote
  nlohmann::json searcher = {{"name", "nsga2"}};  ///< a name, or an object with a name and the searcher's options
  nlohmann::json evaluation;  ///< supernet: replaces what the checkpoint was trained with; null: nothing
  std::string objectives;     ///< "top1:max,macs:min"; the first picks the best; empty: both for nsga2, else top1:max
  std::vector<std::int64_t> max_macs;  ///< budgets; empty: a single search without a limit
  std::int64_t max_params = 0;         ///< for all budgets; 0: no limit
  std::int64_t min_macs = 0;           ///< likewise
  std::int64_t min_params = 0;         ///< likewise
  std::int64_t budget = 600;           ///< subnets to evaluate, all budgets together
  std::int64_t generation = 0;         ///< evaluated together; 0: 32 for a supernet, 1 for a benchmark
  std::int64_t seed = 0;
  std::int64_t repeat = 1;  ///< benchmark: so many independent searches
  std::string space;        ///< benchmark: empty where only one has some
  TableChoice table;        ///< benchmark
  TableChoice report;       ///< benchmark: the table the best are looked up in
};

template <class Fields>
void describe(Fields& f, SearchConfig& s) {
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  f("evaluator", s.evaluator, "supernet, or benchmark (a table that import stored).");
  f("checkpoint", s.checkpoint, "Supernet: the folder that train wrote.");
  f("searcher", s.searcher, "What proposes the subnets.");
  f("evaluation", s.evaluation, "Supernet: replaces how the checkpoint's training evaluated.");
  f("objectives", s.objectives,
    "As top1:max,macs:min, the default of nsga2 (of others top1:max); the first picks the best.");
  f("max_macs", s.max_macs, "Budgets in multiply-accumulates, as [2000000,4000000]; empty: no limit.");
  f("max_params", s.max_params, 0, kMost, "Most parameters, for all budgets; 0: no limit.");
  f("min_macs", s.min_macs, 0, kMost, "Least multiply-accumulates, for all budgets.");
  f("min_params", s.min_params, 0, kMost, "Least parameters, for all budgets.");
  f("budget", s.budget, 1, 1'000'000'000, "Subnets to evaluate, all budgets together.");
  f("generation", s.generation, 0, 100'000, "Subnets evaluated together; 0: 32 of a supernet, 1 of a benchmark.");
  f("seed", s.seed, 0, std::int64_t{1} << 53, "Seed of the proposals.");
  f("repeat", s.repeat, 1, 10'000, "Benchmark: so many independent searches, with seeds from the seed on.");
  f("space", s.space, "Benchmark: its search space, where several have one.");
  f("table", s.table);
  f("report", s.report);
}

/// Settings of the job "search".
struct SearchSettings : SearchConfig, DeviceOptions {
  std::string db = "frontier.db";
  std::string name;           ///< of the run; may be empty
  bool resume = false;        ///< goes on with the last run of the same settings
  bool print_config = false;  ///< gives the resolved SearchConfig and does nothing else
  std::string searcher_name;  ///< from `searcher`
  nlohmann::json searcher_options = nlohmann::json::object();  ///< likewise
};

template <class Fields>
void describe(Fields& f, SearchSettings& s) {
  describe(f, static_cast<SearchConfig&>(s));
  f("db", s.db);
  f("name", s.name);
  f("resume", s.resume);
  f("print_config", s.print_config);
  describe(f, static_cast<DeviceOptions&>(s));
}

/// Reads the settings, with the objectives filled in. @throws UsageError for those that cannot be, and those without
/// effect on the evaluator.
SearchSettings read_search_settings(const nlohmann::json& settings);

/// The job "search": for every budget the best subnet, as `frontier search --json` prints it.
nlohmann::ordered_json search(const nlohmann::json& settings, Registries& registries, Observer& observer);
/// Its part for a recorded benchmark.
nlohmann::ordered_json search_benchmark(const nlohmann::json& settings, Registries& registries, Observer& observer);

/// The settings that decide a search, as they are stored with the run; equal settings on equal numbers are the same
/// search. Where its numbers come from is added by the caller.
nlohmann::json resolved_search(const SearchSettings& settings, const std::string& space, const SearcherKind& searcher,
                               std::int64_t default_generation);
/// What `frontier search --print-config` prints: the configuration that --config reads again, with all defaults filled
/// in.
/// @param resolved resolved_search().
nlohmann::json printed_config(const SearchSettings& settings, const nlohmann::json& resolved);
/// What there is to set of a search.
std::vector<Setting> search_setting_list(Registries& registries);
/// A new run, or with `resume` the latest of the same configuration.
std::int64_t begin_or_resume(Store& store, const SearchSettings& settings, const nlohmann::json& config,
                             Observer& observer);

}  // namespace frontier
