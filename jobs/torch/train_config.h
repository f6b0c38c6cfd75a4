#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/options.h"
#include "datasets/dataset.h"
#include "datasets/loader.h"
#include "evaluators/supernet_accuracy.h"
#include "supernet/trainer.h"

namespace frontier {

inline constexpr const char* kArchFraction = "arch_fraction";  ///< as messages name it, too

/// Everything that decides a training run; stored resolved in run.json, from where `frontier train --config run.json`
/// repeats it.
struct TrainConfig {
  std::string space = "mobile_cnn";
  std::string input;         ///< "1x28x28"; empty: the data's
  std::int64_t classes = 0;  ///< 0: the data's
  std::int64_t seed = 0;     ///< weights, sampling, order of the data; the split has data.seed
  std::int64_t epochs = 0;   ///< above 0: sets trainer.steps
  DataOptions data;
  /// Share of the training images kept for architecture parameters (samplers that learn them)
  double arch_fraction = 0;
  LoaderOptions loader;
  nlohmann::json sampler = {{"name", "uniform"}};
  TrainerOptions trainer;
  SupernetAccuracyOptions evaluation;
  std::int64_t checkpoint_steps = 0;  ///< checkpoint every so many steps; 0: by time
  double checkpoint_seconds = 30;     ///< checkpoint this often
  /// Evaluated on the search split at the end, beside the cheapest and the dearest
  std::int64_t final_random_subnets = 8;
};

template <class Fields>
void describe(Fields& f, TrainConfig& c) {
  f("space", c.space);
  f("input", c.input);
  f("classes", c.classes, 0, 1'000'000);
  f("seed", c.seed, 0, std::int64_t{1} << 53);
  f("epochs", c.epochs, 0, 1'000'000'000);
  f("data", c.data);
  f(kArchFraction, c.arch_fraction, 0.0, 0.9);
  f("loader", c.loader);
  f("sampler", c.sampler);
  f("trainer", c.trainer);
  f("evaluation", c.evaluation);
  f("checkpoint_steps", c.checkpoint_steps, 0, 1'000'000'000);
  f("checkpoint_seconds", c.checkpoint_seconds, 0.0, 1e9);
  f("final_random_subnets", c.final_random_subnets, 0, 10'000);
}

}  // namespace frontier
