#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/errors.h"
#include "jobs/device.h"
#include "jobs/torch/train_config.h"
#include "search_spaces/search_space.h"
#include "supernet/checkpoint.h"
#include "supernet/samplers/sampler.h"
#include "supernet/supernet.h"
#include "supernet/trainer.h"

namespace frontier {

/// What a user can do with an error of LibTorch: its message without the backtrace; of an allocator what to lower.
Error readable(const c10::Error& error);

template <class Work>
auto without_backtrace(const Work& work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    throw readable(error);
  }
}

/// What the lessons of the configuration's teacher call it.
inline constexpr const char* kTeacher = "teacher";

/// Configuration with everything that follows from the data filled in, and the data.
struct Prepared {
  TrainConfig config;
  std::shared_ptr<const SearchSpace> space;
  DataSplits data;
  InputShape input;
  std::unique_ptr<Sampler> sampler;
  /// The root seed's random stream for one purpose.
  Rng stream(std::string_view purpose) const;
};

/// Reads the configuration, loads the data. @param run of the checkpoint that the configuration is from; empty: of
/// none.
/// @throws UsageError for settings that are wrong or do not fit the data, and for other data than the checkpoint's.
Prepared prepare(const nlohmann::json& config, const nlohmann::json& run = nlohmann::json::object());

/// The same for the weights of a checkpoint alone: without data. @param run the checkpoint's run.json.
Prepared prepare_weights(const nlohmann::json& run);

/// The one subnet that the sampler's weights hold; none where they hold more. What is trained then is a network of its
/// own, and so are the weights in its checkpoint.
std::optional<Architecture> only_subnet(const Prepared& prepared);
/// Fresh weights of all that the sampler may ask for.
Supernet make_supernet(const Prepared& prepared);

/// The checkpoint's configuration. @throws UsageError if there is none.
const nlohmann::json& config_of(const nlohmann::json& run);

/// Overwrites the values of `config` by those of `given`, object by object.
void replace_values(nlohmann::json& config, const nlohmann::json& given);
/// The settings with which a training goes on: those that it began with, and `given` over them. @param place of the
/// checkpoint, for messages.  @throws UsageError for another space or sampler, with both.
nlohmann::json resumed_config(const nlohmann::json& began, const nlohmann::json& given, const std::string& place);
/// @param now resumed_config() with everything filled in. @throws UsageError for a setting that differs, with both
/// values, unless it decides no number (how often is saved, where files are).
void require_resumed(const nlohmann::json& began, const nlohmann::json& now, const std::string& place);
/// What a checkpoint's run.json says about its data: names of the classes, and checksums of the images.
nlohmann::json data_note(const DataSplits& data);

/// Checksum of all that decides what a training from scratch ends in, besides its seed: settings and training images.
std::string recipe_of(const Prepared& prepared);

/// Sets the number of threads. @throws UsageError for a device that is not there.
at::Device use_device(const DeviceOptions& options);

}  // namespace frontier
