#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "supernet/program.h"
#include "supernet/tensor_map.h"

namespace frontier {

/// One hard network with weights and batch-norm statistics of its own, apart from any supernet: what teaches, is timed,
/// exported or served. Compiled once, norms folded. Moves; thread-safety: none.
class Network {
 public:
  /// @param weights what WeightBank::extract gives for the graph.  @param statistics of every batch norm of the graph.
  /// @throws std::logic_error for a parameter or statistics that are missing.
  Network(NetworkGraph graph, WeightBank weights, BatchNormStatistics statistics);

  const NetworkGraph& graph() const { return parts_->graph; }
  const WeightBank& weights() const { return parts_->weights; }
  /// "LAYER.mean" and "LAYER.variance" of every batch norm, [c] float32.
  TensorMap statistics() const;

  /// The same network on `device`.
  Network to(at::Device device) &&;
  at::Device device() const { return weights().device(); }

  /// Logits [B, classes], without gradients. @param images [B, C, H, W] on the weights' device.
  at::Tensor operator()(const at::Tensor& images) const;

 private:
  struct Parts {  // where they are: the program refers to them
    NetworkGraph graph;
    WeightBank weights;
    BatchNormStatistics statistics;
  };
  std::unique_ptr<Parts> parts_;
  std::unique_ptr<Program> program_;
};

/// Statistics by vertex from those by name, see Network::statistics. @throws UsageError naming a layer that has none,
/// or of another size.
BatchNormStatistics statistics_of(const NetworkGraph& graph, const TensorMap& tensors);

}  // namespace frontier
