#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/space_options.h"
#include "common/errors.h"
#include "common/table.h"
#include "common/text.h"
#include "db/store.h"

namespace frontier {
namespace {

struct EvaluateOptions : CommonOptions, DeviceOptions, ConfigOptions, ArchOptions {
  std::string evaluator = "supernet", checkpoint, out;
  std::optional<std::string> split, fidelity, dataset;
  bool resume = false, overwrite = false;
};

nlohmann::json settings_of(const EvaluateOptions& options) {
  nlohmann::json settings = {{"evaluator", options.evaluator},
                             {"db", options.db},
                             {"archs", options.archs},
                             {"archs_file", options.ArchOptions::file},
                             {"checkpoint", options.checkpoint},
                             {"config", options.config()},
                             {"out", options.out},
                             {"existing", existing_checkpoint(options.resume, options.overwrite)},
                             {"print_config", options.print_config},
                             {"threads", num_threads(options)},
                             {"device", options.device}};
  if (options.evaluator == "benchmark") {
    const auto set = [&](const char* key, const auto& value) {
      if (value) settings["table"][key] = *value;
    };
    set("dataset", options.dataset);
    set("split", options.split);
    set("fidelity", options.fidelity);
    set("seed", options.seed);
    return settings;
  }
  if (options.split && *options.split != "search" && *options.split != "test")
    throw UsageError("--split '" + printable(*options.split) + "': write search or test");
  if (options.dataset || options.fidelity)
    throw UsageError("--dataset and --fidelity have no effect on --evaluator " + options.evaluator);
  if (options.split) settings["split"] = *options.split;
  return settings;
}

/// The words of a stored result's protocol.
std::string how_measured(const nlohmann::ordered_json& item) {
  return in_words({.evaluator = item["evaluator"].get<std::string>(),
                   .dataset = item["dataset"].get<std::string>(),
                   .split = item["split"].get<std::string>(),
                   .fidelity = item["fidelity"].get<std::string>(),
                   .seed = item["seed"].get<std::int64_t>(),
                   .recipe = item["recipe"].get<std::string>()});
}

std::string stored_text(const nlohmann::ordered_json& document) {
  Table table({{"metric"}, {"value", Align::kRight}, {"measured"}, {"architecture"}});
  for (const auto& item : document["results"]) {
    const std::string how = how_measured(item), arch = item["arch"].get<std::string>();
    for (const auto& [name, value] : item["metrics"].items()) table.add({name, readable_metric(item, name), how, arch});
    const double seconds = item["seconds"].get<double>();
    if (seconds > 0) table.add({"training", format_seconds(seconds), how, arch});
  }
  return table.text();
}

std::string measured_text(const nlohmann::ordered_json& document) {
  Table table({{"MACs", Align::kRight},
               {"parameters", Align::kRight},
               {"split"},
               {"top1", Align::kRight},
               {"loss", Align::kRight},
               {"time", Align::kRight},
               {"architecture"}});
  for (const auto& item : document["results"])
    table.add({format_count(item["macs"].get<double>()), format_count(item["params"].get<double>()),
               item["split"].get<std::string>(), readable_metric(item, "top1"), readable_metric(item, "loss"),
               readable("seconds", item["seconds"].get<double>()), item["arch"].get<std::string>()});
  return table.text();
}

void run_evaluate(EvaluateOptions options) {
  require_new(options.print_config, options.resume);
  ProgressObserver observer(options.quiet, [&](const auto& document) {
    if (options.json || options.print_config) return print_json(document);
    print(options.evaluator == "benchmark" ? stored_text(document) : measured_text(document));
  });
  if (options.resume) options.threads = resumed_threads(options.threads, options.out, observer);
  Registries registries = program_registries(options);
  observer.finish(registries.run("evaluate", settings_of(options), observer));
}

}  // namespace

void add_evaluate_command(CLI::App& app) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand(
      "evaluate",
      "Measure architectures with inherited weights or trained from scratch, or look them up in a benchmark");
  add_common_options(*command, *options);
  add_device_options(*command, *options);
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
  command->add_option("--out", options->out, "scratch: checkpoint folder; of several architectures a folder in it each")
      ->check(not_empty());
  command->add_flag("--resume", options->resume, "scratch: go on from the checkpoint in --out, where there is one");
  command->add_flag("--overwrite", options->overwrite, "scratch: start anew where --out holds a checkpoint");
  command->callback([options] { run_evaluate(*options); });
}

}  // namespace frontier
