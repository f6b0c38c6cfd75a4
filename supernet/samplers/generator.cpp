#include "supernet/samplers/generator.h"

#include <torch/types.h>

#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "supernet/numbers.h"
#include "supernet/samplers/gumbel.h"

namespace frontier {
namespace {

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

}  // namespace

ArchitectureGenerator::ArchitectureGenerator(std::span<const Decision> decisions, const GeneratorOptions& options,
                                             const Rng& rng)
    : decisions_(decisions.begin(), decisions.end()),
      options_(options),
      parameters_(parameters_of(decisions, options), rng) {}

template <class Choose>
ArchitectureGenerator::Policies ArchitectureGenerator::run(const at::Tensor& cost, bool learns,
                                                           const Choose& choose) const {
  const auto of = [&](const std::string& name) {
    return learns ? learned(parameters_, name) : parameters_.value(name);
  };
  const at::Tensor wanted = (cost * of("cost.weight")).unsqueeze(0), places = of("places");
  const at::Tensor input = of("cell.input.weight"), recurrent = of("cell.hidden.weight");
  const at::Tensor input_bias = of("cell.input.bias"), recurrent_bias = of("cell.hidden.bias");
  at::Tensor hidden = at::zeros({1, options_.hidden}, parameters_.values().options()), memory = hidden;
  std::map<std::string, at::Tensor> heads;
  const auto head = [&](const std::string& name) -> const at::Tensor& {
    at::Tensor& known = heads[name];
    if (!known.defined()) known = of(name);
    return known;
  };
  Policies policies;
  at::Tensor x = wanted;
  for (std::size_t d = 0; d < decisions_.size(); ++d) {
    x = x + places.slice(0, static_cast<std::int64_t>(d), static_cast<std::int64_t>(d) + 1);
    std::tie(hidden, memory) = at::lstm_cell(x, {hidden, memory}, input, recurrent, input_bias, recurrent_bias);
    const std::string name = head_name(decisions_[d]);
    policies.logits.push_back(at::linear(hidden, head(name + ".weight"), head(name + ".bias")).squeeze(0));
    policies.gates.push_back(choose(policies.logits.back()));
    policies.arch.choices.push_back(
        static_cast<std::uint16_t>(policies.gates.back().detach().argmax(0).template item<std::int64_t>()));
    x = wanted + at::matmul(policies.gates.back(), head(name + ".chosen")).unsqueeze(0);
  }
  return policies;
}

ArchitectureGenerator::Policies ArchitectureGenerator::draw(const at::Tensor& cost, double temperature,
                                                            Rng& rng) const {
  return run(cost, true, [&](const at::Tensor& logits) {
    const at::Tensor noise =
        gumbel_noise(static_cast<std::size_t>(logits.numel()), rng, parameters_.values().options());
    return straight_through(logits, noise, temperature);
  });
}

ArchitectureGenerator::Policies ArchitectureGenerator::likeliest(double cost) const {
  at::NoGradGuard no_grad;
  const at::TensorOptions options = parameters_.values().options();
  return run(at::full({}, cost, options), false,
             [&](const at::Tensor& logits) { return one_hot(logits.numel(), logits.argmax(0), options); });
}

std::vector<std::vector<double>> log_probabilities(const ArchitectureGenerator::Policies& policies) {
  std::vector<std::vector<double>> all;
  for (const at::Tensor& logits : policies.logits)
    all.push_back(numbers_of(at::log_softmax(logits.to(at::kDouble), 0)));
  return all;
}

}  // namespace frontier
