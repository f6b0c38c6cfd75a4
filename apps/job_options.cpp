#include "apps/job_options.h"

#include <algorithm>

#include "apps/command.h"
#include "common/data_file.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {

nlohmann::json settings_of_file(const std::string& file, const std::vector<std::string>& assignments) {
  nlohmann::json config = nlohmann::json::object();
  if (!file.empty()) {
    config = parse_json(read_input(file), name_of_input(file));
    if (config.is_object() && config.contains("format") && config.contains("config"))
      config = nlohmann::json(config["config"]);  // a checkpoint's run.json
    if (!config.is_object()) throw UsageError(name_of_input(file) + " must hold a JSON object");
  }
  for (const auto& assignment : assignments) set_option(config, assignment);
  return config;
}

namespace {

/// Sets `config[pointer]` where there is a value.
template <class Value>
void set(nlohmann::json& config, const char* pointer, const std::optional<Value>& value) {
  if (!value) return;
  const nlohmann::json::json_pointer place(pointer);
  const auto parent = place.parent_pointer();
  if (!parent.empty() && config.contains(parent) && !config[parent].is_object())
    throw UsageError("setting '" + parent.back() + "' must be an object");
  config[place] = *value;
}

}  // namespace

void TrainingOptions::apply(nlohmann::json& config) const {
  set(config, "/space", space);
  set(config, "/data/name", data);
  set(config, "/data/path", data_path);
  set(config, "/loader/batch_size", batch_size);
  set(config, "/trainer/lr", lr);
  set(config, "/epochs", epochs);
  if (!steps) return;
  if (epochs) throw UsageError("give --epochs or --steps, not both");
  config["epochs"] = 0;
  set(config, "/trainer/steps", steps);
}

nlohmann::json ConfigOptions::config() const {
  nlohmann::json config = settings_of_file(file, assignments);
  set(config, "/seed", seed);
  set(config, "/sampler/name", sampler);
  set(config, "/start/checkpoint", from);
  apply(config);
  require_utf8(config);
  return config;
}

void require_utf8(const nlohmann::json& config) {
  try {
    config.dump();
  } catch (const nlohmann::json::exception&) {
    throw UsageError("a setting is not valid UTF-8 text; allowed: UTF-8, also in names of folders");
  }
}

std::string existing_checkpoint(bool resume, bool overwrite) {
  if (resume && overwrite) throw UsageError("give --resume or --overwrite, not both");
  return resume ? "resume" : overwrite ? "overwrite" : "refuse";
}

namespace {

/// More threads than some a core only wait for each other, and thousands take a minute to start.
int most_threads() { return std::max(64, 4 * num_allowed_cores()); }

}  // namespace

void add_print_config(CLI::App& command, bool& wanted) {
  command.add_flag("--print-config", wanted,
                   "Print the settings with all defaults filled in, as JSON that --config reads, and do nothing else");
}

void require_new(bool print_config, bool resume) {
  if (print_config && resume)
    throw UsageError(
        "--print-config has no effect on --resume; the settings that a run goes on with are in its checkpoint's "
        "run.json, and in `frontier runs --json`");
}

void add_training_options(CLI::App& command, TrainingOptions& options) {
  command.add_option("--space", options.space, "The search space");
  command.add_option("--data", options.data,
                     "Data set: fashion_mnist, mnist, cifar10, synthetic, or the path of your own images "
                     "(a folder with one folder a class, a CSV, arrays; see frontier data PATH)");
  command.add_option("--data-path", options.data_path, "Folder with the files of a data set with a name");
  command.add_option("--epochs", options.epochs, "Passes over the training images")
      ->check(whole_number(1, 1'000'000'000));
  command.add_option("--steps", options.steps, "Optimiser steps, in place of epochs")->check(whole_number());
  command.add_option("--batch-size", options.batch_size, "Images a step")->check(whole_number());
  command.add_option("--lr", options.lr, "Peak learning rate");
}

void add_config_options(CLI::App& command, ConfigOptions& options) {
  command.add_option("--config", options.file,
                     "Settings as JSON (- is standard input); a checkpoint's run.json repeats its run");
  command
      .add_option(
          "--set", options.assignments,
          "One setting, e.g. trainer.lr=0.1; may be repeated (frontier settings " + command.get_name() + " lists all)")
      ->take_all();
  add_print_config(command, options.print_config);
  add_training_options(command, options);
  command.add_option("--sampler", options.sampler, "Which subnets are trained: " + join(kSamplerNames));
  command.add_option("--from", options.from,
                     "Checkpoint whose weights the training starts from: of the same space, input and classes");
  command.add_option("--seed", options.seed, "Seed of weights, sampling and order of the data")->check(seed_number());
}

void add_device_options(CLI::App& command, DeviceOptions& options) {
  command
      .add_option("--threads", options.threads,
                  "Threads (default: one a core, or as many as a quota or OMP_NUM_THREADS allow)")
      ->check(whole_number(0, most_threads()));
  command.add_option("--device", options.device, "cpu or cuda")->capture_default_str();
}

}  // namespace frontier
