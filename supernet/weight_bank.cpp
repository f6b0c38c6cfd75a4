#include "supernet/weight_bank.h"

#include <torch/types.h>

namespace frontier {
namespace {

/// Strides of a parameter in the buffer: as activations lie, channels-last for convolution weights, a position's
/// channels together.
std::vector<std::int64_t> parameter_strides(const std::vector<std::int64_t>& shape, const ParameterSpec& spec) {
  if (shape.size() == 4) return {shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1], shape[1]};
  if (spec.last_first) return {1, shape[0]};
  return {};  // row by row
}

Initializer initializer_of(const ParameterSpec& spec, const BankOptions& options) {
  if (spec.decays && !options.initializer.empty()) return {options.initializer};
  switch (spec.init) {
    case Init::kZero: return {"zero"};
    case Init::kOne: return {"one"};
    case Init::kHeNormal: return {"he_normal"};
    case Init::kLinear: return {"normal", 0.01};
    case Init::kPosition: return {"normal", 0.02};
  }
  return {};
}

/// What the layers of `graph` need, each at its largest.
std::vector<Parameter> bank_parameters(const NetworkGraph& graph, bool with_auxiliaries, const BankOptions& options) {
  std::vector<Parameter> parameters;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    if (graph[v].training_only && !with_auxiliaries) continue;
    for (const ParameterSpec& spec : parameters_of(graph, v)) {
      std::vector<std::int64_t> shape;
      for (const Dim& dim : spec.shape) shape.push_back(dim.max());
      auto strides = parameter_strides(shape, spec);
      parameters.push_back({.name = graph[v].name + "." + spec.name,
                            .shape = std::move(shape),
                            .strides = std::move(strides),
                            .num_centred = spec.num_centred,
                            .decays = spec.decays,
                            .initializer = initializer_of(spec, options)});
    }
  }
  return parameters;
}

}  // namespace

WeightBank::WeightBank(const NetworkGraph& graph, const Rng& rng, const BankOptions& options)
    : ParameterStore(bank_parameters(graph, /*with_auxiliaries=*/true, options), rng, options.type) {}

WeightBank WeightBank::extract(const NetworkGraph& subnet) const {
  WeightBank own(ParameterStore(
      std::make_shared<const ParameterLayout>(bank_parameters(subnet, /*with_auxiliaries=*/false, {})), type()));
  own.to(device());
  for (const std::string& name : own.take_slices(*this)) layout().index(name);  // throws
  return own;
}

std::vector<std::string> WeightBank::take_slices(const WeightBank& other) {
  at::NoGradGuard no_grad;
  std::vector<std::string> left;
  for (const auto& p : parameters()) {
    if (other.contains(p.name)) {
      parameter(p).copy_(other.slice(p.name, p.shape));
    } else {
      left.push_back(p.name);
    }
  }
  return left;
}

}  // namespace frontier
