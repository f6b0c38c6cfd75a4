#include <filesystem>
#include <memory>
#include <optional>

#include "apps/command.h"
#include "apps/compare_text.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "common/errors.h"
#include "common/text.h"
#include "jobs/comparison.h"

namespace frontier {
namespace {

struct CompareOptions : CommonOptions, DeviceOptions {
  std::string config_file, name;
  std::vector<std::string> assignments;
  TrainingOptions training;
  std::optional<std::string> samplers, seeds, budget, split, out;
  std::optional<std::int64_t> bins, per_bin, own;
  bool resume = false, dry_run = false, print_config = false;
};

/// "3" is how many; "0,5,7" which.
nlohmann::json seeds_of(const std::string& text) {
  const auto parts = split(text, ',');
  if (parts.size() == 1) return parse_integer(text, "--seeds");
  nlohmann::json seeds = nlohmann::json::array();
  for (const std::string& part : parts) seeds.push_back(parse_integer(trim(part), "--seeds"));
  return seeds;
}

nlohmann::json arms_of(const std::string& samplers) {
  nlohmann::json arms = nlohmann::json::array();
  for (const std::string& part : split(samplers, ',')) {
    const std::string name(trim(part));
    arms.push_back({{"name", name}, {"sampler", {{"name", name}}}});
  }
  return arms;
}

/// CompareConfig: --config, then --set, then the named options.
nlohmann::json config_of(const CompareOptions& options) {
  nlohmann::json config = settings_of_file(options.config_file, options.assignments);
  const auto set = [&](const char* key, const auto& value) {
    if (value) config[key] = *value;
  };
  nlohmann::json training = config.value("config", nlohmann::json::object());
  if (!training.is_object())
    throw UsageError("compare.config must be a JSON object, not " + printable(training.dump()));
  options.training.apply(training);
  if (!training.empty()) config["config"] = training;
  if (options.samplers) config["arms"] = arms_of(*options.samplers);
  if (options.seeds) config["seeds"] = seeds_of(*options.seeds);
  set("budget", options.budget);
  set("split", options.split);
  set("bins", options.bins);
  set("per_bin", options.per_bin);
  set("own", options.own);
  require_utf8(config);
  return config;
}

void run_compare(CompareOptions options) {
  require_new(options.print_config, options.resume);
  nlohmann::json settings = config_of(options);
  ProgressObserver observer(options.quiet, [&](const auto& document) {
    if (options.json || options.print_config) return print_json(document);
    print(document.contains("parts") ? left_text(document) : comparison_text(document));
  });
  const std::string out = options.out.value_or("");
  if (options.resume)
    options.threads =
        resumed_threads(options.threads, "comparison", std::filesystem::path(out) / kComparisonFile, observer);
  settings.update({{"db", options.db},
                   {"name", options.name},
                   {"out", out},
                   {"resume", options.resume},
                   {"dry_run", options.dry_run},
                   {"print_config", options.print_config},
                   {"threads", num_threads(options)},
                   {"device", options.device}});
  Registries registries = program_registries(options);
  observer.finish(registries.run("compare", settings, observer));
}

}  // namespace

void add_compare_command(CLI::App& app) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      app.add_subcommand("compare", "Train with several samplers under the same budget, and say which is ahead");
  add_common_options(*command, *options);
  add_device_options(*command, *options);
  add_training_options(*command, options->training);
  command
      ->add_option("--samplers", options->samplers,
                   "What is compared, the first with all others, e.g. uniform,cost_bins: any of " + join(kSamplerNames))
      ->check(not_empty());
  command->add_option("--seeds", options->seeds, "How many trainings an arm, or which seeds: 0,5,7")
      ->check(not_empty())
      ->default_str("3");
  command
      ->add_option("--budget", options->budget,
                   "What is the same for all: steps, cost (images times multiply-accumulates), or both")
      ->default_str("both");
  command->add_option("--bins", options->bins, "Bins of cost")->check(whole_number())->default_str("8");
  command->add_option("--per-bin", options->per_bin, "Subnets of each bin that are measured")
      ->check(whole_number())
      ->default_str("5");
  command
      ->add_option("--own", options->own,
                   "So many of them are trained from scratch, too, for Kendall's tau of inherited accuracies")
      ->check(whole_number())
      ->default_str("0");
  command->add_option("--split", options->split, "Images that they are measured on: test or search")
      ->default_str("test");
  command->add_option("--out", options->out, "Folder of the comparison, with a checkpoint folder a training (required)")
      ->check(not_empty());
  command->add_option("--name", options->name, "A name for the run");
  command->add_option("--config", options->config_file,
                      "Settings as JSON (frontier settings compare); - is standard input");
  command
      ->add_option("--set", options->assignments,
                   "One setting, e.g. config.trainer.lr=0.1; may be repeated (frontier settings compare lists all)")
      ->take_all();
  add_print_config(*command, options->print_config);
  command->add_flag("--resume", options->resume,
                    "Go on with the comparison in --out, where there is one; several processes share it");
  command->add_flag("--dry-run", options->dry_run, "Show what is done and what is left, with its cost; write nothing");
  command->callback([options] { run_compare(*options); });
}

}  // namespace frontier
