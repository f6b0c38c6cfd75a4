#pragma once

#include <string>
#include <vector>

#include "jobs/torch/prepare.h"

namespace frontier {

// What a training takes from networks that were trained before.

/// Fills in the space of the checkpoint that a configuration starts from, where it starts from one and names none.
void take_space_of_start(nlohmann::json& config);

/// Replaces fresh weights by those that the configuration starts from, if it does: a subnet gets its slices of a
/// supernet's. Of a training that keeps an average, the average is taken. Their checksum is written into the
/// configuration.
/// @returns what the user should know.  @throws UsageError if they do not fit, or are not those named there.
std::vector<std::string> inherit_weights(Prepared& prepared, WeightBank& bank);

/// The networks that lessons name: the configuration's teacher, where there is one. Which it is, and the checksum of
/// its weights, are written into the configuration. @throws UsageError if it does not fit, or is not the one named
/// there.
Teachers load_teachers(Prepared& prepared, at::Device device);

}  // namespace frontier
