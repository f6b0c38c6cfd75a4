#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/options.h"
#include "db/store.h"
#include "jobs/registries.h"

namespace frontier {

/// Settings of the job "search".
struct SearchSettings : DeviceOptions {
  std::string evaluator = "supernet";
  std::string checkpoint;  ///< supernet: the folder that train wrote
  std::string db = "frontier.db";
  std::string name;  ///< of the run; may be empty
  std::string searcher = "nsga2";
  nlohmann::json searcher_options = nlohmann::json::object();
  nlohmann::json evaluation;  ///< supernet: replaces what the checkpoint was trained with; null: nothing
  std::string objectives;     ///< "top1:max,macs:min"; the first picks the best; empty: both for nsga2, else top1:max
  std::vector<std::int64_t> max_macs;  ///< budgets; empty: a single search without a limit
  std::int64_t max_params = 0;         ///< for all budgets; 0: no limit
  std::int64_t min_macs = 0;           ///< likewise
  std::int64_t min_params = 0;         ///< likewise
  std::int64_t budget = 600;           ///< subnets to evaluate, all budgets together
  std::int64_t generation = 0;         ///< evaluated together; 0: 32 for a supernet, 1 for a benchmark
  std::int64_t seed = 0;
  std::int64_t repeat = 1;                           ///< benchmark: so many independent searches
  bool resume = false;                               ///< goes on with the last run of the same settings
  std::string space;                                 ///< benchmark: empty where only one has some
  nlohmann::json table = nlohmann::json::object();   ///< benchmark: "dataset", "split", "fidelity", "seed"
  nlohmann::json report = nlohmann::json::object();  ///< benchmark: the table the best are looked up in, likewise
};

template <class Fields>
void describe(Fields& f, SearchSettings& s) {
  f("evaluator", s.evaluator);
  f("checkpoint", s.checkpoint);
  f("db", s.db);
  f("name", s.name);
  f("searcher", s.searcher);
  f("searcher_options", s.searcher_options);
  f("evaluation", s.evaluation);
  f("objectives", s.objectives);
  f("max_macs", s.max_macs);
  f("max_params", s.max_params, 0, std::int64_t{1} << 60);
  f("min_macs", s.min_macs, 0, std::int64_t{1} << 60);
  f("min_params", s.min_params, 0, std::int64_t{1} << 60);
  f("budget", s.budget, 1, 1'000'000'000);
  f("generation", s.generation, 0, 100'000);
  f("seed", s.seed, -(std::int64_t{1} << 53), std::int64_t{1} << 53);
  f("repeat", s.repeat, 1, 10'000);
  f("resume", s.resume);
  f("space", s.space);
  f("table", s.table);
  f("report", s.report);
  describe(f, static_cast<DeviceOptions&>(s));
}

/// Reads the settings, with the objectives filled in. @throws UsageError for those that cannot be.
SearchSettings read_search_settings(const nlohmann::json& settings);

/// The job "search": for every budget the best subnet, as `frontier search --json` prints it.
nlohmann::ordered_json search(const nlohmann::json& settings, Registries& registries, Observer& observer);
/// Its part for a recorded benchmark.
nlohmann::ordered_json search_benchmark(const nlohmann::json& settings, Registries& registries, Observer& observer);

/// The settings that decide a search, as they are stored with the run; equal settings on equal numbers are the same
/// search. Where its numbers come from is added by the caller.
nlohmann::json resolved_search(const SearchSettings& settings, const std::string& space, const SearcherKind& searcher,
                               std::int64_t default_generation);
/// A new run, or with `resume` the latest of the same configuration.
std::int64_t begin_or_resume(Store& store, const SearchSettings& settings, const nlohmann::json& config,
                             Observer& observer);

}  // namespace frontier
