#pragma once

#include <string>
#include <vector>

#include "search_spaces/network_graph.h"

namespace frontier::ops {

// What several kinds of layers say alike.

/// Whether a dimension has several values where it is not 0, which it is where the layer is not there.
inline bool is_open(const Dim& dim) { return holds_somewhere((Dim(dim.max()) - dim) * dim); }

/// Of a pool: attributes kernel and stride, "same" padding.
inline Shape pooled_shape(const Layer& layer, InputShapes inputs) {
  return {inputs[0]->channels, reduced_side(inputs[0]->height, layer["stride"]),
          reduced_side(inputs[0]->width, layer["stride"])};
}

/// Attributes height and width.
inline Shape resized_shape(const Layer& layer, InputShapes inputs) {
  return {inputs[0]->channels, layer["height"], layer["width"]};
}

/// "conv 3x3": the kind with its kernel.
inline std::string label_with_kernel(const Layer& layer) {
  const std::string k = std::to_string(layer["kernel"].max());
  return std::string(layer.kind->name) + " " + k + "x" + k;
}

/// Of a norm: weight and bias a channel.
inline std::vector<ParameterSpec> norm_parameters(const Layer& layer, InputShapes) {
  return {{.name = "weight", .shape = {layer.output.channels}, .init = Init::kOne},
          {.name = "bias", .shape = {layer.output.channels}}};
}

}  // namespace frontier::ops
