#include "searchers/searcher.h"

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"
#include "searchers/evolution.h"
#include "searchers/local.h"
#include "searchers/nsga2.h"
#include "searchers/random.h"

namespace frontier {
namespace {

struct NoOptions {};
template <class Fields>
void describe(Fields&, NoOptions&) {}

template <class Options>
Options options_of(const char* name, const nlohmann::json& json) {
  Options options;
  if (!json.is_null()) read_options(json, name, options);
  return options;
}

struct Entry {
  SearcherInfo info;
  std::unique_ptr<Searcher> (*make)(const SearchProblem&, const nlohmann::json&);
  nlohmann::json (*resolve)(const nlohmann::json&);
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
      {{"random", "uniform draws within the budget, none twice"},
       [](const SearchProblem& problem, const nlohmann::json& json) -> std::unique_ptr<Searcher> {
         options_of<NoOptions>("random", json);
         return std::make_unique<RandomSearcher>(problem);
       },
       [](const nlohmann::json& json) { return write_options(options_of<NoOptions>("random", json)); }},
      {{"local", "best-first local search of one objective (White et al. 2021)"},
       [](const SearchProblem& problem, const nlohmann::json& json) -> std::unique_ptr<Searcher> {
         options_of<NoOptions>("local", json);
         return std::make_unique<LocalSearch>(problem);
       },
       [](const nlohmann::json& json) { return write_options(options_of<NoOptions>("local", json)); }},
      {{"evolution", "regularized evolution of one objective (Real et al. 2019)"},
       [](const SearchProblem& problem, const nlohmann::json& json) -> std::unique_ptr<Searcher> {
         return std::make_unique<Evolution>(problem, options_of<EvolutionOptions>("evolution", json));
       },
       [](const nlohmann::json& json) { return write_options(options_of<EvolutionOptions>("evolution", json)); }},
      {{"nsga2", "NSGA-II, several objectives at once (Deb et al. 2002)"},
       [](const SearchProblem& problem, const nlohmann::json& json) -> std::unique_ptr<Searcher> {
         return std::make_unique<Nsga2>(problem, options_of<Nsga2Options>("nsga2", json));
       },
       [](const nlohmann::json& json) { return write_options(options_of<Nsga2Options>("nsga2", json)); }},
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

}  // namespace frontier
