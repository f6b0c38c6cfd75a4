#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "common/options.h"
#include "supernet/optimizer.h"
#include "supernet/samplers/sampler.h"
#include "supernet/supernet.h"

namespace frontier {

struct TrainerOptions {
  std::int64_t steps = 2000;      ///< optimiser steps of the whole training
  double lr = 0.1;                ///< peak learning rate
  std::int64_t warmup_steps = 0;  ///< linear from 0 to lr; then a cosine to 0
  OptimizerOptions optimizer = {};
  double label_smoothing = 0.1;
  double clip_norm = 5;  ///< largest norm of all gradients together; 0: no clipping
  double ema_decay = 0;  ///< of a running average of the weights, which is then what is evaluated; 0: none
  /// "inplace": the step's first subnet teaches the others (needs a sampler that puts a teacher first)
  std::string distill = "none";
  bool bf16 = false;      ///< autocast to bfloat16; CUDA only
  double arch_lr = 3e-3;  ///< Adam on the sampler's architecture parameters (6e-4 in DARTS, batch 64, 50 epochs)
  double arch_weight_decay = 1e-3;
  std::int64_t arch_warmup_steps = 0;  ///< steps before the architecture parameters start to move
};

template <class Fields>
void describe(Fields& f, TrainerOptions& o) {
  f("steps", o.steps, 1, std::int64_t{1} << 40);
  f("lr", o.lr, 0.0, 1000.0);
  f("warmup_steps", o.warmup_steps, 0, std::int64_t{1} << 40);
  f("optimizer", o.optimizer);
  f("label_smoothing", o.label_smoothing, 0.0, 0.999);
  f("clip_norm", o.clip_norm, 0.0, 1e6);
  f("ema_decay", o.ema_decay, 0.0, 0.9999999);
  f("distill", o.distill, {"none", "inplace"});
  f("bf16", o.bf16);
  f("arch_lr", o.arch_lr, 0.0, 1000.0);
  f("arch_weight_decay", o.arch_weight_decay, 0.0, 100.0);
  f("arch_warmup_steps", o.arch_warmup_steps, 0, std::int64_t{1} << 40);
}

struct LabelledImages {
  at::Tensor images;  ///< [B, C, H, W] float32, channels-last
  at::Tensor labels;  ///< [B] int64
};

/// Gives batch `step` of an endless, reproducible stream. Called with rising steps.
using BatchSource = std::function<LabelledImages(std::int64_t step)>;

struct StepReport {
  std::int64_t step = 0;                 ///< steps done, this one included
  double loss = 0;                       ///< mean over the step's subnets
  std::optional<double> arch_loss = {};  ///< of the architecture batch, where there was one
  double lr = 0;
  std::int64_t macs = 0;  ///< an image, summed over the step's subnets, forward only, as executed
};

/// Trains a supernet step by step: asks the sampler for subnets, runs each on the batch, adds up their gradients, takes
/// one optimiser step. Auxiliary outputs add their weighted losses by the labels. A single network is the case of a
/// space without decisions. Not thread-safe.
class Trainer {
 public:
  /// @param architecture_batches needed if the sampler has parameters(); never the batches that train weights.
  /// @throws UsageError for settings that do not go together.
  Trainer(Supernet& supernet, Sampler& sampler, const TrainerOptions& options, std::uint64_t seed, BatchSource batches,
          BatchSource architecture_batches = {});

  /// @throws Error with step, seed and architecture if a loss is not finite; the weights are then as before the step.
  StepReport step();
  std::int64_t steps_done() const { return step_; }
  bool finished() const { return step_ >= options_.steps; }
  double learning_rate(std::int64_t step) const;

  /// Writes the averaged weights into the supernet if there is an average: the end of training.
  void use_average();

  /// Everything besides the weights that the next step depends on: optimiser, average, architecture parameters as
  /// tensors ...
  std::map<std::string, at::Tensor> state_tensors() const;
  /// ... step, random state and sampler state as JSON.
  nlohmann::json state() const;
  /// @throws UsageError if the state belongs to other settings.
  void load(const std::map<std::string, at::Tensor>& tensors, const nlohmann::json& state);

 private:
  at::Tensor loss_of(const SampledSubnet& subnet, const LabelledImages& batch, Pass pass, at::Tensor* teacher,
                     std::int64_t* macs);
  at::Tensor output_loss(const at::Tensor& logits, const at::Tensor& labels, at::Tensor* teacher) const;
  at::Tensor label_loss(const at::Tensor& logits, const at::Tensor& labels) const;
  double architecture_step();
  void require_finite(const std::string& what, double value, std::span<const SampledSubnet> subnets) const;

  Supernet& supernet_;
  Sampler& sampler_;
  TrainerOptions options_;
  std::uint64_t seed_;
  BatchSource batches_;
  BatchSource architecture_batches_;
  Executor executor_;
  Optimizer optimizer_;
  std::optional<Optimizer> arch_optimizer_;
  at::Tensor average_;
  Rng rng_;
  std::int64_t step_ = 0;
};

}  // namespace frontier
