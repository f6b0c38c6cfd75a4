#include "jobs/evaluate.h"

#include <algorithm>

#include "common/errors.h"
#include "common/statistics.h"
#include "common/text.h"
#include "jobs/archs.h"
#include "jobs/run_recorder.h"
#include "jobs/run_results.h"
#include "jobs/stored_benchmark.h"
#include "jobs/stored_evaluator.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

EvaluateSettings read_settings(const nlohmann::json& json) {
  EvaluateSettings settings;
  read_options(json, "evaluate", settings);
  if (!settings.config.is_object())
    throw UsageError("evaluate.config must be a JSON object, not " + printable(settings.config.dump()));
  return settings;
}

void allow_config(const nlohmann::json& config, const std::string& evaluator, const std::vector<std::string>& allowed,
                  const std::string& remark = "") {
  for (const auto& [key, value] : config.items())
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end())
      throw UsageError("setting '" + printable(key) + "' has no effect on --evaluator " + evaluator + remark);
}

std::optional<std::string> space_of(const nlohmann::json& config) {
  if (!config.contains("space")) return std::nullopt;
  return space_name(config["space"]);
}

}  // namespace

std::vector<Setting> evaluate_setting_list(const std::vector<Setting>& training) {
  const auto has = [](const std::vector<std::string>& parts, const Setting& setting) {
    return std::find(parts.begin(), parts.end(), setting.name.substr(0, setting.name.find('.'))) != parts.end();
  };
  std::vector<Setting> all;
  for (Setting setting : training) {
    if (has({"sampler"}, setting)) continue;
    if (setting.only_with.empty()) {  // else it is there where the setting is that it hangs on
      setting.only_with = "--evaluator";
      setting.values = {"scratch"};
      if (has(kSupernetConfig, setting)) setting.values.push_back("supernet");
      if (has(kBenchmarkConfig, setting)) setting.values.push_back("benchmark");
    }
    all.push_back(std::move(setting));
  }
  return all;
}

nlohmann::ordered_json evaluate(const nlohmann::json& settings, Registries& registries, Observer& observer) {
  return registries.evaluator(read_settings(settings).evaluator).evaluate(settings, observer);
}

nlohmann::ordered_json measured_item(const SearchSpace& space, const InputShape& input, const Architecture& arch,
                                     const std::string& split, const Measurement& measured) {
  const Cost c = cost(space.build(arch, input));
  return {{"arch", space.to_string(arch)},
          {"canonical", space.to_string(arch)},
          {"space", space.name()},
          {"macs", c.macs},
          {"params", c.params},
          {"split", split},
          {"metrics", measured.metrics},
          {"standard_errors", standard_errors(measured.metrics)},
          {"seconds", measured.seconds}};
}

nlohmann::ordered_json evaluate_session(const nlohmann::json& json, const OpenSession& open, Observer& observer) {
  const EvaluateSettings settings = read_settings(json);
  if (settings.checkpoint.empty())
    throw UsageError("--evaluator supernet needs --checkpoint, the folder that train wrote");
  if (!settings.out.empty()) throw UsageError("--out has no effect on --evaluator supernet");
  allow_config(settings.config, "supernet", kSupernetConfig, "; only evaluation.* does");
  const auto session = open(settings.checkpoint, settings.config.value("evaluation", nlohmann::json()), settings);
  const auto wanted = space_of(settings.config);
  if (wanted && *wanted != session->space())
    throw UsageError("the checkpoint is of space '" + session->space() + "', not '" + *wanted + "'");
  const auto space = make_space(session->space());
  const auto archs = read_archs(*space, settings.archs, settings.archs_file);
  if (settings.print_config) return {{"space", space->name()}, {"evaluation", session->evaluation()}};
  const CostTable table = space->cost_table(session->input());
  Store store(settings.db, Store::Mode::kReadWrite);
  const std::int64_t run = store.begin_run({.kind = "evaluate",
                                            .space = space->name(),
                                            .config = settings.config.dump(),
                                            .version = version(),
                                            .checkpoint = settings.checkpoint});
  RunResults found(store, run, observer);
  const auto job = [&]() -> nlohmann::ordered_json {
    StoredEvaluator evaluator(*session, *space, table, found, observer);
    observer.begin("evaluate", 0, static_cast<std::int64_t>(archs.size()), "subnets");
    const auto measured = evaluator.evaluate(
        settings.split, archs, [&](std::size_t done) { observer.progress(static_cast<std::int64_t>(done), ""); });
    observer.end();
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < archs.size(); ++i)
      results.push_back(measured_item(*space, session->input(), archs[i], settings.split, measured[i]));
    return {{"run", run}, {"evaluator", "supernet"}, {"results", results}};
  };
  auto document = found.guard(job);
  found.finish(document);
  return document;
}

nlohmann::ordered_json look_up_in_benchmark(const nlohmann::json& json) {
  const EvaluateSettings settings = read_settings(json);
  if (!settings.checkpoint.empty()) throw UsageError("--checkpoint has no effect on --evaluator benchmark");
  if (!settings.out.empty()) throw UsageError("--out has no effect on --evaluator benchmark");
  allow_config(settings.config, "benchmark", kBenchmarkConfig);
  const Store store(settings.db, Store::Mode::kReadOnly);
  const auto tables = matching(benchmark_tables(store, space_of(settings.config)), settings.table, "--");
  const auto space = make_space(tables.front().space);
  const auto archs = read_archs(*space, settings.archs, settings.archs_file);
  if (settings.print_config) {
    nlohmann::ordered_json config = settings.config;
    config["space"] = space->name();
    return config;
  }
  std::vector<std::string> keys;
  for (const auto& arch : archs) keys.push_back(space->to_string(arch));
  std::vector<std::vector<Result>> found(archs.size());
  std::int64_t most = 0;
  for (const auto& table : tables) {
    most = std::max(most, table.num_results);
    auto stored = store.find_many(table.space, table.built_for, keys, table.protocol);
    for (std::size_t i = 0; i < archs.size(); ++i)
      if (stored[i]) found[i].push_back(std::move(*stored[i]));
  }
  nlohmann::ordered_json document = {{"evaluator", "benchmark"}, {"results", nlohmann::ordered_json::array()}};
  for (std::size_t i = 0; i < archs.size(); ++i) {
    if (found[i].empty())
      throw UsageError("the benchmark has no value for " + keys[i] + "; it holds " + std::to_string(most) +
                       " architectures of '" + space->name() + "'");
    for (const Result& result : found[i]) document["results"].push_back(to_json(result));
  }
  return document;
}

}  // namespace frontier
