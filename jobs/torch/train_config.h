#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/options.h"
#include "datasets/dataset.h"
#include "datasets/loader.h"
#include "evaluators/supernet_accuracy.h"
#include "supernet/samplers/shrinking.h"
#include "supernet/samplers/subnet_aware.h"
#include "supernet/trainer.h"

namespace frontier {

inline constexpr const char* kArchFraction = "arch_fraction";  ///< as messages name it, too
inline constexpr const char* kHeldOutFraction = "held_out_fraction";

/// A trained network that teaches whatever learns from the labels.
struct TeacherOptions {
  /// Of a supernet or of one network, or a file that export wrote; empty: there is no teacher
  std::string checkpoint;
  std::string arch;        ///< which of a supernet's subnets; empty: that of the most multiply-accumulates
  double temperature = 1;  ///< logits are divided by it
  /// The pupil's logits are divided by it; 0: by the teacher's temperature, as usual
  double pupil_temperature = 0;
  double share = 0.5;   ///< of the loss; the rest is by the labels
  std::string weights;  ///< checksum of the teacher's weights; filled in, and compared where it is given
};

template <class Fields>
void describe(Fields& f, TeacherOptions& o) {
  f("checkpoint", o.checkpoint,
    "A trained network whose outputs are learned, too: the folder of a supernet or of one network, or a file that "
    "export wrote; empty: none.");
  f("arch", o.arch, "Which of a supernet's subnets teaches; empty: that of the most multiply-accumulates.");
  f("temperature", o.temperature, 0.01, 1000.0, "Outputs are divided by it before they are compared.");
  f("pupil_temperature", o.pupil_temperature, 0.0, 1000.0,
    "The pupil's outputs are divided by it; 0: by the teacher's temperature.");
  f("share", o.share, 0.0, 1.0, "Share of the loss that is learned from the teacher; the rest is by the labels.");
  f("weights", o.weights, "Checksum of the teacher's weights: filled in, and compared where it is given.");
}

/// Weights that a training starts from, in place of fresh ones.
struct StartOptions {
  std::string checkpoint;  ///< of the same space, input and classes: a supernet's, or the same network's; empty: none
  std::string weights;     ///< checksum of those weights; filled in, and compared where it is given
};

template <class Fields>
void describe(Fields& f, StartOptions& o) {
  f("checkpoint", o.checkpoint,
    "Weights to start from (--from): a checkpoint of the same space, input and classes; empty: fresh ones.");
  f("weights", o.weights, "Checksum of those weights: filled in, and compared where it is given.");
}

/// Everything that decides a training run; stored resolved in run.json, from where `frontier train --config run.json`
/// repeats it.
struct TrainConfig {
  std::string space = "mobile_cnn";
  std::string input;         ///< "1x28x28", what the data is: filled in, and compared where it is given
  std::int64_t classes = 0;  ///< likewise
  std::int64_t seed = 0;     ///< weights, sampling, order of the data; the split has data.seed
  std::int64_t epochs = 0;   ///< above 0: sets trainer.steps
  DataOptions data;
  /// Share of the training images kept for architecture parameters (samplers that learn them)
  double arch_fraction = 0;
  /// Share of the training images kept from both, for samplers that watch how far the weights have got
  double held_out_fraction = 0;
  LoaderOptions loader;
  nlohmann::json sampler = {{"name", "uniform"}};
  StartOptions start;
  TeacherOptions teacher;
  DivergenceOptions divergence;     ///< by which whatever has a teacher learns from it
  SubnetAwareOptions subnet_aware;  ///< learning rate and momentum by what is trained
  ShrinkingOptions shrinking;       ///< decisions that open in the course of the training
  TrainerOptions trainer;
  SupernetAccuracyOptions evaluation;
  std::int64_t checkpoint_steps = 0;  ///< checkpoint every so many steps; 0: by time
  double checkpoint_seconds = 30;     ///< checkpoint this often
  /// Evaluated on the search split at the end, beside the cheapest and the dearest
  std::int64_t final_random_subnets = 8;
};

template <class Fields>
void describe(Fields& f, TrainConfig& c) {
  f("space", c.space,
    "The search space: a name, with options as in darts(cells=8), or an object with a name and them.");
  f("input", c.input, "What the data is, as 1x28x28: filled in, and compared where it is given.");
  f("classes", c.classes, 0, 1'000'000, "Classes of the data: filled in, and compared where it is given.");
  f("seed", c.seed, 0, std::int64_t{1} << 53,
    "Of weights, sampling and the order of the data; the split has data.seed.");
  f("epochs", c.epochs, 0, 1'000'000'000, "Passes over the training images; 0: as many as trainer.steps make.");
  f("data", c.data);
  f(kArchFraction, c.arch_fraction, 0.0, 0.9,
    "Share of the training images kept for architecture parameters (samplers that learn them).");
  f(kHeldOutFraction, c.held_out_fraction, 0.0, 0.9,
    "Share of the training images that nothing learns from, for samplers that watch how far the weights have got.");
  f("loader", c.loader);
  f("sampler", c.sampler, "Which subnets are trained.");
  f("start", c.start);
  f("teacher", c.teacher);
  f("divergence", c.divergence);
  f("subnet_aware", c.subnet_aware);
  f("shrinking", c.shrinking);
  f("trainer", c.trainer);
  f("evaluation", c.evaluation);
  f("checkpoint_steps", c.checkpoint_steps, 0, 1'000'000'000, "A checkpoint every so many steps; 0: by time.");
  f("checkpoint_seconds", c.checkpoint_seconds, 0.0, 1e9, "A checkpoint every so many seconds.");
  f("final_random_subnets", c.final_random_subnets, 0, 10'000,
    "Random subnets evaluated on the search split at the end, beside the cheapest and the dearest.");
}

}  // namespace frontier
