#include <filesystem>
#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "common/errors.h"
#include "common/table.h"
#include "common/text.h"

namespace frontier {
namespace {

struct PruneOptions : CommonOptions, ConfigOptions, DeviceOptions {
  std::string out, unpruned, target;
  bool resume = false, overwrite = false;
};

std::string percent(double share, int digits, bool with_sign = false) {
  char text[32];
  std::snprintf(text, sizeof text, with_sign ? "%+.*f" : "%.*f", digits, 100 * share);
  return text;
}

std::string pruned_text(const nlohmann::ordered_json& document) {
  Table table({{"network"},
               {"MACs", Align::kRight},
               {"parameters", Align::kRight},
               {"split"},
               {"top1", Align::kRight},
               {"loss", Align::kRight}});
  for (const auto& item : document["results"])
    table.add({item["network"].get<std::string>(), format_count(item["macs"].get<double>()),
               format_count(item["params"].get<double>()), item["split"].get<std::string>(),
               readable_metric(item, "top1"), readable_metric(item, "loss")});
  std::string text = table.text() + "kept " + percent(document["macs_kept"].get<double>(), 1) + " % of the MACs (" +
                     (document["in_band"].get<bool>() ? "within" : "outside of") + " " +
                     format_count(document["band"][0].get<double>()) + " to " +
                     format_count(document["band"][1].get<double>()) + ")";
  for (const auto& [split, change] : document["top1_change"].items())
    text += ", " + split + " accuracy " + percent(change.get<double>(), 2, true) + " points";
  return text + "\nderived  " + document["derived"].get<std::string>() + "\ncheckpoint  " +
         document["checkpoint"].get<std::string>() + "\n";
}

/// The checkpoint of the last stage that has begun.
std::string last_checkpoint(const std::string& out) {
  for (const char* stage : {"pruned", "search", "unpruned"})
    if (const auto folder = std::filesystem::path(out) / stage; std::filesystem::exists(folder / "run.json"))
      return folder.string();
  return out;
}

void run_prune(PruneOptions options) {
  require_new(options.print_config, options.resume);
  if (options.out.empty() && !options.print_config)
    throw UsageError("--out is required: a folder for the three trainings, e.g. --out pruned");
  ProgressObserver observer(options.quiet, [&](const auto& document) {
    if (options.json || options.print_config) return print_json(document);
    print(pruned_text(document));
  });
  if (options.resume) options.threads = resumed_threads(options.threads, last_checkpoint(options.out), observer);
  const nlohmann::json settings = {{"db", options.db},
                                   {"out", options.out},
                                   {"existing", existing_checkpoint(options.resume, options.overwrite)},
                                   {"unpruned", options.unpruned},
                                   {"target", options.target},
                                   {"config", options.config()},
                                   {"print_config", options.print_config},
                                   {"threads", num_threads(options)},
                                   {"device", options.device}};
  Registries registries = program_registries(options);
  observer.finish(registries.run("prune", settings, observer));
}

}  // namespace

void add_prune_command(CLI::App& app) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App* command = app.add_subcommand(
      "prune", "Find how wide and deep a network need be, and train that one, taught by the whole one (TAS)");
  add_common_options(*command, *options);
  add_config_options(*command, *options);
  add_device_options(*command, *options);
  command->add_option(
      "--unpruned", options->unpruned,
      "Checkpoint folder of the trained network (default: it is trained first, with the same settings)");
  command->add_option(
      "--target", options->target,
      "Share of its multiply-accumulates to keep, e.g. 0.4, or a number of them, e.g. 20M (default 0.5)");
  command->add_option("--out", options->out, "Folder for the three trainings (required)");
  command->add_flag("--resume", options->resume, "Go on with the pruning in --out, with its settings");
  command->add_flag("--overwrite", options->overwrite, "Start anew where --out holds a pruning");
  command->callback([options] { run_prune(*options); });
}

}  // namespace frontier
