#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/run_recorder.h"
#include "apps/space_options.h"
#include "apps/stored_evaluator.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/table.h"
#include "common/text.h"
#include "jobs/stored_benchmark.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

struct EvaluateOptions : CommonOptions, EngineOptions, ConfigOptions, ArchOptions {
  std::string evaluator = "supernet", checkpoint;
  std::optional<std::string> split, fidelity, dataset;
  std::string split_or_search() const { return split.value_or("search"); }
};

nlohmann::ordered_json item_of(const SearchSpace& space, const InputShape& input, const Architecture& arch,
                               const std::string& split, const Measurement& measured) {
  const Cost c = cost(space.build(arch, input));
  return {{"arch", space.to_string(arch)},
          {"canonical", space.to_string(arch)},
          {"space", space.name()},
          {"macs", c.macs},
          {"params", c.params},
          {"split", split},
          {"metrics", measured.metrics},
          {"seconds", measured.seconds}};
}

nlohmann::ordered_json with_supernet(const EvaluateOptions& options, Engine& engine) {
  if (options.checkpoint.empty())
    throw UsageError("--evaluator supernet needs --checkpoint, the folder that train wrote");
  nlohmann::json evaluation;
  const nlohmann::json config = options.config();
  for (const auto& [key, value] : config.items())
    if (key != "evaluation" && key != "space")
      throw UsageError("setting '" + key + "' has no effect on --evaluator supernet; only evaluation.* does");
  if (config.contains("evaluation")) evaluation = config["evaluation"];
  const auto session = engine.open(options.checkpoint, evaluation);
  if (options.space && *options.space != session->space())
    throw UsageError("the checkpoint is of space '" + session->space() + "', not '" + *options.space + "'");
  const auto space = make_space(session->space());
  const auto archs = options.ArchOptions::read(*space);
  const CostTable table = space->cost_table(session->input());
  Store store(options.db, Store::Mode::kReadWrite);
  const std::int64_t run = store.begin_run({.kind = "evaluate",
                                            .space = space->name(),
                                            .config = config.dump(),
                                            .version = FRONTIER_VERSION,
                                            .checkpoint = options.checkpoint});
  catch_interrupts();
  const auto job = [&]() -> nlohmann::ordered_json {
    StoredEvaluator evaluator(*session, *space, table, store, run, session->fingerprint());
    Progress progress("evaluate", static_cast<std::int64_t>(archs.size()), "subnets", options.quiet);
    const auto measured = evaluator.evaluate(options.split_or_search(), archs, [&](std::size_t done) {
      progress.update(static_cast<std::int64_t>(done), "");
    });
    progress.finish();
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < archs.size(); ++i)
      results.push_back(item_of(*space, session->input(), archs[i], options.split_or_search(), measured[i]));
    return {{"run", run}, {"evaluator", "supernet"}, {"results", results}};
  };
  return close_after(job, [&](RunState state, const std::string& message) { close_run(store, run, state, message); });
}

nlohmann::ordered_json from_scratch(const EvaluateOptions& options, Engine& engine) {
  const nlohmann::json config = options.config();
  if (!config.contains("space") || !config["space"].is_string()) throw UsageError("--evaluator scratch needs --space");
  const auto space = make_space(config["space"].get<std::string>());
  const auto archs = options.ArchOptions::read(*space);
  catch_interrupts();
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  std::int64_t run = 0;
  for (const auto& arch : archs) {
    RunRecorder recorder(options.db, {.kind = "evaluate", .name = ""}, options.quiet, "");
    recorder.guard([&] {
      const ScratchResult result = engine.train_from_scratch(config, arch, recorder);
      const Cost c = cost(space->build(arch, result.input));
      const std::string key = space->to_string(arch);
      const std::int64_t seed = result.config.value("seed", std::int64_t{0});
      std::vector<Evaluation> evaluations;
      for (const auto* split : {"search", "test"}) {
        const auto& [measured, how] = std::string_view(split) == "test" ? result.test : result.search;
        evaluations.push_back({.architecture = {.space = space->name(),
                                                .canonical = key,
                                                .built_for = to_string(result.input),
                                                .arch = key,
                                                .macs = c.macs,
                                                .params = c.params},
                               .protocol = {.evaluator = "scratch",
                                            .dataset = how.dataset,
                                            .split = split,
                                            .fidelity = how.fidelity,
                                            .calibration = how.calibration,
                                            .seed = seed},
                               .metrics = measured.metrics,
                               .seconds = measured.seconds,
                               .run = recorder.run()});
        results.push_back(item_of(*space, result.input, arch, split, measured));
      }
      recorder.store().record(evaluations);
      return 0;
    });
    run = recorder.run();
  }
  return {{"run", run}, {"evaluator", "scratch"}, {"results", results}};
}

