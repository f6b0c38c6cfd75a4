#include "supernet/optimizer.h"

#include <torch/types.h>

#include <cmath>

#include "common/errors.h"

namespace frontier {

Optimizer::Optimizer(const OptimizerOptions& options, const at::Tensor& parameters, std::int64_t num_decayed)
    : options_(options), num_decayed_(num_decayed), first_(at::zeros_like(parameters)) {
  if (options_.name == "adamw") second_ = at::zeros_like(parameters);
}

void Optimizer::step(at::Tensor parameters, at::Tensor gradients, double learning_rate) {
  at::NoGradGuard no_grad;
  ++steps_;
  const at::Tensor decayed = parameters.narrow(0, 0, num_decayed_);
  if (!second_.defined()) {
    if (options_.weight_decay > 0) gradients.narrow(0, 0, num_decayed_).add_(decayed, options_.weight_decay);
    first_.mul_(options_.momentum).add_(gradients);
    if (options_.nesterov) {
      gradients.add_(first_, options_.momentum);
      parameters.add_(gradients, -learning_rate);
    } else {
      parameters.add_(first_, -learning_rate);
    }
    return;
  }
  const double n = static_cast<double>(steps_);
  if (options_.weight_decay > 0) decayed.mul_(1 - learning_rate * options_.weight_decay);
  first_.lerp_(gradients, 1 - options_.beta1);
  second_.mul_(options_.beta2).addcmul_(gradients, gradients, 1 - options_.beta2);
  const double correction1 = 1 - std::pow(options_.beta1, n), correction2 = 1 - std::pow(options_.beta2, n);
  parameters.addcdiv_(first_, second_.sqrt().div_(std::sqrt(correction2)).add_(options_.epsilon),
                      -learning_rate / correction1);
}

std::map<std::string, at::Tensor> Optimizer::state() const {
  if (!second_.defined()) return {{"momentum", first_}};
  return {{"first", first_}, {"second", second_}, {"steps", at::full({1}, steps_, at::kLong)}};
}

void Optimizer::load(const std::map<std::string, at::Tensor>& state) {
  const auto take = [&](const char* name, at::Tensor& target) {
    const auto it = state.find(name);
    if (it == state.end() || it->second.sizes() != target.sizes() || it->second.scalar_type() != at::kFloat)
      throw UsageError(
          std::string("the optimiser's '") + name +
          "' is missing from the checkpoint or has another shape: the checkpoint was made with other settings");
    target.copy_(it->second);
  };
  if (!second_.defined()) {
    take("momentum", first_);
    return;
  }
  take("first", first_);
  take("second", second_);
  const auto it = state.find("steps");
  if (it == state.end() || it->second.numel() != 1 || it->second.scalar_type() != at::kLong)
    throw UsageError("the optimiser's 'steps' is missing from the checkpoint");
  steps_ = it->second.item<std::int64_t>();
}

}  // namespace frontier
