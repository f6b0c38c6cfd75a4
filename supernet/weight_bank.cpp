#include "supernet/weight_bank.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

/// A parameter of the bank: a layer's, at its largest.
struct Wanted {
  std::string name;
  std::vector<std::int64_t> shape;
  ParameterSpec spec;
};

/// Parameters of the layers of `graph`, each at its largest shape, those with weight decay first.
std::vector<Wanted> wanted_parameters(const NetworkGraph& graph, bool with_auxiliaries) {
  std::vector<Wanted> wanted;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    if (graph[v].training_only && !with_auxiliaries) continue;
    for (auto& spec : parameters_of(graph, v)) {
      std::vector<std::int64_t> shape;
      for (const Dim& dim : spec.shape) shape.push_back(dim.max());
      wanted.push_back({graph[v].name + "." + spec.name, std::move(shape), std::move(spec)});
    }
  }
  std::stable_partition(wanted.begin(), wanted.end(), [](const Wanted& w) { return w.spec.decays; });
  return wanted;
}

/// Strides of a parameter in the buffer: as activations lie, channels-last for convolution weights, a position's
/// channels together.
std::vector<std::int64_t> parameter_strides(const Wanted& wanted) {
  const auto& shape = wanted.shape;
  if (shape.size() == 4) return {shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1], shape[1]};
  if (wanted.spec.last_first) return {1, shape[0]};
  if (shape.size() == 3) return {shape[1] * shape[2], shape[2], 1};
  if (shape.size() == 2) return {shape[1], 1};
  return {1};
}

/// Standard deviation of the normal draws that a parameter starts from.
double initial_deviation(const Wanted& wanted) {
  switch (wanted.spec.init) {
    case Init::kHeNormal: {
      // He et al. over the fan-out; a depthwise convolution (one input channel a group) has a fan-out of its kernel
      // alone.
      const auto& shape = wanted.shape;
      return std::sqrt(2.0 /
                       (static_cast<double>(shape[2] * shape[3]) * static_cast<double>(shape[1] == 1 ? 1 : shape[0])));
    }
    case Init::kLinear: return 0.01;
    case Init::kPosition: return 0.02;
    default: return 0;
  }
}

}  // namespace

WeightBank::WeightBank(const NetworkGraph& graph, const Rng& rng)
    : WeightBank(graph, &rng, /*with_auxiliaries=*/true) {}

WeightBank::WeightBank(const NetworkGraph& graph, const Rng* rng, bool with_auxiliaries) {
  std::int64_t offset = 0;
  const auto wanted = wanted_parameters(graph, with_auxiliaries);
  for (const Wanted& w : wanted) {
    std::int64_t numel = 1;
    for (const auto size : w.shape) numel *= size;
    if (!index_.emplace(w.name, parameters_.size()).second)
      throw std::logic_error("two parameters are named '" + w.name + "'");
    parameters_.push_back({w.name, w.shape, parameter_strides(w), offset, numel, w.spec.num_centred});
    offset += numel;
    if (w.spec.decays) num_decayed_ = offset;
  }
  weights_ = at::zeros({offset}, at::kFloat);
  gradients_ = at::zeros({offset}, at::kFloat);
  float* data = weights_.data_ptr<float>();
  for (std::size_t i = 0; rng != nullptr && i < wanted.size(); ++i) {
    float* values = data + parameters_[i].offset;
    if (wanted[i].spec.init == Init::kOne) std::fill_n(values, parameters_[i].numel, 1.0F);
    const double deviation = initial_deviation(wanted[i]);
    if (deviation == 0) continue;
    Rng draws = rng->split(i);
    for (std::int64_t k = 0; k < parameters_[i].numel; ++k) values[k] = static_cast<float>(deviation * draws.normal());
  }
}

at::Tensor WeightBank::view(const at::Tensor& flat, const Parameter& p) {
  return flat.as_strided(p.shape, p.strides, p.offset);
}

at::Tensor WeightBank::view_slice(const at::Tensor& flat, const std::string& name, at::IntArrayRef shape) const {
  const auto it = index_.find(name);
  if (it == index_.end()) throw std::logic_error("the weight bank has no parameter '" + name + "'");
  const Parameter& p = parameters_[it->second];
  std::int64_t offset = p.offset;
  bool fits = shape.size() == p.shape.size();
  for (std::size_t d = 0; fits && d < shape.size(); ++d) {
    fits = shape[d] <= p.shape[d] && shape[d] > 0;
    if (d + p.num_centred >= shape.size()) offset += (p.shape[d] - shape[d]) / 2 * p.strides[d];
  }
  if (!fits) throw std::logic_error("parameter '" + name + "' has no slice of the shape asked for");
  return flat.as_strided(shape, p.strides, offset);
}

WeightBank WeightBank::extract(const NetworkGraph& subnet) const {
  at::NoGradGuard no_grad;
  WeightBank own(subnet, nullptr, /*with_auxiliaries=*/false);
  own.to(weights_.device());
  for (const auto& p : own.parameters_) own.parameter(p).copy_(view_slice(weights_, p.name, p.shape));
  return own;
}

void WeightBank::to(at::Device device) {
  weights_ = weights_.to(device);
  gradients_ = gradients_.to(device);
}

void WeightBank::load(const std::map<std::string, at::Tensor>& tensors) {
  at::NoGradGuard no_grad;
  for (const auto& p : parameters_) {
    const auto it = tensors.find(p.name);
    if (it == tensors.end())
      throw UsageError("the weights lack parameter '" + p.name + "'; they belong to another space or version");
    if (it->second.sizes() != at::IntArrayRef(p.shape) || it->second.scalar_type() != at::kFloat)
      throw UsageError("the weights of '" + p.name + "' have another shape or type than this space needs");
  }
  for (const auto& [name, tensor] : tensors)
    if (!contains(name))
      throw UsageError("the weights hold parameter '" + printable(name) + "', which this space does not know");
  for (const auto& p : parameters_) parameter(p).copy_(tensors.at(p.name));
}

std::map<std::string, at::Tensor> WeightBank::tensors() const {
  std::map<std::string, at::Tensor> result;
  for (const auto& p : parameters_) result.emplace(p.name, parameter(p).contiguous());
  return result;
}

}  // namespace frontier
