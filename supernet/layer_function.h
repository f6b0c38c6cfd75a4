#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "search_spaces/network_graph.h"
#include "supernet/run_spec.h"

namespace frontier {

/// A layer with the tensors it works with in one program.
struct BoundLayer {
  NetworkGraph::Vertex vertex = 0;
  const Layer* layer = nullptr;
  std::vector<at::Tensor> weights;  ///< the slices of LayerKind::parameters, in that order
  /// Of a layer with indicators in a soft network: their expectations, or what its site is given in place of them,
  /// [inputs]. Undefined where it has none.
  at::Tensor input_weights;
  /// What is there of the dimensions of LayerKind::masks in a soft network, in that order: soft::prefix, [dim.max()].
  /// Undefined where a dimension is decided.
  std::vector<at::Tensor> masks;

  /// The mask of a dimension; undefined where it is decided.
  at::Tensor mask(std::size_t i = 0) const { return i < masks.size() ? masks[i] : at::Tensor(); }
};

/// One step of a program: a layer and those behind it that it computes as well.
struct LayerCall {
  std::span<const BoundLayer> chain;  ///< the layer itself, then those it absorbed, each the only reader of the last
  std::span<const at::Tensor> inputs;
  std::span<const at::Tensor> folded;  ///< what LayerFunction::fold made; empty where it was not asked
  const RunSpec& spec;

  const Layer& layer() const { return *chain.front().layer; }
  const at::Tensor& weight(std::size_t i) const { return chain.front().weights[i]; }
  const at::Tensor& input(std::size_t slot = 0) const { return inputs[slot]; }
};

/// What layers of one kind compute: the other half of a LayerKind. One file a kind in supernet/ops/, from which the
/// build makes the table.
struct LayerFunction {
  std::string_view name;  ///< the kind's
  /// The value of the last layer of the chain, [N, C, H, W] channels-last.
  at::Tensor (*forward)(const LayerCall& call) = nullptr;
  /// Multiply-accumulates an image, counted from the tensors that were multiplied. Null: none.
  std::int64_t (*macs)(const LayerCall& call, const at::Tensor& output) = nullptr;
  /// Whether a layer behind it, the only reader of the chain so far, is computed with it. Null: never.
  bool (*absorbs)(std::span<const BoundLayer> chain, const Layer& next, const RunSpec& spec) = nullptr;
  /// Once a program where nothing is learned and norms are stored: tensors that the weights of the chain become.
  std::vector<at::Tensor> (*fold)(const LayerCall& call) = nullptr;
};

/// @throws std::logic_error if the kind has none.
const LayerFunction& layer_function(const LayerKind& kind);
/// All of them, by name.
std::span<const LayerFunction* const> layer_functions();

}  // namespace frontier
