#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/options.h"
#include "supernet/parameter_group.h"
#include "supernet/samplers/sampler.h"
#include "supernet/supernet.h"
#include "supernet/task.h"

namespace frontier {

struct TrainerOptions {
  std::int64_t steps = 2000;           ///< optimiser steps of the whole training
  double lr = 0.1;                     ///< peak learning rate
  std::int64_t warmup_steps = 0;       ///< linear from 0 to lr
  std::string lr_schedule = "cosine";  ///< behind the warm-up: see ScheduleOptions::kind
  double lr_end = 0;                   ///< learning rate at the end
  OptimizerOptions optimizer = {};
  double label_smoothing = 0.1;
  double clip_norm = 5;      ///< largest norm of all gradients together; 0: no clipping
  double clip_adaptive = 0;  ///< largest ratio of a unit's gradient to its weights (ClipOptions); 0: no limit
  double drop_path = 0;      ///< probability at the end that a layer of Layer::may_drop is left out; rises from 0
  double ema_decay = 0;      ///< of a running average of the weights, which is then what is evaluated; 0: none
  bool bf16 = false;         ///< autocast to bfloat16; CUDA only
};

template <class Fields>
void describe(Fields& f, TrainerOptions& o) {
  f("steps", o.steps, 1, std::int64_t{1} << 40,
    "Optimiser steps of the whole training; epochs, where given, go before.");
  f("lr", o.lr, 0.0, 1000.0, "Peak learning rate.");
  f("warmup_steps", o.warmup_steps, 0, std::int64_t{1} << 40,
    "Steps in which the learning rate rises from 0 to its peak.");
  f("lr_schedule", o.lr_schedule, {"constant", "linear", "cosine", "exponential"},
    "How the learning rate goes from its peak to its end, behind the warm-up.");
  f("lr_end", o.lr_end, 0.0, 1000.0, "Learning rate at the end.");
  f("optimizer", o.optimizer);
  f("label_smoothing", o.label_smoothing, 0.0, 0.999, "Share of the target that is spread over all classes.");
  f("clip_norm", o.clip_norm, 0.0, 1e6, "Largest norm of all gradients together; 0: no limit.");
  f("clip_adaptive", o.clip_adaptive, 0.0, 1e6, "Largest ratio of a unit's gradient to its weights; 0: no limit.");
  f("drop_path", o.drop_path, 0.0, 0.99,
    "Probability, rising linearly from 0, that an image goes past a branch (stochastic depth).");
  f("ema_decay", o.ema_decay, 0.0, 0.9999999,
    "Of a running average of the weights, which is then what is evaluated; 0: none.");
  f("bf16", o.bf16, "Compute in bfloat16 where that is safe; on CUDA only.");
}

/// How the weights of a supernet are trained.
GroupOptions weight_options(const TrainerOptions& options);

/// Gives batch `step` of an endless, reproducible stream. Called with rising steps.
using BatchSource = std::function<TrainingBatch(std::int64_t step)>;
using BatchSources = std::map<Stream, BatchSource>;
/// Networks that lessons may name.
using Teachers = std::map<std::string, Teacher>;

struct StepReport {
  std::int64_t step = 0;                 ///< steps done, this one included
  double loss = 0;                       ///< mean over the subnets that weights were learned from
  double lr = 0;                         ///< of the weights
  std::int64_t macs = 0;                 ///< an image, summed over all subnets of all works, forward only, as executed
  std::int64_t images = 0;               ///< of all batches that the step's works saw
  std::optional<double> arch_loss = {};  ///< mean over the subnets that learned the sampler's parameters alone
};

/// Trains a supernet step by step: asks the sampler for works until it has none, runs the subnets of each on its batch,
/// adds up their gradients, takes the optimiser steps that the work asks for and keeps the copies of the weights that
/// it wants kept. Auxiliary outputs add their weighted losses by the labels. Knows no sampler: a network on its own is
/// the sampler 'fixed'. Losses and norms are read from the device once, at the end of a step. Not thread-safe.
class Trainer {
 public:
  /// @param task what is learned; must outlive the trainer, as must supernet and sampler, whose parameters move to the
  /// device of the supernet's.
  /// @param seed the sampler draws from Rng(seed).domain("sampler"), what is dropped follows from its domain
  /// "drop_path", step and subnet.
  /// @throws UsageError for settings that do not go together, std::logic_error if a stream that the sampler uses is
  /// missing.
  Trainer(Supernet& supernet, Sampler& sampler, const Task& task, const TrainerOptions& options, std::uint64_t seed,
          BatchSources batches, Teachers teachers = {});

  /// @throws Error with step, seed and architecture if a loss or a gradient is not finite; the weights are then as
  /// before the optimiser step.
  StepReport step();
  std::int64_t steps_done() const { return step_; }
  bool finished() const { return step_ >= options_.steps; }
  double learning_rate(std::int64_t step) const { return groups_.at("weights").learning_rate(step); }
  std::int64_t images_seen() const { return images_seen_; }  ///< over all steps, resumed ones included
  double macs_done() const { return macs_done_; }            ///< times images, forward, over all steps

  /// Writes averages into the parameters where there are any: the end of training.
  void use_averages();
  bool has_average() const { return groups_.at("weights").average() != nullptr; }

  /// Everything besides the weights that the next step depends on: optimisers, averages, the sampler's tensors ...
  TensorMap state_tensors() const;
  /// ... step, random state and sampler state as JSON.
  nlohmann::json state() const;
  /// @throws UsageError if the state belongs to other settings.
  void load(const TensorMap& tensors, const nlohmann::json& state);

 private:
  struct Ran;
  struct Pass;
  struct Step;
  void check(const Work& work) const;
  const TrainingBatch& batch_of(Stream stream, Step& step) const;
  std::vector<Ran> run_work(const Work& work, Step& step);
  std::vector<Ran> run_unrolled(const Work& work, Step& step);
  std::vector<Ran> run(const Pass& pass, const Work& work, Step& step) const;
  at::Tensor loss_of(const Pass& pass, const Work& work, const Candidate& subnet, std::span<const at::Tensor> logits,
                     const NetworkGraph& graph, const std::vector<Ran>& earlier, Step& step) const;
  at::Tensor taught(const Lesson& lesson, const Pass& pass, const std::vector<Ran>& earlier, Step& step) const;
  void finish(const Work& work, Step& step);
  void clear_gradients();
  void report(const Step& step, StepReport& report);
  [[noreturn]] void not_finite(const std::string& what, double value, const std::string& subnets) const;

  Supernet& supernet_;
  Sampler& sampler_;
  const Task& task_;
  TrainerOptions options_;
  std::uint64_t seed_;
  BatchSources batches_;
  Teachers teachers_;
  std::map<std::string, WeightBank> kept_;  ///< copies of the weights, see Work::then_keep
  std::map<std::string, GroupTrainer> groups_;
  std::vector<const ParameterStore*> stores_;
  Rng rng_;
  Rng drop_path_;
  std::int64_t step_ = 0;
  std::int64_t images_seen_ = 0;
  double macs_done_ = 0;
};

}  // namespace frontier
