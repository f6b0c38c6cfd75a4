#include "supernet/trainer.h"

#include <ATen/autocast_mode.h>
#include <torch/types.h>

#include <cmath>
#include <numbers>

#include "common/errors.h"

namespace frontier {
namespace {

/// bfloat16 autocast on CUDA while it lives.
class Autocast {
 public:
  explicit Autocast(bool on) : on_(on) {
    if (!on_) return;
    at::autocast::set_autocast_enabled(at::kCUDA, true);
    at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!on_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCUDA, false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
};

OptimizerOptions arch_optimizer_options(const TrainerOptions& options) {
  OptimizerOptions adam;  // betas as in DARTS
  adam.name = "adamw";
  adam.beta1 = 0.5;
  adam.weight_decay = options.arch_weight_decay;
  return adam;
}

at::Tensor flattened(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> parts;
  for (const auto& tensor : tensors) parts.push_back(tensor.detach().flatten());
  return at::cat(parts);
}

}  // namespace

Trainer::Trainer(Supernet& supernet, Sampler& sampler, const TrainerOptions& options, std::uint64_t seed,
                 BatchSource batches, BatchSource architecture_batches)
    : supernet_(supernet),
      sampler_(sampler),
      options_(options),
      seed_(seed),
      batches_(std::move(batches)),
      architecture_batches_(std::move(architecture_batches)),
      optimizer_(options.optimizer, supernet.bank.weights(), supernet.bank.num_decayed()),
      rng_(Rng(seed).split(0x73616d70)) {
  if (options_.distill == "inplace" && !sampler_.teaches())
    throw UsageError("trainer.distill = \"inplace\" needs a sampler that trains a teacher first, such as sandwich; '" +
                     std::string(sampler_.name()) + "' has none");
  if (options_.bf16 && !supernet_.bank.weights().is_cuda())
    throw UsageError("trainer.bf16 = true is for --device cuda only");
  if (const auto parameters = sampler_.parameters(); !parameters.empty()) {
    if (!architecture_batches_)
      throw UsageError("sampler '" + std::string(sampler_.name()) +
                       "' learns on batches of its own; set data.arch_fraction above 0");
    const at::Tensor flat = flattened(parameters);
    arch_optimizer_.emplace(arch_optimizer_options(options_), flat, flat.numel());
  }
  if (options_.ema_decay > 0) average_ = supernet_.bank.weights().clone();
}

double Trainer::learning_rate(std::int64_t step) const {
  const auto s = static_cast<double>(step), warmup = static_cast<double>(options_.warmup_steps),
             total = static_cast<double>(options_.steps);
  if (s < warmup) return options_.lr * (s + 1) / warmup;
  return options_.lr * 0.5 * (1 + std::cos(std::numbers::pi * (s - warmup) / std::max(1.0, total - warmup)));
}

void Trainer::require_finite(const std::string& what, double value, std::span<const SampledSubnet> subnets) const {
  if (std::isfinite(value)) return;
  std::string archs;
  for (const auto& subnet : subnets) {
    archs += archs.empty() ? "" : ", ";
    archs +=
        subnet.selection.is_hard() ? supernet_.space->to_string(subnet.selection.architecture()) : "a soft selection";
  }
  throw Error("the " + what + " is not finite (" + std::to_string(value) + ") at step " + std::to_string(step_) +
              ", seed " + std::to_string(seed_) + ", subnet " + archs +
              "; a smaller trainer.lr or a longer trainer.warmup_steps may help");
}

at::Tensor Trainer::label_loss(const at::Tensor& logits, const at::Tensor& labels) const {
  return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Mean, -100, options_.label_smoothing);
}

at::Tensor Trainer::output_loss(const at::Tensor& logits, const at::Tensor& labels, at::Tensor* teacher) const {
  if (teacher && teacher->defined()) return -(*teacher * at::log_softmax(logits, 1)).sum(1).mean();
  if (teacher) *teacher = at::softmax(logits.detach(), 1);
  return label_loss(logits, labels);
}

at::Tensor Trainer::loss_of(const SampledSubnet& subnet, const LabelledImages& batch, Learn learn, at::Tensor* teacher,
                            std::int64_t* macs) {
  Autocast autocast(options_.bf16);
  const NetworkGraph graph = supernet_.build(subnet.selection);
  std::vector<NetworkGraph::Vertex> outputs = {graph.output()};
  if (learn == Learn::kWeights)
    for (const auto& auxiliary : graph.auxiliaries()) outputs.push_back(auxiliary.vertex);
  const Program program(graph, supernet_.bank, {.learn = learn, .gates = subnet.gates ? &*subnet.gates : nullptr},
                        outputs);
  const Forward forward = program(batch.images);
  const auto& logits = forward.outputs;
  *macs += forward.macs;
  at::Tensor loss = output_loss(logits.front().to(at::kFloat), batch.labels, teacher);
  for (std::size_t i = 1; i < outputs.size(); ++i)
    loss = loss + graph.auxiliaries()[i - 1].weight * label_loss(logits[i].to(at::kFloat), batch.labels);
  return loss;
}

double Trainer::architecture_step() {
  const TrainingState state{step_, options_.steps};
  auto subnets = sampler_.next(state, rng_);
  const LabelledImages batch = architecture_batches_(step_);
  const auto parameters = sampler_.parameters();
  for (auto parameter : parameters) parameter.mutable_grad().reset();
  std::int64_t macs = 0;
  double total = 0;
  for (const auto& subnet : subnets) {
    const at::Tensor loss = loss_of(subnet, batch, Learn::kGates, nullptr, &macs);
    const double value = loss.item<double>();
    require_finite("loss of the architecture parameters", value, std::span(&subnet, 1));
    total += value / static_cast<double>(subnets.size());
    loss.backward();
  }
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : parameters)
    gradients.push_back(parameter.grad().defined() ? parameter.grad() : at::zeros_like(parameter));
  at::Tensor values = flattened(parameters);
  arch_optimizer_->step(values, flattened(gradients), options_.arch_lr);
  std::int64_t offset = 0;
  for (auto parameter : parameters) {
    parameter.copy_(values.narrow(0, offset, parameter.numel()).view_as(parameter));
    parameter.mutable_grad().reset();
    offset += parameter.numel();
  }
  return total;
}

