#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "jobs/comparison.h"
#include "jobs/observer.h"
#include "jobs/torch/compare_config.h"

namespace frontier {

/// An arm with everything that its trainings need.
struct PlannedArm {
  std::string name;
  nlohmann::json config;        ///< resolved TrainConfig, but for seed and steps
  double macs_a_step = 0;       ///< of the probe: images times multiply-accumulates, forward, on average
  double seconds_a_step = 0;    ///< likewise
  std::int64_t cost_steps = 0;  ///< in which it costs what the first arm does in ComparePlan::steps
};

/// What a comparison is going to do. Made once, stored, and the same whenever it goes on.
struct ComparePlan {
  std::vector<std::int64_t> seeds;
  std::vector<std::string> budgets;  ///< "steps", "cost"
  std::int64_t steps = 0;            ///< of the first arm, and of all under the budget "steps"
  std::vector<PlannedArm> arms;
  std::string space;
  std::string split;
  std::int64_t dearest = 0;  ///< multiply-accumulates of the space's dearest subnet
  std::vector<ComparedBin> bins;
  std::vector<std::size_t> own;  ///< places in the list, bin after bin, of networks trained from scratch
  nlohmann::json own_config;     ///< of their training, without sampler; null where there are none

  std::int64_t steps_of(const PlannedArm& arm, const std::string& budget) const {
    return budget == "steps" ? steps : arm.cost_steps;
  }
};

/// One training of a comparison, measured.
struct ComparePart {
  std::string name;                  ///< of its checkpoint folder: "uniform-2000steps-seed0", "own-1a2b3c4d"
  std::string title;                 ///< "uniform, 2000 steps, seed 0"
  std::size_t arm = 0;               ///< of a supernet
  std::optional<std::size_t> own{};  ///< of a network from scratch: its place in the list
  std::int64_t steps = 0;
  std::int64_t seed = 0;
  double macs = 0, seconds = 0;  ///< what the training takes, by the probes
};

/// Loads the data, reads every arm's settings and runs the probes; writes nothing.
/// @throws UsageError for settings that are wrong; Interrupted.
ComparePlan make_plan(const CompareConfig& compare, at::Device device, Observer& observer);

/// What the supernet of one arm, number of steps and seed is called.
std::string part_name(const PlannedArm& arm, std::int64_t steps, std::int64_t seed);
/// The list, bin after bin, in the space's notation.
std::vector<std::string> listed(const ComparePlan& plan);
/// In the order in which they are done: seed after seed, so that the arms take turns; networks from scratch last. What
/// two budgets have in common is one part.
std::vector<ComparePart> parts_of(const ComparePlan& plan);

}  // namespace frontier
