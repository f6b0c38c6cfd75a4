#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "jobs/engine.h"

namespace frontier {

/// Settings of a training run from the command line: --config, then --set, then the named options.
struct ConfigOptions {
  std::string file;
  std::vector<std::string> assignments;
  std::optional<std::string> space, sampler, data, data_path, input;
  std::optional<std::int64_t> epochs, steps, seed, classes, batch_size;
  std::optional<double> lr;
  nlohmann::json config() const;
};
void add_config_options(CLI::App& command, ConfigOptions& options);

/// --threads and --device.
void add_engine_options(CLI::App& command, EngineOptions& options);

}  // namespace frontier
