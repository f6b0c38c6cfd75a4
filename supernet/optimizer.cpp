#include "supernet/optimizer.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/errors.h"
#include "supernet/update.h"

namespace frontier {
namespace {

constexpr std::int64_t kGrain = 1 << 16;  // scalars a thread takes at least
const std::string kMomentum = "momentum";

bool allows_fused(const at::Tensor& parameters) {
  return parameters.is_cpu() && parameters.scalar_type() == at::kFloat && parameters.is_contiguous();
}

float* data_of(const at::Tensor& tensor) { return tensor.defined() ? tensor.data_ptr<float>() : nullptr; }

}  // namespace

void require_consistent(const OptimizerOptions& options) {
  const OptimizerOptions standard;
  const auto refuse = [&](const char* setting, const char* whose) {
    throw UsageError(std::string("the optimiser '") + options.name + "' has no " + setting + "; it is a setting of " +
                     whose);
  };
  if (options.name == "sgd") {
    if (options.beta1 != standard.beta1) refuse("beta1", "adam and adamw");
    if (options.beta2 != standard.beta2) refuse("beta2", "adam and adamw");
    if (options.epsilon != standard.epsilon) refuse("epsilon", "adam and adamw");
    return;
  }
  if (options.momentum != standard.momentum) refuse("momentum", "sgd");
  if (options.nesterov != standard.nesterov) refuse("nesterov", "sgd");
}

Optimizer::Optimizer(const OptimizerOptions& options, const at::Tensor& parameters, std::int64_t num_decayed,
                     std::optional<Path> path)
    : options_(options),
      path_(path.value_or(allows_fused(parameters) ? Path::kFused : Path::kAten)),
      num_decayed_(num_decayed),
      first_(at::zeros_like(parameters)) {
  if (path_ == Path::kFused && !allows_fused(parameters))
    throw std::logic_error("the fused optimiser step is for float32 on a CPU");
  if (options_.name != "sgd") second_ = at::zeros_like(parameters);
  if (path_ == Path::kAten) aten_steps_ = at::zeros({}, parameters.options().dtype(at::kFloat));
}

Optimizer::Optimizer(const OptimizerOptions& options, const ParameterStore& store, const std::string& group,
                     std::optional<Path> path)
    : Optimizer(options, store.values().slice(0, store.layout().group(group).begin, store.layout().group(group).end),
                store.layout().group(group).decayed_end - store.layout().group(group).begin, path) {
  begin_ = store.layout().group(group).begin;
}

void Optimizer::step(ParameterStore& store, const StepOptions& options) {
  const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, begin_, first_.numel()); };
  step(part(store.values()), part(store.gradients()), options);
}

void Optimizer::step(const at::Tensor& parameters, const at::Tensor& gradients, const StepOptions& options) {
  at::NoGradGuard no_grad;
  if (path_ == Path::kAten) return step_aten(parameters, gradients, options);
  const float scale = options.scale.defined() ? options.scale.item<float>() : 1.0F;
  if (std::isfinite(scale)) step_fused(parameters, gradients, options, scale);
}

void Optimizer::step_fused(const at::Tensor& parameters, const at::Tensor& gradients, const StepOptions& options,
                           float scale) {
  const double n = static_cast<double>(++steps_), learning_rate = options.learning_rate;
  const update::Common common{.learning_rate = static_cast<float>(learning_rate),
                              .weight_decay = static_cast<float>(options_.weight_decay),
                              .scale = scale,
                              .average_step = static_cast<float>(options.average_step)};
  const update::Adam adam{.mix1 = static_cast<float>(1 - options_.beta1),
                          .beta2 = static_cast<float>(options_.beta2),
                          .mix2 = static_cast<float>(1 - options_.beta2),
                          .epsilon = static_cast<float>(options_.epsilon),
                          .step = static_cast<float>(learning_rate / (1 - std::pow(options_.beta1, n))),
                          .root = static_cast<float>(1 / std::sqrt(1 - std::pow(options_.beta2, n))),
                          .decoupled = options_.name == "adamw"};
  float *w = data_of(parameters), *average = data_of(options.average), *first = data_of(first_of(options.momentum)),
        *second = data_of(second_);
  const float* g = data_of(gradients);
  const auto take = [&](std::int64_t begin, std::int64_t end, const update::Common& c) {
    if (begin >= end) return;
    float* mean = average == nullptr ? nullptr : average + begin;
    if (second == nullptr)
      update::sgd(w + begin, g + begin, first + begin, mean, end - begin, c, static_cast<float>(options_.momentum),
                  options_.nesterov);
    else
      update::adam(w + begin, g + begin, first + begin, second + begin, mean, end - begin, c, adam);
  };
  update::Common without_decay = common;
  without_decay.weight_decay = 0;
  at::parallel_for(0, first_.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    take(begin, std::min(end, num_decayed_), common);
    take(std::max(begin, num_decayed_), end, without_decay);
  });
}

