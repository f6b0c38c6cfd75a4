#include "jobs/registries.h"

#include "common/text.h"
#include "jobs/evaluate.h"
#include "jobs/search.h"

namespace frontier {

Registries::Registries(std::function<void(Registries&)> more) : more_(std::move(more)) {
  jobs.add("search",
           [this](const nlohmann::json& settings, Observer& observer) { return search(settings, *this, observer); });
  jobs.add("evaluate",
           [this](const nlohmann::json& settings, Observer& observer) { return evaluate(settings, *this, observer); });
  setting_lists.add("search", [this] { return search_setting_list(*this); });
  evaluators.add("benchmark", {[](const nlohmann::json& settings, Observer&) { return look_up_in_benchmark(settings); },
                               [this](const nlohmann::json& settings, Observer& observer) {
                                 return search_benchmark(settings, *this, observer);
                               }});
  for (const SearcherInfo& info : known_searchers()) {
    const std::string name = info.name;
    searchers.add(name, {info.summary,
                         [name](const SearchProblem& problem, const nlohmann::json& options) {
                           return make_searcher(name, problem, options);
                         },
                         [name](const nlohmann::json& options) { return resolved_searcher_options(name, options); },
                         searcher_settings(name), info.asks_policy});
  }
}

template <class Entry>
const Entry& Registries::get(const NamedTable<Entry>& table, const char* what, std::string_view name) {
  const Entry* found = find(table, name);
  if (found == nullptr) throw UsageError(unknown_name(what, name, table.names()));
  return *found;
}

const Job& Registries::job(std::string_view name) { return get(jobs, "job", name); }
const EvaluatorJobs& Registries::evaluator(std::string_view name) { return get(evaluators, "evaluator", name); }
std::vector<Setting> Registries::setting_list(std::string_view command) {
  return get(setting_lists, "command with settings", command)();
}
const SearcherKind& Registries::searcher(std::string_view name) { return get(searchers, "searcher", name); }

nlohmann::ordered_json Registries::run(std::string_view name, const nlohmann::json& settings, Observer& observer) {
  return job(name)(settings, observer);
}

}  // namespace frontier
