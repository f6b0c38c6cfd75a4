#include "supernet/weight_bank.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

struct Wanted {
  std::string name;
  std::vector<std::int64_t> shape;
  LayerKind kind;
  bool decays;
};

/// Parameters of the layers of `graph`, each at its largest shape.
std::vector<Wanted> wanted_parameters(const NetworkGraph& graph) {
  std::vector<Wanted> wanted;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const Layer& layer = graph[v];
    const std::int64_t out = layer.output.channels.max();
    switch (layer.kind) {
      case LayerKind::kConv: {
        const Dim in = graph[graph.inputs(v).front()].output.channels / layer.groups;
        wanted.push_back(
            {layer.name + ".weight", {out, in.max(), layer.kernel.max(), layer.kernel.max()}, layer.kind, true});
        break;
      }
      case LayerKind::kLinear: {
        const Shape& in = graph[graph.inputs(v).front()].output;
        wanted.push_back({layer.name + ".weight", {out, (in.channels * in.height * in.width).max()}, layer.kind, true});
        break;
      }
      case LayerKind::kBatchNorm:
        wanted.push_back({layer.name + ".weight", {out}, layer.kind, false});
        wanted.push_back({layer.name + ".bias", {out}, layer.kind, false});
        break;
      default: break;
    }
    if (layer.bias) wanted.push_back({layer.name + ".bias", {out}, layer.kind, false});
  }
  std::stable_partition(wanted.begin(), wanted.end(), [](const Wanted& w) { return w.decays; });
  return wanted;
}

/// Strides of a parameter in the buffer: channels-last for convolution weights.
std::vector<std::int64_t> parameter_strides(const std::vector<std::int64_t>& shape) {
  if (shape.size() == 4) return {shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1], shape[1]};
  if (shape.size() == 2) return {shape[1], 1};
  return {1};
}

}  // namespace

WeightBank::WeightBank(const NetworkGraph& graph, const Rng& rng) {
  std::int64_t offset = 0;
  const auto wanted = wanted_parameters(graph);
  for (const auto& [name, shape, kind, decays] : wanted) {
    std::int64_t numel = 1;
    for (const auto size : shape) numel *= size;
    if (!index_.emplace(name, parameters_.size()).second)
      throw std::logic_error("two parameters are named '" + name + "'");
    parameters_.push_back({name, shape, parameter_strides(shape), offset, numel});
    offset += numel;
    if (decays) num_decayed_ = offset;
  }
  weights_ = at::zeros({offset}, at::kFloat);
  gradients_ = at::zeros({offset}, at::kFloat);
  float* data = weights_.data_ptr<float>();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& [name, shape, kind, decays] = wanted[i];
    float* values = data + parameters_[i].offset;
    const auto fill_normal = [&](double deviation) {
      Rng draws = rng.split(i);
      for (std::int64_t k = 0; k < parameters_[i].numel; ++k)
        values[k] = static_cast<float>(deviation * draws.normal());
    };
    if (!decays) {
      const bool norm_scale = kind == LayerKind::kBatchNorm && name.ends_with(".weight");
      std::fill_n(values, parameters_[i].numel, norm_scale ? 1.0F : 0.0F);
    } else if (kind == LayerKind::kLinear) {
      fill_normal(0.01);
    } else {
      // He et al. over the fan-out; a depthwise convolution (one input channel a group) has a fan-out of its kernel
      // alone.
      const double fan_out =
          static_cast<double>(shape[2] * shape[3]) * static_cast<double>(shape[1] == 1 ? 1 : shape[0]);
      fill_normal(std::sqrt(2.0 / fan_out));
    }
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
    if (d >= 2) offset += (p.shape[d] - shape[d]) / 2 * p.strides[d];  // the centre of a kernel
  }
  if (!fits) throw std::logic_error("parameter '" + name + "' has no slice of the shape asked for");
  return flat.as_strided(shape, p.strides, offset);
}

WeightBank WeightBank::extract(const NetworkGraph& subnet) const {
  at::NoGradGuard no_grad;
  WeightBank own(subnet, Rng(0));
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