void Optimizer::step_aten(const at::Tensor& parameters, const at::Tensor& gradients, const StepOptions& options) {
  std::optional<at::Tensor> skipped;  // LibTorch's found_inf; its grad_scale would be a float32 divisor
  if (options.scale.defined()) {
    skipped = options.scale.isfinite().logical_not().to(at::kFloat);
    gradients.mul_(options.scale.nan_to_num(0, 0, 0));
    aten_steps_.add_(1 - *skipped);
  } else {
    aten_steps_.add_(1);
  }
  const at::Tensor& moment = first_of(options.momentum);
  const auto take = [&](std::int64_t begin, std::int64_t end, double decay) {
    if (begin >= end) return;
    const auto part = [&](const at::Tensor& t) { return std::vector<at::Tensor>{t.narrow(0, begin, end - begin)}; };
    const auto w = part(parameters), g = part(gradients), first = part(moment);
    if (options_.name == "sgd") {  // which wants no buffers where there is no momentum
      at::_fused_sgd_(w, g, options_.momentum == 0 ? std::vector<at::Tensor>() : first, decay, options_.momentum,
                      options.learning_rate, /*dampening=*/0, options_.nesterov,
                      /*maximize=*/false, /*is_first_step=*/false, /*grad_scale=*/std::nullopt, skipped);
      return;
    }
    const auto fused = [&](const auto& update) {
      update(w, g, first, part(second_), at::TensorList(), std::vector<at::Tensor>{aten_steps_}, options.learning_rate,
             options_.beta1, options_.beta2, decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false,
             /*grad_scale=*/std::nullopt, skipped);
    };
    if (options_.name == "adamw")
      fused([](auto&&... a) { at::_fused_adamw_(std::forward<decltype(a)>(a)...); });
    else
      fused([](auto&&... a) { at::_fused_adam_(std::forward<decltype(a)>(a)...); });
  };
  take(0, num_decayed_, options_.weight_decay);
  take(num_decayed_, first_.numel(), 0);
  if (!options.average.defined()) return;
  if (skipped)
    options.average.add_((parameters - options.average) *
                         ((1 - *skipped).to(parameters.scalar_type()) * options.average_step));
  else
    options.average.lerp_(parameters, options.average_step);
}

const at::Tensor& Optimizer::first_of(const std::string& momentum) {
  if (momentum.empty()) return first_;
  if (options_.name != "sgd") throw std::logic_error("only SGD has momenta by name, not " + options_.name);
  const auto [it, is_new] = momenta_.try_emplace(momentum);
  if (is_new) it->second = at::zeros_like(first_);
  return it->second;
}

void Optimizer::look_ahead(ParameterStore& store, double learning_rate) const {
  if (options_.name != "sgd") throw std::logic_error("only SGD looks ahead, not " + options_.name);
  at::NoGradGuard no_grad;
  const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, begin_, first_.numel()); };
  const at::Tensor values = part(store.values());
  at::Tensor step = part(store.gradients()).add(first_, options_.momentum);
  step.narrow(0, 0, num_decayed_).add_(values.narrow(0, 0, num_decayed_), options_.weight_decay);
  values.sub_(step, learning_rate);
}

TensorMap Optimizer::state() const {
  if (!second_.defined()) {
    TensorMap tensors = with_prefix(kMomentum + ".", momenta_);
    tensors.emplace(kMomentum, first_);
    return tensors;
  }
  const at::Tensor steps =
      path_ == Path::kFused ? at::full({1}, steps_, at::kLong) : aten_steps_.to(at::kCPU, at::kLong).reshape({1});
  return {{"first", first_}, {"second", second_}, {"steps", steps}};
}

void Optimizer::load(const TensorMap& state) {
  at::NoGradGuard no_grad;
  const auto take = [&](const std::string& name, const at::Tensor& target) {
    const auto it = state.find(name);
    if (it == state.end() || it->second.sizes() != target.sizes() || it->second.scalar_type() != target.scalar_type())
      throw UsageError(
          "the optimiser's '" + name +
          "' is missing from the checkpoint or has another shape: the checkpoint was made with other settings");
    return it->second;
  };
  if (!second_.defined()) {
    first_.copy_(take(kMomentum, first_));
    momenta_.clear();
    for (const auto& [name, momentum] : part_of(kMomentum + ".", state))
      momenta_.emplace(
          name, take(kMomentum + "." + name, first_).to(first_.options(), /*non_blocking=*/false, /*copy=*/true));
    return;
  }
  const at::Tensor first = take("first", first_), second = take("second", second_);
  const auto it = state.find("steps");
  if (it == state.end() || it->second.numel() != 1 || it->second.scalar_type() != at::kLong)
    throw UsageError("the optimiser's 'steps' is missing from the checkpoint");
  first_.copy_(first);
  second_.copy_(second);
  steps_ = it->second.item<std::int64_t>();
  if (path_ == Path::kAten) aten_steps_.fill_(steps_);
}

}  // namespace frontier
