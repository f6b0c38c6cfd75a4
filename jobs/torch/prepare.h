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
#include "supernet/supernet.h"

namespace frontier {

/// LibTorch's errors (out of memory, say) carry a backtrace in their text; users get the message alone.
template <class Work>
auto without_backtrace(const Work& work) {
  try {
    return work();
  } catch (const c10::Error& error) {
    throw Error(error.what_without_backtrace());
  }
}

/// Configuration with everything that follows from the data filled in, and the data.
struct Prepared {
  TrainConfig config;
  std::shared_ptr<const SearchSpace> space;
  DataSplits data;
  InputShape input;
};

/// Reads the configuration, loads the data. @throws UsageError for settings that are wrong or do not fit the data.
Prepared prepare(const nlohmann::json& config);

/// The subnet that the sampler `fixed` trains; none for the others. What is trained then is a network of its own, and
/// so are the weights in its checkpoint.
std::optional<Architecture> only_subnet(const Prepared& prepared);
/// Its fresh weights, or those of everything.
Supernet make_supernet(const Prepared& prepared);

/// The checkpoint's configuration. @throws UsageError if there is none.
const nlohmann::json& config_of(const nlohmann::json& run);

/// "batch norm recalibrated on 1024 training images in batches of 256".
std::string calibration_text(const SupernetAccuracyOptions& options);

/// Checksum of all that decides what a training from scratch ends in, besides its seed: settings and training images.
std::string recipe_of(const Prepared& prepared);

/// Sets the number of threads. @throws UsageError for a device that is not there.
at::Device use_device(const DeviceOptions& options);

}  // namespace frontier
