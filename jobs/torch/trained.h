#pragma once

#include <string>

#include "jobs/torch/prepare.h"

namespace frontier {

/// Loads the weights that count: of a training that was stopped and keeps an average, the average, which the
/// checkpoint's weights are then, too. @returns whether it is that.
bool load_weights(Supernet& supernet, Checkpoint& checkpoint);

/// A checkpoint opened to be used: its configuration and data, and the weights that count.
struct Trained {
  /// @param evaluation settings that replace those of the checkpoint; null: none do.
  /// @throws UsageError for a checkpoint or settings that are wrong.
  Trained(Checkpoint checkpoint, const nlohmann::json& evaluation, at::Device device);

  /// What batch norm is calibrated on, as stored with every number.
  std::string calibration() const;

  Prepared prepared;
  std::optional<Architecture> only;  ///< where it is of one network
  Supernet supernet;
  bool averages_unfinished = false;  ///< a training was stopped; its average is what counts
  std::string fingerprint;           ///< of the weights
};

}  // namespace frontier
