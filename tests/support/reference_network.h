#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "search_spaces/network_graph.h"
#include "supernet/layers.h"
#include "supernet/program.h"
#include "support/reference_attention.h"

namespace frontier::testing_support {

/// Attention of a layer with its positions, all pairs written out.
inline at::Tensor reference_attention(const Layer& layer, const std::vector<at::Tensor>& in,
                                      const std::function<at::Tensor(const std::string&)>& parameter) {
  const std::int64_t heads = layer.number("heads"), h = layer.number("grid_height"), w = layer.number("grid_width");
  const auto vectors = [&](const std::string& what) {
    return pair_vectors({parameter(layer.name + ".relative_" + what + "_vertical"),
                         parameter(layer.name + ".relative_" + what + "_horizontal")},
                        h, w);
  };
  switch (position_of(layer)) {
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
/// out. @param gates of a soft network whose indicators depend on one decision each, [options]. @returns the value of
/// every vertex.
inline std::vector<at::Tensor> reference_values(const NetworkGraph& graph,
                                                const std::map<std::string, at::Tensor>& parameters,
                                                const at::Tensor& images,
                                                const BatchNormStatistics* statistics = nullptr,
                                                const std::vector<at::Tensor>& gates = {}) {
  const auto parameter = [&](const std::string& name) { return parameters.at(name).to(images.scalar_type()); };
  const auto bias = [&](const Layer& layer) {
    return layer.number("bias") != 0 ? std::optional(parameter(layer.name + ".bias")) : std::nullopt;
  };
  const auto wide = [](const at::Tensor& t) { return t.reshape({1, -1, 1, 1}); };
  std::vector<at::Tensor> values(graph.size());
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const Layer& layer = graph[v];
    std::vector<at::Tensor> in;
    for (const auto input : graph.inputs(v)) in.push_back(values[input]);
    if (layer.training_only &&
        (!in.front().defined() || (layer.kind->parameters != nullptr && !parameters.contains(layer.name + ".weight"))))
      continue;
    at::Tensor& y = values[v];
    const auto number = [&](const char* attribute) { return layer.number(attribute); };
    const std::string_view kind = layer.kind->name;
    if (kind == "input") {
      y = images;
    } else if (kind == "conv") {
      const std::int64_t k = number("kernel"), padding = k % 2 == 0 ? 0 : number("dilation") * (k - 1) / 2;
      y = at::conv2d(in[0], parameter(layer.name + ".weight"), bias(layer), number("stride"), padding,
                     number("dilation"), number("groups"));
    } else if (kind == "batch_norm") {
      at::Tensor mean = in[0].mean(at::IntArrayRef{0, 2, 3}), variance = in[0].var(at::IntArrayRef{0, 2, 3}, false);
      if (statistics) {
        mean = statistics->at(v).mean.to(images.scalar_type());
        variance = statistics->at(v).variance.to(images.scalar_type());
      }
      y = (in[0] - wide(mean)) / wide((variance + kBatchNormEpsilon).sqrt());
      if (number("affine") != 0)
        y = y * wide(parameter(layer.name + ".weight")) + wide(parameter(layer.name + ".bias"));
    } else if (kind == "activation") {
      switch (activation_of(layer)) {
        case Activation::kReLU: y = in[0].clamp_min(0); break;
        case Activation::kReLU6: y = in[0].clamp(0, 6); break;
        case Activation::kHSwish: y = in[0] * (in[0] + 3).clamp(0, 6) / 6; break;
        case Activation::kHSigmoid: y = (in[0] + 3).clamp(0, 6) / 6; break;
        case Activation::kSigmoid: y = 1 / (1 + (-in[0]).exp()); break;
        case Activation::kGELU: y = in[0] * 0.5 * (1 + (in[0] / std::sqrt(2.0)).erf()); break;
      }
    } else if (kind == "linear") {
      y = at::linear(in[0].flatten(1), parameter(layer.name + ".weight"), bias(layer)).unsqueeze(2).unsqueeze(3);
    } else if (kind == "layer_norm") {
      y = (in[0] - in[0].mean(1, true)) / (in[0].var(1, false, true) + kLayerNormEpsilon).sqrt() *
              wide(parameter(layer.name + ".weight")) +
          wide(parameter(layer.name + ".bias"));
    } else if (kind == "attention") {
      y = reference_attention(layer, in, parameter);
    } else if (kind == "tokens") {
      const at::Tensor first = parameter(layer.name + ".class_token").reshape({1, -1, 1});
      y = at::cat({first.expand({in[0].size(0), -1, 1}), in[0].flatten(2)}, 2) + parameter(layer.name + ".position");
      y = y.unsqueeze(3);
    } else if (kind == "global_pool") {
      y = in[0].slice(2, number("skip")).mean(at::IntArrayRef{2, 3}, true);
    } else if (kind == "average_pool" || kind == "max_pool") {
      y = pool_reference(in[0], number("kernel"), number("stride"), kind == "average_pool");
    } else if (kind == "resize") {
      y = resize_reference(in[0], number("height"), number("width"));
    } else if (kind == "shift") {
      y = at::pad(in[0].slice(2, 1).slice(3, 1), {0, 1, 0, 1});
    } else if (kind == "add") {
      y = in[0] + in[1];
    } else if (kind == "multiply") {
      y = in[0] * in[1];
    } else if (kind == "concat") {
      y = at::cat(in, 1);
    } else if (kind == "truncate") {
      y = in[0].slice(1, 0, number("channels"));
    } else if (kind == "zero") {
      y = at::zeros({images.size(0), number("channels"), number("height"), number("width")}, images.options());
    } else if (kind == "mix") {
      y = at::zeros_like(in[0]);
      for (std::size_t i = 0; i < in.size(); ++i) {
        const Dim& indicator = layer.indicators[i];
        const at::Tensor gate = gates.at(indicator.first_decision()).to(images.scalar_type());
        for (std::size_t option = 0; option < indicator.branches().size(); ++option)
          y = y + in[i] * gate[static_cast<std::int64_t>(option)] * indicator.branches()[option].value();
      }
    } else {
      ADD_FAILURE() << "the reference knows no layer of kind " << kind;
    }
  }
  return values;
}

}  // namespace frontier::testing_support
