#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace frontier {

struct OptimizerOptions {
  std::string name = "sgd";  ///< "sgd" (with momentum) or "adamw"
  double momentum = 0.9;     ///< sgd
  bool nesterov = true;      ///< sgd
  double beta1 = 0.9;        ///< adamw
  double beta2 = 0.999;      ///< adamw
  double epsilon = 1e-8;     ///< adamw
  /// sgd: added to the gradient; adamw: decoupled (Loshchilov and Hutter, arXiv 1711.05101)
  double weight_decay = 5e-5;
};

template <class Fields>
void describe(Fields& f, OptimizerOptions& o) {
  f("name", o.name, {"sgd", "adamw"});
  f("momentum", o.momentum, 0.0, 1.0);
  f("nesterov", o.nesterov);
  f("beta1", o.beta1, 0.0, 1.0);
  f("beta2", o.beta2, 0.0, 1.0);
  f("epsilon", o.epsilon, 1e-16, 1.0);
  f("weight_decay", o.weight_decay, 0.0, 100.0);
}

/// One optimiser over one flat buffer of parameters, a few operations a step whatever the number of layers.
/// Differs from torch::optim: a parameter whose gradient is zero in a step still moves by its momentum, as there with
/// dense gradients.
class Optimizer {
 public:
  /// @param num_decayed weight decay acts on the first so many scalars.
  Optimizer(const OptimizerOptions& options, const at::Tensor& parameters, std::int64_t num_decayed);
  /// @param parameters, gradients [n] float32; gradients may be overwritten.
  void step(at::Tensor parameters, at::Tensor gradients, double learning_rate);
  /// "momentum", or "first" and "second" moments and "steps".
  std::map<std::string, at::Tensor> state() const;
  /// @throws UsageError if the tensors are not a state of this optimiser.
  void load(const std::map<std::string, at::Tensor>& state);

 private:
  OptimizerOptions options_;
  std::int64_t num_decayed_;
  at::Tensor first_;
  at::Tensor second_;
  std::int64_t steps_ = 0;
};

}  // namespace frontier
