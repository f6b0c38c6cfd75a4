#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "search_spaces/network_graph.h"
#include "supernet/executor.h"
#include "supernet/layers.h"
#include "support/reference_attention.h"

namespace frontier::testing_support {

/// Attention of a layer with its positions, all pairs written out.
inline at::Tensor reference_attention(const Layer& layer, const std::vector<at::Tensor>& in,
                                      const std::function<at::Tensor(const std::string&)>& parameter) {
  const std::int64_t heads = layer.heads.value(), h = layer.grid_height.value(), w = layer.grid_width.value();
  const auto vectors = [&](const std::string& what) {
    return pair_vectors({parameter(layer.name + ".relative_" + what + "_vertical"),
                         parameter(layer.name + ".relative_" + what + "_horizontal")},
                        h, w);
  };
  switch (layer.position) {
    case Position::kNone: break;
    case Position::kBias:
      return attention_reference(in[0], in[1], in[2], heads,
                                 bias_matrix(parameter(layer.name + ".position_bias"), in[0].size(2), in[0].size(3)));
    case Position::kRelative:
      return attention_reference(in[0], in[1], in[2], heads, {}, vectors("key"), vectors("value"));
  }
  return attention_reference(in[0], in[1], in[2], heads);
}

/// The slow oracle of the executor: one ATen call a layer, nothing fused, in the type of `images` (give it double).
/// Batch norm uses the batch's statistics, or `statistics` where given. Auxiliary layers without parameters are left
/// out. @returns the value of every vertex.
inline std::vector<at::Tensor> reference_values(const NetworkGraph& graph,
                                                const std::map<std::string, at::Tensor>& parameters,
                                                const at::Tensor& images,
                                                const BatchNormStatistics* statistics = nullptr,
                                                const SelectionWeights& weights = {}) {
  const auto parameter = [&](const std::string& name) { return parameters.at(name).to(images.scalar_type()); };
  const auto bias = [&](const Layer& layer) {
    return layer.bias ? std::optional(parameter(layer.name + ".bias")) : std::nullopt;
  };
  std::vector<at::Tensor> values(graph.size());
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const Layer& layer = graph[v];
    std::vector<at::Tensor> in;
    for (const auto input : graph.inputs(v)) in.push_back(values[input]);
    if (layer.training_only &&
        (!in.front().defined() || (has_weights(layer) && !parameters.contains(layer.name + ".weight"))))
      continue;
    at::Tensor& y = values[v];
    const std::int64_t k = layer.kernel.value(), padding = k % 2 == 0 ? 0 : layer.dilation * (k - 1) / 2;
    switch (layer.kind) {
      case LayerKind::kInput: y = images; break;
      case LayerKind::kConv:
        y = at::conv2d(in[0], parameter(layer.name + ".weight"), bias(layer), layer.stride, padding, layer.dilation,
                       layer.groups.value());
        break;
      case LayerKind::kBatchNorm: {
        at::Tensor mean = in[0].mean(at::IntArrayRef{0, 2, 3}), variance = in[0].var(at::IntArrayRef{0, 2, 3}, false);
        if (statistics) {
          mean = statistics->at(v).mean.to(images.scalar_type());
          variance = statistics->at(v).variance.to(images.scalar_type());
        }
        const auto wide = [](const at::Tensor& t) { return t.reshape({1, -1, 1, 1}); };
        y = (in[0] - wide(mean)) / wide((variance + kBatchNormEpsilon).sqrt()) *
                wide(parameter(layer.name + ".weight")) +
            wide(parameter(layer.name + ".bias"));
        break;
      }
      case LayerKind::kActivation:
        switch (layer.activation) {
          case Activation::kReLU: y = in[0].clamp_min(0); break;
          case Activation::kReLU6: y = in[0].clamp(0, 6); break;
          case Activation::kHSwish: y = in[0] * (in[0] + 3).clamp(0, 6) / 6; break;
          case Activation::kHSigmoid: y = (in[0] + 3).clamp(0, 6) / 6; break;
          case Activation::kSigmoid: y = 1 / (1 + (-in[0]).exp()); break;
          case Activation::kGELU: y = in[0] * 0.5 * (1 + (in[0] / std::sqrt(2.0)).erf()); break;
        }
        break;
      case LayerKind::kLinear:
        y = at::linear(in[0].flatten(1), parameter(layer.name + ".weight"), bias(layer)).unsqueeze(2).unsqueeze(3);
        break;
      case LayerKind::kLayerNorm: {
        const auto wide = [](const at::Tensor& t) { return t.reshape({1, -1, 1, 1}); };
        y = (in[0] - in[0].mean(1, true)) / (in[0].var(1, false, true) + kLayerNormEpsilon).sqrt() *
                wide(parameter(layer.name + ".weight")) +
            wide(parameter(layer.name + ".bias"));
        break;
      }
      case LayerKind::kAttention: y = reference_attention(layer, in, parameter); break;
      case LayerKind::kTokens: {
        const at::Tensor first = parameter(layer.name + ".class_token").reshape({1, -1, 1});
        y = at::cat({first.expand({in[0].size(0), -1, 1}), in[0].flatten(2)}, 2) + parameter(layer.name + ".position");
        y = y.unsqueeze(3);
        break;
      }
      case LayerKind::kGlobalPool: y = in[0].slice(2, layer.skip_tokens).mean(at::IntArrayRef{2, 3}, true); break;
      case LayerKind::kAveragePool: y = pool_reference(in[0], k, layer.stride, true); break;
      case LayerKind::kMaxPool: y = pool_reference(in[0], k, layer.stride, false); break;
      case LayerKind::kResize:
        y = resize_reference(in[0], layer.output.height.value(), layer.output.width.value());
        break;
      case LayerKind::kShift: y = at::pad(in[0].slice(2, 1).slice(3, 1), {0, 1, 0, 1}); break;
      case LayerKind::kAdd: y = in[0] + in[1]; break;
      case LayerKind::kMultiply: y = in[0] * in[1]; break;
      case LayerKind::kConcat: y = at::cat(in, 1); break;
      case LayerKind::kTruncate: y = in[0].slice(1, 0, layer.output.channels.value()); break;
      case LayerKind::kZero:
        y = at::zeros(
            {images.size(0), layer.output.channels.value(), layer.output.height.value(), layer.output.width.value()},
            images.options());
        break;
      case LayerKind::kMix: {
        const at::Tensor w = weights.at(static_cast<std::size_t>(layer.decision)).to(images.scalar_type());
        y = at::zeros_like(in[0]);
        auto members = layer.members;
        if (members.empty())
          for (std::size_t i = 0; i < in.size(); ++i) members.push_back({static_cast<int>(i)});
        for (std::size_t option = 0; option < members.size(); ++option)
          for (const int slot : members[option])
            y = y + in[static_cast<std::size_t>(slot)] * w[static_cast<std::int64_t>(option)];
        break;
      }
    }
  }
  return values;
}

}  // namespace frontier::testing_support
