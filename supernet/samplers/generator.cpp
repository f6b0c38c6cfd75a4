#include "supernet/samplers/generator.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "supernet/samplers/gumbel.h"

namespace frontier {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::string head_name(const Decision& decision) {
  return "head.kind" + std::to_string(static_cast<int>(decision.kind)) + "of" + std::to_string(decision.options.size());
}

std::vector<Parameter> parameters_of(std::span<const Decision> decisions, const GeneratorOptions& options) {
  std::vector<Parameter> parameters;
  const auto add = [&](std::string name, std::vector<std::int64_t> shape, Initializer initializer) {
    parameters.push_back({.name = std::move(name),
                          .shape = std::move(shape),
                          .group = "generator",
                          .initializer = std::move(initializer)});
  };
  const std::int64_t hidden = options.hidden;
  const Initializer usual{"uniform", 1 / std::sqrt(static_cast<double>(hidden))};  // as of LSTMs in PyTorch
  add("cost.weight", {hidden}, {"normal", 1});
  add("places", {static_cast<std::int64_t>(decisions.size()), hidden}, usual);
  for (const char* name : {"cell.input", "cell.hidden"})
    add(std::string(name) + ".weight", {4 * hidden, hidden}, usual);
  for (const char* name : {"cell.input", "cell.hidden"}) add(std::string(name) + ".bias", {4 * hidden}, usual);
  std::set<std::string> known;
  for (const Decision& decision : decisions) {
    if (!known.insert(head_name(decision)).second) continue;
    const auto options_of = static_cast<std::int64_t>(decision.options.size());
    add(head_name(decision) + ".weight", {options_of, hidden}, {"normal", options.head_deviation});
    add(head_name(decision) + ".bias", {options_of}, {"zero"});
    add(head_name(decision) + ".chosen", {options_of, hidden}, usual);
  }
  return parameters;
}

std::vector<float> log_softmax(std::span<const float> logits) {
  const float most = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  std::vector<float> all;
  for (const float logit : logits) all.push_back(logit - most - std::log(sum));
  return all;
}

std::size_t place_of_greatest(std::span<const float> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

/// Gumbel noise of every option, one decision behind the other.
std::vector<float> noise_of(std::span<const Decision> decisions, Rng& rng) {
  std::vector<float> noise;
  for (const Decision& decision : decisions)
    for (std::size_t o = 0; o < decision.options.size(); ++o) noise.push_back(static_cast<float>(gumbel(rng)));
  return noise;
}

/// A draw, and what its gradient needs.
struct Drawn : public torch::CustomClassHolder {
  std::vector<float> noise;
  float temperature = 1;
  std::optional<Rollout> rollout;
  std::vector<float> log_p, relaxed;  ///< one decision behind the other

  std::size_t choose(std::span<const float> logits) {
    const std::vector<float> own = log_softmax(logits);
    std::vector<float> noisy;
    for (std::size_t o = 0; o < own.size(); ++o) noisy.push_back((own[o] + noise[log_p.size() + o]) / temperature);
    log_p.insert(log_p.end(), own.begin(), own.end());
    for (const float l : log_softmax(noisy)) relaxed.push_back(std::exp(l));
    return place_of_greatest(noisy);
  }
  double entropy(std::size_t d) const {
    double sum = 0;
    for (std::size_t i = rollout->begin(d); i < rollout->begin(d + 1); ++i)
      sum -= std::exp(static_cast<double>(log_p[i])) * log_p[i];
    return sum;
  }
  /// From the gradient by the one-hot choice, which is taken for that by the relaxed one, to that by the logits, where
  /// that by the entropy is added.
  void through_choice(std::size_t d, std::span<float> gradient, float by_entropy) const {
    const std::size_t begin = rollout->begin(d), n = gradient.size();
    float along = 0, by_all = 0;
    for (std::size_t i = 0; i < n; ++i) along += relaxed[begin + i] * gradient[i];
    for (std::size_t i = 0; i < n; ++i) {
      gradient[i] = relaxed[begin + i] * (gradient[i] - along) / temperature;
      by_all += gradient[i];
    }
    const auto own = static_cast<float>(entropy(d));
    for (std::size_t i = 0; i < n; ++i) {
      const float p = std::exp(log_p[begin + i]);
      gradient[i] -= p * (by_all + by_entropy * (log_p[begin + i] + own));
    }
  }
};
using DrawnPtr = c10::intrusive_ptr<Drawn>;

/// Gates of all decisions one behind the other, and the mean entropy.
class DrawNode : public torch::autograd::Function<DrawNode> {
 public:
  static variable_list forward(AutogradContext* context, const DrawnPtr& drawn, const at::Tensor& cost,
                               at::TensorList weights) {
    context->saved_data["drawn"] = c10::IValue::make_capsule(drawn);
    std::vector<float> gates(drawn->rollout->num_logits(), 0);
    double entropy = 0;
    const std::size_t n = drawn->rollout->decisions();
    for (std::size_t d = 0; d < n; ++d) {
      gates[drawn->rollout->begin(d) + drawn->rollout->choice(d)] = 1;
      entropy += drawn->entropy(d) / static_cast<double>(n);
    }
    return {at::tensor(gates).to(weights[0].device()), at::scalar_tensor(entropy, cost.options())};
  }
  static variable_list backward(AutogradContext* context, const variable_list& by_output) {
    const auto drawn = c10::static_intrusive_pointer_cast<Drawn>(context->saved_data["drawn"].toCapsule());
    const at::Device device = by_output[0].device();
    const at::Tensor by_gates = by_output[0].to(at::kCPU).contiguous();
    const float by_entropy = by_output[1].item<float>() / static_cast<float>(drawn->rollout->decisions());
    const Rollout::Gradients gradients = drawn->rollout->backward(
        {by_gates.const_data_ptr<float>(), static_cast<std::size_t>(by_gates.numel())},
        [&](std::size_t d, std::span<float> gradient) { drawn->through_choice(d, gradient, by_entropy); });
    variable_list all{at::Tensor(), at::scalar_tensor(gradients.cost, at::kFloat).to(device)};
    for (const at::Tensor& gradient : gradients.weights.list()) all.push_back(gradient.to(device));
    return all;
  }
};

}  // namespace

ArchitectureGenerator::ArchitectureGenerator(std::span<const Decision> decisions, const GeneratorOptions& options,
                                             const Rng& rng)
    : decisions_(decisions.begin(), decisions.end()), parameters_(parameters_of(decisions, options), rng) {
  for (const Decision& decision : decisions_) {
    const std::string name = head_name(decision);
    heads_.push_back(
        static_cast<std::size_t>(std::find(head_names_.begin(), head_names_.end(), name) - head_names_.begin()));
    if (heads_.back() == head_names_.size()) head_names_.push_back(name);
  }
}

RolloutWeights ArchitectureGenerator::weights(bool learns) const {
  const auto of = [&](const std::string& name) {
    return learns ? learned(parameters_, name) : parameters_.value(name).to(at::kCPU);
  };
  RolloutWeights all{of("cost.weight"),
                     of("places"),
                     of("cell.input.weight"),
                     of("cell.hidden.weight"),
                     of("cell.input.bias"),
                     of("cell.hidden.bias"),
                     {}};
  for (const std::string& name : head_names_)
    all.heads.push_back({of(name + ".weight"), of(name + ".bias"), of(name + ".chosen")});
  return all;
}

ArchitectureGenerator::Policies ArchitectureGenerator::policies(const Rollout& rollout) const {
  Policies said;
  for (std::size_t d = 0; d < decisions_.size(); ++d) {
    const std::vector<float> scores = log_softmax(rollout.logits(d));
    said.scores.emplace_back(scores.begin(), scores.end());
    said.arch.choices.push_back(static_cast<std::uint16_t>(rollout.choice(d)));
  }
  return said;
}

ArchitectureGenerator::Policies ArchitectureGenerator::draw(const at::Tensor& cost, double temperature,
                                                            Rng& rng) const {
  auto state = c10::make_intrusive<Drawn>();
  state->noise = noise_of(decisions_, rng);
  state->temperature = static_cast<float>(temperature);
  state->rollout.emplace(weights(false), heads_, cost.item<float>(),
                         [&](std::size_t, std::span<const float> logits) { return state->choose(logits); });
  Policies result = policies(*state->rollout);
  const std::vector<at::Tensor> inputs = weights(true).list();
  const variable_list outputs = DrawNode::apply(state, cost, at::TensorList(inputs));
  std::vector<std::int64_t> sizes;
  for (const Decision& decision : decisions_) sizes.push_back(static_cast<std::int64_t>(decision.options.size()));
  result.gates = outputs[0].split_with_sizes(sizes);
  result.entropy = outputs[1];
  return result;
}

ArchitectureGenerator::Policies ArchitectureGenerator::likeliest(double cost) const {
  const auto choose = [](std::size_t, std::span<const float> logits) { return place_of_greatest(logits); };
  return policies(Rollout(weights(false), heads_, static_cast<float>(cost), choose));
}

ArchitectureGenerator::Policies ArchitectureGenerator::drawn(double cost, Rng& rng) const {
  Drawn state;
  state.noise = noise_of(decisions_, rng);
  const Rollout rollout(weights(false), heads_, static_cast<float>(cost),
                        [&](std::size_t, std::span<const float> logits) { return state.choose(logits); });
  Policies result = policies(rollout);
  for (std::size_t d = 0; d < decisions_.size(); ++d)
    for (std::size_t o = 0; o < result.scores[d].size(); ++o) result.scores[d][o] += state.noise[rollout.begin(d) + o];
  return result;
}

}  // namespace frontier