StepReport Trainer::step() {
  StepReport report;
  if (arch_optimizer_ && step_ >= options_.arch_warmup_steps) report.arch_loss = architecture_step();
  auto subnets = sampler_.next({step_, options_.steps}, rng_);
  const LabelledImages batch = batches_(step_);
  at::Tensor gradients = supernet_.bank.gradients();
  gradients.zero_();
  at::Tensor teacher;
  std::vector<Feedback> feedback;
  for (std::size_t i = 0; i < subnets.size(); ++i) {
    const at::Tensor loss =
        loss_of(subnets[i], batch, Learn::kWeights, options_.distill == "inplace" ? &teacher : nullptr, &report.macs);
    const double value = loss.item<double>();
    require_finite("training loss", value, std::span(&subnets[i], 1));
    loss.backward();
    feedback.push_back({i, value});
    report.loss += value / static_cast<double>(subnets.size());
  }
  if (options_.clip_norm > 0) {
    const double norm = gradients.norm().item<double>();
    require_finite("gradient norm", norm, subnets);
    if (norm > options_.clip_norm) gradients.mul_(options_.clip_norm / norm);
  }
  report.lr = learning_rate(step_);
  optimizer_.step(supernet_.bank.weights(), gradients, report.lr);
  if (average_.defined()) {
    // The first steps count as much as an average over them would.
    const double decay =
        std::min(options_.ema_decay, (1.0 + static_cast<double>(step_)) / (10.0 + static_cast<double>(step_)));
    average_.lerp_(supernet_.bank.weights(), 1 - decay);
  }
  sampler_.observe(feedback);
  report.step = ++step_;
  return report;
}

void Trainer::use_average() {
  if (average_.defined()) supernet_.bank.weights().copy_(average_);
}

std::map<std::string, at::Tensor> Trainer::state_tensors() const {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : optimizer_.state()) tensors.emplace("optimizer." + name, tensor);
  if (average_.defined()) tensors.emplace("average", average_);
  if (arch_optimizer_) {
    for (const auto& [name, tensor] : arch_optimizer_->state()) tensors.emplace("arch_optimizer." + name, tensor);
    tensors.emplace("architecture", flattened(sampler_.parameters()));
  }
  return tensors;
}

nlohmann::json Trainer::state() const { return {{"step", step_}, {"rng", rng_.state()}, {"sampler", sampler_.save()}}; }

void Trainer::load(const std::map<std::string, at::Tensor>& tensors, const nlohmann::json& state) {
  at::NoGradGuard no_grad;
  const auto with_prefix = [&](const std::string& prefix) {
    std::map<std::string, at::Tensor> part;
    for (const auto& [name, tensor] : tensors)
      if (name.starts_with(prefix)) part.emplace(name.substr(prefix.size()), tensor);
    return part;
  };
  const auto need = [&](const char* name, std::int64_t numel) -> const at::Tensor& {
    const auto it = tensors.find(name);
    if (it == tensors.end() || it->second.numel() != numel)
      throw UsageError(std::string("the checkpoint's '") + name + "' is missing or was made with other settings");
    return it->second;
  };
  optimizer_.load(with_prefix("optimizer."));
  if (average_.defined()) average_.copy_(need("average", average_.numel()));
  if (arch_optimizer_) {
    arch_optimizer_->load(with_prefix("arch_optimizer."));
    const auto parameters = sampler_.parameters();
    const at::Tensor values = need("architecture", flattened(parameters).numel());
    std::int64_t offset = 0;
    for (auto parameter : parameters) {
      parameter.copy_(values.narrow(0, offset, parameter.numel()).view_as(parameter));
      offset += parameter.numel();
    }
  }
  if (!state.is_object() || !state.contains("step") || !state["step"].is_number_integer() || !state.contains("rng") ||
      !state["rng"].is_string() || !state.contains("sampler"))
    throw UsageError("the checkpoint's trainer state is incomplete");
  step_ = state["step"].get<std::int64_t>();
  rng_ = Rng::from_state(state["rng"].get<std::string>());
  sampler_.load(state["sampler"]);
}

}  // namespace frontier
