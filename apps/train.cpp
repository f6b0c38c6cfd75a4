#include <algorithm>
#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "common/errors.h"
#include "common/statistics.h"
#include "common/text.h"

namespace frontier {
namespace {

struct TrainOptions : CommonOptions, ConfigOptions, DeviceOptions {
  std::optional<std::string> out;
  std::string name;
  bool resume = false, overwrite = false;
  std::int64_t extend = 0;
};

/// "37: cat, dog, ...".
std::string classes_text(const nlohmann::ordered_json& names) {
  constexpr std::size_t kNamed = 12;
  std::vector<std::string> named;
  for (std::size_t i = 0; i < std::min(kNamed, names.size()); ++i)
    named.push_back(printable(names[i].get<std::string>()));
  return std::to_string(names.size()) + ": " + join(named) + (names.size() > kNamed ? ", ..." : "");
}

std::string trained_text(const nlohmann::ordered_json& document, const std::string& out) {
  std::string text = "run " + std::to_string(document["run"].get<std::int64_t>()) + ", checkpoint " + out + ", " +
                     std::to_string(document["steps"].get<std::int64_t>()) + " steps in " +
                     format_seconds(document["seconds"].get<double>()) + "\n";
  for (const auto& [name, value] : document["metrics"].items()) {
    if (name == kImagesMetric) {
      text += "  measured on " + readable(name, value.get<double>()) + " images\n";
      continue;
    }
    const auto& errors = document["standard_errors"];
    text += "  " + name + "  " +
            readable(name.starts_with("top1") ? "top1" : name, value.get<double>(),
                     errors.contains(name) ? std::optional(errors[name].get<double>()) : std::nullopt) +
            "\n";
  }
  text += "  classes  " + classes_text(document["classes"]) + ", from images of " +
          document["input"].get<std::string>() + "\n";
  if (document.contains("derived")) text += "  derived  " + document["derived"].get<std::string>() + "\n";
  return text;
}

void run_train(TrainOptions options) {
  if (options.extend > 0 && options.overwrite) throw UsageError("give --extend or --overwrite, not both");
  options.resume |= options.extend > 0;
  require_new(options.print_config, options.resume);
  if (!options.out && !options.print_config)
    throw UsageError("--out is required: the folder of the checkpoint, e.g. --out supernet");
  const std::string out = options.out.value_or("");
  ProgressObserver observer(options.quiet, [&](const auto& document) {
    if (options.json || options.print_config) return print_json(document);
    print(trained_text(document, out));
  });
  if (options.resume) options.threads = resumed_threads(options.threads, out, observer);
  const nlohmann::json settings = {{"db", options.db},
                                   {"name", options.name},
                                   {"out", out},
                                   {"existing", existing_checkpoint(options.resume, options.overwrite)},
                                   {"extend", options.extend},
                                   {"config", options.config()},
                                   {"threads", num_threads(options)},
                                   {"print_config", options.print_config},
                                   {"device", options.device}};
  Registries registries = program_registries(options);
  observer.finish(registries.run("train", settings, observer));
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "Train a supernet into a checkpoint folder");
  add_common_options(*command, *options);
  add_config_options(*command, *options);
  add_device_options(*command, *options);
  command->add_option("--out", options->out, "Checkpoint folder (required)");
  command->add_option("--name", options->name, "A name for the run");
  command->add_flag("--resume", options->resume,
                    "Go on from the checkpoint in --out, with its settings, where there is one");
  command
      ->add_option(
          "--extend", options->extend,
          "Go on for so many epochs with the finished training in --out, its schedules stretched over all of it")
      ->check(whole_number(1, 1'000'000'000));
  command->add_flag("--overwrite", options->overwrite, "Start anew where --out holds a checkpoint");
  command->callback([options] { run_train(*options); });
}

}  // namespace frontier
