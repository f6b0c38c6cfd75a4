#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "jobs/registries.h"

namespace frontier {

/// An object of settings: that of `file` (empty: none; "-": standard input), then the assignments of --set.
/// @throws UsageError if it is no object.
nlohmann::json settings_of_file(const std::string& file, const std::vector<std::string>& assignments);

/// Named options for settings of a training.
struct TrainingOptions {
  std::optional<std::string> space, data, data_path;
  std::optional<std::int64_t> epochs, steps, batch_size;
  std::optional<double> lr;
  /// Writes those that are given into the settings. @throws UsageError where one is to go into what is no object.
  void apply(nlohmann::json& config) const;
};
void add_training_options(CLI::App& command, TrainingOptions& options);

/// Settings of a training run from the command line: --config, then --set, then the named options.
struct ConfigOptions : TrainingOptions {
  std::string file;
  std::vector<std::string> assignments;
  std::optional<std::string> sampler, from;
  std::optional<std::int64_t> seed;
  bool print_config = false;
  nlohmann::json config() const;
};
void add_config_options(CLI::App& command, ConfigOptions& options);
/// @throws UsageError where a setting is no UTF-8: everything is stored as JSON.
void require_utf8(const nlohmann::json& config);
/// --print-config.
void add_print_config(CLI::App& command, bool& wanted);
/// @throws UsageError where --print-config is given beside --resume.
void require_new(bool print_config, bool resume);

/// The samplers, which LibTorch's library knows; here for help and completion, which must not open it.
inline const std::vector<std::string> kSamplerNames{"uniform",  "cost_bins",   "fair",  "sandwich", "attentive",
                                                    "shiftnas", "elastic_vit", "darts", "pc_darts", "gdas",
                                                    "drnas",    "tas",         "fixed"};

/// --threads and --device.
void add_device_options(CLI::App& command, DeviceOptions& options);

/// Counted before LibTorch's library is opened: OpenMP then binds this thread to one core, and no other is seen.
inline int num_threads(const DeviceOptions& options) {
  return options.threads > 0 ? options.threads : num_usable_cores();
}

/// Everything the program knows; what needs LibTorch is opened when it is asked for.
inline Registries program_registries(const DeviceOptions& options) {
  return Registries([options](Registries& registries) { open_torch_library(registries, options); });
}

/// What --resume and --overwrite say about a checkpoint that is there: "refuse", "resume" or "overwrite".
std::string existing_checkpoint(bool resume, bool overwrite);

}  // namespace frontier
