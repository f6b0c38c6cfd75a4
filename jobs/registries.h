#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/settings.h"
#include "jobs/device.h"
#include "jobs/observer.h"
#include "searchers/searcher.h"

namespace frontier {

/// What a command does: settings in, a document out. Settings are strict: unknown keys are refused.
using Job = std::function<nlohmann::ordered_json(const nlohmann::json& settings, Observer& observer)>;

/// What an evaluator is good for.
struct EvaluatorJobs {
  Job evaluate;                        ///< settings: jobs/evaluate.h
  Job search = {};                     ///< settings: jobs/search.h; empty where it cannot be searched with
  std::vector<Setting> settings = {};  ///< what there is to set of its evaluations: "evaluation.images", ...
};

struct SearcherKind {
  std::string summary;  ///< one line
  std::function<std::unique_ptr<Searcher>(const SearchProblem&, const nlohmann::json& options)> make;
  /// With all defaults filled in. @throws UsageError for an option that is unknown or out of range.
  std::function<nlohmann::json(const nlohmann::json& options)> resolved_options;
  std::vector<Setting> settings = {};  ///< what the options are
  bool asks_policy = false;            ///< searches only what has a SearchProblem::policy
};

/// What there is to set of a command, from the descriptions that read it.
using SettingList = std::function<std::vector<Setting>()>;

/// Entries by name, in the order they were added.
template <class Entry>
class NamedTable {
 public:
  /// @throws Error for a name that is taken.
  void add(const std::string& name, Entry entry) {
    if (!entries_.emplace(name, std::move(entry)).second) throw Error("'" + name + "' is registered twice");
    names_.push_back(name);
  }
  /// Null where there is none.
  const Entry* find(std::string_view name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> names_;
};

/// Everything that is known by name. What needs no tensors is there from the start; `more` adds the rest, e.g. by
/// opening the library that needs LibTorch, when a name is not known without it. Not thread-safe.
class Registries {
 public:
  explicit Registries(std::function<void(Registries&)> more = {});
  Registries(const Registries&) = delete;
  Registries& operator=(const Registries&) = delete;

  NamedTable<Job> jobs;
  NamedTable<EvaluatorJobs> evaluators;
  NamedTable<SearcherKind> searchers;
  NamedTable<SettingList> setting_lists;  ///< by command

  /// @throws UsageError listing the known names.
  const Job& job(std::string_view name);
  const EvaluatorJobs& evaluator(std::string_view name);
  const SearcherKind& searcher(std::string_view name);
  std::vector<Setting> setting_list(std::string_view command);
  /// Null where there is none.
  const EvaluatorJobs* find_evaluator(std::string_view name) { return find(evaluators, name); }

  /// Does the job of this name.
  nlohmann::ordered_json run(std::string_view name, const nlohmann::json& settings, Observer& observer);

 private:
  template <class Entry>
  const Entry* find(const NamedTable<Entry>& table, std::string_view name) {
    const Entry* found = table.find(name);
    if (found != nullptr || !more_) return found;
    const auto more = std::exchange(more_, nullptr);
    more(*this);
    return table.find(name);
  }
  template <class Entry>
  const Entry& get(const NamedTable<Entry>& table, const char* what, std::string_view name);

  std::function<void(Registries&)> more_;
};

/// Opens the library that needs LibTorch (beside the program, or $FRONTIER_ENGINE) and lets it fill the registries:
/// jobs data, train, compare, torch, export, check and predict, evaluators supernet and scratch, and the settings of
/// them. Before it does, OpenMP's threads are bound as `options` say.
/// @throws Error if it or LibTorch cannot be loaded.
void open_torch_library(Registries& registries, const DeviceOptions& options);

/// What that library exports, as "frontier_register".
using RegisterLibrary = void(Registries& registries);

}  // namespace frontier
