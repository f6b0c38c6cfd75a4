#include "searchers/searcher.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"
#include "searchers/evolution.h"
#include "searchers/local.h"
#include "searchers/nsga2.h"
#include "searchers/random.h"
#include "searchers/shiftnas.h"

namespace frontier {
namespace {

struct NoOptions {};
template <class Fields>
void describe(Fields&, NoOptions&) {}

template <class Options>
Options options_of(const nlohmann::json& json) {
  Options options;
  if (!json.is_null()) read_options(json, "searcher", options);
  return options;
}

struct Entry {
  SearcherInfo info;
  std::unique_ptr<Searcher> (*make)(const SearchProblem&, const nlohmann::json&);
  nlohmann::json (*resolve)(const nlohmann::json&);
  std::vector<Setting> (*settings)();
};

template <class S, class Options>
Entry made(const char* name, const char* summary, bool asks_policy = false) {
  return {{name, summary, asks_policy},
          [](const SearchProblem& problem, const nlohmann::json& json) -> std::unique_ptr<Searcher> {
            const auto options = options_of<Options>(json);
            if constexpr (std::is_same_v<Options, NoOptions>) {
              return std::make_unique<S>(problem);
            } else {
              return std::make_unique<S>(problem, options);
            }
          },
          [](const nlohmann::json& json) { return write_options(options_of<Options>(json)); },
          [] { return list_options<Options>(""); }};
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
      made<RandomSearcher, NoOptions>("random", "uniform draws within the budget, none twice"),
      made<LocalSearch, NoOptions>("local", "best-first local search of one objective (White et al. 2021)"),
      made<Evolution, EvolutionOptions>("evolution", "regularized evolution of one objective (Real et al. 2019)"),
      made<Nsga2, Nsga2Options>("nsga2", "NSGA-II, several objectives at once (Deb et al. 2002)"),
      made<ShiftNasSearcher, ShiftNasSearcherOptions>(
          "shiftnas", "what the generator of a supernet trained with shiftnas gives for a cost (Zhang et al. 2023)",
          /*asks_policy=*/true),
  };
  return table;
}

const Entry& entry(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& candidate : entries()) {
    if (candidate.info.name == name) return candidate;
    names.push_back(candidate.info.name);
  }
  throw UsageError(unknown_name("searcher", name, names));
}

}  // namespace

bool may_be_proposed(const SearchProblem& problem, const Architecture& arch) {
  return problem.feasible->contains(arch) &&
         (problem.among == nullptr || std::binary_search(problem.among->begin(), problem.among->end(), arch));
}

std::vector<SearcherInfo> known_searchers() {
  std::vector<SearcherInfo> infos;
  for (const auto& known : entries()) infos.push_back(known.info);
  return infos;
}

std::unique_ptr<Searcher> make_searcher(std::string_view name, const SearchProblem& problem,
                                        const nlohmann::json& options) {
  return entry(name).make(problem, options);
}

nlohmann::json resolved_searcher_options(std::string_view name, const nlohmann::json& options) {
  return entry(name).resolve(options);
}

std::vector<Setting> searcher_settings(std::string_view name) { return entry(name).settings(); }

}  // namespace frontier
