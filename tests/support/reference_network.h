#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "search_spaces/network_graph.h"
#include "supernet/executor.h"
#include "supernet/layers.h"

namespace frontier::testing_support {

/// The slow oracle of the executor: one ATen call a layer, nothing fused, in the type of `images` (give it double).
/// Batch norm uses the batch's statistics, or `statistics` where given. @returns the value of every vertex.
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
    at::Tensor& y = values[v];
    const std::int64_t k = layer.kernel.value(), padding = layer.dilation * (k - 1) / 2;
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
        }
        break;
      case LayerKind::kLinear:
        y = at::linear(in[0].flatten(1), parameter(layer.name + ".weight"), bias(layer)).unsqueeze(2).unsqueeze(3);
        break;
      case LayerKind::kGlobalPool: y = in[0].mean(at::IntArrayRef{2, 3}, true); break;
      case LayerKind::kAveragePool: y = at::avg_pool2d(in[0], k, layer.stride, k / 2, false, false); break;
      case LayerKind::kMaxPool: y = at::max_pool2d(in[0], k, layer.stride, k / 2); break;
      case LayerKind::kAdd: y = in[0] + in[1]; break;
      case LayerKind::kMultiply: y = in[0] * in[1]; break;
      case LayerKind::kConcat: y = at::cat(in, 1); break;
      case LayerKind::kZero:
        y = at::zeros(
            {images.size(0), layer.output.channels.value(), layer.output.height.value(), layer.output.width.value()},
            images.options());
        break;
      case LayerKind::kMix: {
        const at::Tensor w = weights.at(static_cast<std::size_t>(layer.decision)).to(images.scalar_type());
        y = at::zeros_like(in[0]);
        for (std::size_t i = 0; i < in.size(); ++i) y = y + in[i] * w[static_cast<std::int64_t>(i)];
        break;
      }
    }
  }
  return values;
}

}  // namespace frontier::testing_support
