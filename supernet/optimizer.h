#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "supernet/parameter_store.h"

namespace frontier {

struct OptimizerOptions {
  std::string name = "sgd";  ///< "sgd" (with momentum), "adam" or "adamw"
  double momentum = 0.9;     ///< sgd
  bool nesterov = true;      ///< sgd
  double beta1 = 0.9;        ///< adam, adamw
  double beta2 = 0.999;      ///< adam, adamw
  double epsilon = 1e-8;     ///< adam, adamw
  /// sgd, adam: added to the gradient (L2); adamw: decoupled (Loshchilov and Hutter, arXiv 1711.05101)
  double weight_decay = 5e-5;
};

/// @throws UsageError for a setting of another optimiser than the one that is named: it would have no effect.
void require_consistent(const OptimizerOptions& options);

template <class Fields>
void describe(Fields& f, OptimizerOptions& o) {
  f("name", o.name, {"sgd", "adam", "adamw"}, "The optimiser.");
  f("momentum", o.momentum, 0.0, 1.0, "Of sgd.");
  f("nesterov", o.nesterov, "Whether sgd's momentum is Nesterov's.");
  f("beta1", o.beta1, 0.0, 0.9999999, "Of adam and adamw: decay of the running mean of the gradient.");
  f("beta2", o.beta2, 0.0, 0.9999999, "Of adam and adamw: decay of the running mean of its square.");
  f("epsilon", o.epsilon, 1e-16, 1.0, "Of adam and adamw: added to the divisor.");
  f("weight_decay", o.weight_decay, 0.0, 100.0, "Of sgd and adam added to the gradient (L2), of adamw apart from it.");
  require_consistent(o);
}

/// What one step is taken with.
struct StepOptions {
  double learning_rate = 0;
  /// Whose momentum is used and renewed: one for each name, from zero; SGD's alone. Empty: the one that all share.
  std::string momentum = {};
  /// [] float32 on the parameters' device, a factor for all gradients; undefined: 1. Where it is not finite nothing
  /// changes, which needs no look at it from the host.
  at::Tensor scale = {};
  at::Tensor average = {};  ///< like the parameters: moves towards the new values ...; undefined: none
  double average_step = 0;  ///< ... by this part of the way
};

/// One optimiser over one flat buffer of parameters. On a CPU a float32 step is one pass over memory; elsewhere it is
/// LibTorch's fused optimisers, with the same numbers but for rounding. A parameter whose gradient is zero in a step
/// still moves by its momentum and decay, as with torch::optim and dense gradients.
class Optimizer {
 public:
  /// kFused needs float32 on a CPU; kAten runs everywhere.
  enum class Path { kFused, kAten };

  /// @param num_decayed weight decay acts on the first so many scalars.
  /// @param path empty: the faster one that the parameters allow.
  Optimizer(const OptimizerOptions& options, const at::Tensor& parameters, std::int64_t num_decayed,
            std::optional<Path> path = std::nullopt);
  /// For one group of the store, see ParameterLayout::group.
  Optimizer(const OptimizerOptions& options, const ParameterStore& store, const std::string& group = "",
            std::optional<Path> path = std::nullopt);

  /// @param parameters, gradients [n]; gradients may be overwritten.
  void step(const at::Tensor& parameters, const at::Tensor& gradients, const StepOptions& options);
  void step(const at::Tensor& parameters, const at::Tensor& gradients, double learning_rate) {
    step(parameters, gradients, StepOptions{.learning_rate = learning_rate});
  }
  /// By the store's gradients, which may be overwritten.
  void step(ParameterStore& store, const StepOptions& options);

  /// Where plain SGD would go from here by the store's gradients: values -= rate * (momentum * velocity + gradient +
  /// decay * values). The optimiser stays as it is. @throws std::logic_error unless it is SGD.
  void look_ahead(ParameterStore& store, double learning_rate) const;

  /// "momentum" and "momentum.<name>", or "first" and "second" moments and "steps".
  TensorMap state() const;
  /// @throws UsageError if the tensors are not a state of this optimiser.
  void load(const TensorMap& state);

 private:
  void step_fused(const at::Tensor& parameters, const at::Tensor& gradients, const StepOptions& options, float scale);
  void step_aten(const at::Tensor& parameters, const at::Tensor& gradients, const StepOptions& options);
  const at::Tensor& first_of(const std::string& momentum);

  OptimizerOptions options_;
  Path path_;
  std::int64_t begin_ = 0;  ///< of the group in the store
  std::int64_t num_decayed_;
  at::Tensor first_;
  at::Tensor second_;
  std::map<std::string, at::Tensor> momenta_;  ///< sgd: besides first_, by StepOptions::momentum
  std::int64_t steps_ = 0;                     ///< kFused
  at::Tensor aten_steps_;                      ///< kAten: [] float32 on the device, where a skipped step is known
};

}  // namespace frontier
