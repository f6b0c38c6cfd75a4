#include "supernet/weight_bank.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

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

Initializer initializer_of(const Wanted& wanted, const BankOptions& options) {
  if (wanted.init == Init::kOne) return {"one"};
  if (wanted.decays && !options.initializer.empty()) return {options.initializer};
  const double deviation = initial_deviation(wanted);
  return deviation == 0 ? Initializer{"zero"} : Initializer{"normal", deviation};
}

/// What the layers of `graph` need, in the order of the layout.
std::vector<Parameter> parameters_of(const NetworkGraph& graph, bool with_auxiliaries, const BankOptions& options) {
  std::vector<Parameter> parameters;
  for (const Wanted& w : wanted_parameters(graph, with_auxiliaries))
    parameters.push_back({.name = w.name,
                          .shape = w.shape,
                          .strides = parameter_strides(w),
                          .num_centred = w.num_centred,
                          .decays = w.decays,
                          .initializer = initializer_of(w, options)});
  return parameters;
}

}  // namespace

WeightBank::WeightBank(const NetworkGraph& graph, const Rng& rng, const BankOptions& options)
    : ParameterStore(parameters_of(graph, /*with_auxiliaries=*/true, options), rng, options.type) {}

WeightBank WeightBank::extract(const NetworkGraph& subnet) const {
  at::NoGradGuard no_grad;
  WeightBank own(ParameterStore(
      std::make_shared<const ParameterLayout>(parameters_of(subnet, /*with_auxiliaries=*/false, {})), type()));
  own.to(device());
  for (const auto& p : own.parameters()) own.parameter(p).copy_(slice(p.name, p.shape));
  return own;
}

}  // namespace frontier
