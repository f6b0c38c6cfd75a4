#include "supernet/weight_bank.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

enum class Init { kZero, kOne, kHeNormal, kLinear, kPosition };

struct Wanted {
  std::string name;
  std::vector<std::int64_t> shape;
  Init init;
  bool decays = false;
  bool last_first = false;      ///< in memory the first dimension is the densest
  std::size_t num_centred = 0;  ///< so many last dimensions are cut around their centre
};

const Shape& input_shape(const NetworkGraph& graph, NetworkGraph::Vertex v, std::size_t slot = 0) {
  return graph[graph.inputs(v)[slot]].output;
}

void want_attention(const NetworkGraph& graph, NetworkGraph::Vertex v, std::vector<Wanted>& wanted) {
  const Layer& layer = graph[v];
  if (layer.position == Position::kBias)
    wanted.push_back({.name = layer.name + ".position_bias",
                      .shape = {layer.heads.max(), 2 * layer.output.height.max() - 1, 2 * layer.output.width.max() - 1},
                      .init = Init::kPosition,
                      .num_centred = 2});
  if (layer.position != Position::kRelative) return;
  const std::int64_t rows = 2 * layer.max_distance + 2;
  const std::int64_t key = (input_shape(graph, v).channels / layer.heads).max();
  const std::int64_t value = (layer.output.channels / layer.heads).max();
  for (const char* axis : {"vertical", "horizontal"}) {
    wanted.push_back({layer.name + ".relative_key_" + axis, {rows, key}, Init::kPosition});
    wanted.push_back({layer.name + ".relative_value_" + axis, {rows, value}, Init::kPosition});
  }
}

void want_layer(const NetworkGraph& graph, NetworkGraph::Vertex v, std::vector<Wanted>& wanted) {
  const Layer& layer = graph[v];
  const std::int64_t out = layer.output.channels.max();
  switch (layer.kind) {
    case LayerKind::kConv: {
      const std::int64_t in = (input_shape(graph, v).channels / layer.groups).max(), k = layer.kernel.max();
      wanted.push_back({.name = layer.name + ".weight",
                        .shape = {out, in, k, k},
                        .init = Init::kHeNormal,
                        .decays = true,
                        .num_centred = 2});
      break;
    }
    case LayerKind::kLinear: {
      const Shape& in = input_shape(graph, v);
      wanted.push_back(
          {layer.name + ".weight", {out, (in.channels * in.height * in.width).max()}, Init::kLinear, true});
      break;
    }
    case LayerKind::kBatchNorm:
    case LayerKind::kLayerNorm:
      wanted.push_back({layer.name + ".weight", {out}, Init::kOne});
      wanted.push_back({layer.name + ".bias", {out}, Init::kZero});
      break;
    case LayerKind::kTokens:
      wanted.push_back({layer.name + ".class_token", {out}, Init::kPosition});
      wanted.push_back({.name = layer.name + ".position",
                        .shape = {out, layer.output.height.max()},
                        .init = Init::kPosition,
                        .last_first = true});
      break;
    case LayerKind::kAttention: want_attention(graph, v, wanted); break;
    default: break;
  }
  if (layer.bias) wanted.push_back({layer.name + ".bias", {out}, Init::kZero});
}

/// Parameters of the layers of `graph`, each at its largest shape.
std::vector<Wanted> wanted_parameters(const NetworkGraph& graph, bool with_auxiliaries) {
  std::vector<Wanted> wanted;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (with_auxiliaries || !graph[v].training_only) want_layer(graph, v, wanted);
  std::stable_partition(wanted.begin(), wanted.end(), [](const Wanted& w) { return w.decays; });
  return wanted;
}

/// Strides of a parameter in the buffer: as activations lie, channels-last for convolution weights, a position's
/// channels together.
std::vector<std::int64_t> parameter_strides(const Wanted& wanted) {
  const auto& shape = wanted.shape;
  if (shape.size() == 4) return {shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1], shape[1]};
  if (wanted.last_first) return {1, shape[0]};
  if (shape.size() == 3) return {shape[1] * shape[2], shape[2], 1};
  if (shape.size() == 2) return {shape[1], 1};
  return {1};
}

/// Standard deviation of the normal draws that a parameter starts from.
double initial_deviation(const Wanted& wanted) {
  switch (wanted.init) {
    case Init::kHeNormal: {
      // He et al. over the fan-out; a depthwise convolution (one input channel a group) has a fan-out of its kernel
      // alone.
      const auto& shape = wanted.shape;
      return std::sqrt(2.0 /
                       (static_cast<double>(shape[2] * shape[3]) * static_cast<double>(shape[1] == 1 ? 1 : shape[0])));
    }
    case Init::kLinear: return 0.01;
    // The usual truncated normal cuts at -2 and 2, a hundred deviations away.
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
    parameters_.push_back({w.name, w.shape, parameter_strides(w), offset, numel, w.num_centred});
    offset += numel;
    if (w.decays) num_decayed_ = offset;
  }
  weights_ = at::zeros({offset}, at::kFloat);
  gradients_ = at::zeros({offset}, at::kFloat);
  float* data = weights_.data_ptr<float>();
  for (std::size_t i = 0; rng != nullptr && i < wanted.size(); ++i) {
    float* values = data + parameters_[i].offset;
    if (wanted[i].init == Init::kOne) std::fill_n(values, parameters_[i].numel, 1.0F);
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