/// What is stored of recorded benchmarks; measures and stores nothing.
void show_benchmark(const EvaluateOptions& options) {
  if (!options.checkpoint.empty()) throw UsageError("--checkpoint has no effect on --evaluator benchmark");
  const nlohmann::json config = options.config();
  for (const auto& [key, value] : config.items())
    if (key != "space" && key != "seed")
      throw UsageError("setting '" + printable(key) + "' has no effect on --evaluator benchmark");
  const Store store(options.db, Store::Mode::kReadOnly);
  const auto tables = matching(benchmark_tables(store, options.space),
                               {options.dataset, options.split, options.fidelity, options.seed}, "--");
  const auto space = make_space(tables.front().space);
  const auto archs = options.ArchOptions::read(*space);
  std::vector<std::string> keys;
  for (const auto& arch : archs) keys.push_back(space->to_string(arch));
  std::vector<std::vector<Result>> found(archs.size());
  for (const auto& table : tables) {
    auto stored = store.find_many(table.space, table.built_for, keys, table.protocol);
    for (std::size_t i = 0; i < archs.size(); ++i)
      if (stored[i]) found[i].push_back(std::move(*stored[i]));
  }
  nlohmann::ordered_json document = {{"evaluator", "benchmark"}, {"results", nlohmann::ordered_json::array()}};
  Table text({{"metric"}, {"value", Align::kRight}, {"measured"}, {"architecture"}});
  for (std::size_t i = 0; i < archs.size(); ++i) {
    if (found[i].empty()) {
      std::int64_t most = 0;
      for (const auto& table : tables) most = std::max(most, table.num_results);
      throw UsageError("the benchmark has no value for " + keys[i] + "; it holds " + std::to_string(most) +
                       " architectures of '" + space->name() + "'");
    }
    for (const Result& result : found[i]) {
      document["results"].push_back(to_json(result));
      for (const auto& [name, value] : result.metrics)
        text.add({name, readable(name, value), in_words(result.protocol), result.architecture.arch});
      if (result.seconds > 0)
        text.add({"training", format_seconds(result.seconds), in_words(result.protocol), result.architecture.arch});
    }
  }
  if (options.json) return print_json(document);
  print(text.text());
}

void run_evaluate(const EvaluateOptions& options) {
  if (options.evaluator == "benchmark") return show_benchmark(options);
  const std::string split = options.split_or_search();
  if (split != "search" && split != "test")
    throw UsageError("--split '" + printable(split) + "': write search or test");
  if (options.evaluator != "supernet" && options.evaluator != "scratch")
    throw UsageError(
        unknown_name("evaluator", options.evaluator, std::vector<std::string>{"supernet", "scratch", "benchmark"}));
  if (options.dataset || options.fidelity)
    throw UsageError("--dataset and --fidelity have no effect on --evaluator " + options.evaluator);
  const auto engine = load_engine(options);
  const auto document =
      options.evaluator == "supernet" ? with_supernet(options, *engine) : from_scratch(options, *engine);
  if (options.json) return print_json(document);
  Table table({{"MACs", Align::kRight},
               {"parameters", Align::kRight},
               {"split"},
               {"top1", Align::kRight},
               {"loss", Align::kRight},
               {"seconds", Align::kRight},
               {"architecture"}});
  for (const auto& item : document["results"])
    table.add({format_count(item["macs"].get<double>()), format_count(item["params"].get<double>()),
               item["split"].get<std::string>(), readable("top1", item["metrics"]["top1"].get<double>()),
               readable("loss", item["metrics"]["loss"].get<double>()),
               readable("seconds", item["seconds"].get<double>()), item["arch"].get<std::string>()});
  print(table.text());
}

}  // namespace

void add_evaluate_command(CLI::App& app) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand(
      "evaluate",
      "Measure architectures with inherited weights or trained from scratch, or look them up in a benchmark");
  add_common_options(*command, *options);
  add_engine_options(*command, *options);
  add_config_options(*command, *options);
  add_arch_options(*command, *options);
  command
      ->add_option("--evaluator", options->evaluator,
                   "supernet (inherited weights), scratch, or benchmark (a stored table)")
      ->capture_default_str();
  command->add_option("--checkpoint", options->checkpoint, "supernet: the folder that train wrote");
  command->add_option("--split", options->split,
                      "supernet: search (default) or test; benchmark: only numbers of this split");
  command->add_option("--dataset", options->dataset, "benchmark: only numbers on this data set");
  command->add_option("--fidelity", options->fidelity, "benchmark: only numbers of this fidelity, e.g. '12 epochs'");
  command->callback([options] { run_evaluate(*options); });
}

}  // namespace frontier
