#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "search_spaces/network_graph.h"
#include "supernet/weight_bank.h"

namespace frontier {

/// Weights of a soft selection: for every decision a tensor [selected options], undefined where one option is selected.
using SelectionWeights = std::vector<at::Tensor>;

/// Batch-norm statistics of one network, outside the shared weights: mean and variance of every batch-norm layer by
/// vertex. Gathered over calibration batches of equal size.
class BatchNormStatistics {
 public:
  struct Entry {
    at::Tensor mean;      ///< [c] float32
    at::Tensor variance;  ///< [c] float32, biased
    int batches = 0;
  };
  /// Takes in one more batch's moments: the result is the moments over all batches together.
  void add(NetworkGraph::Vertex layer, const at::Tensor& mean, const at::Tensor& variance);
  const Entry& at(NetworkGraph::Vertex layer) const;  ///< @throws std::logic_error before calibration
  bool empty() const { return entries_.empty(); }
  std::map<NetworkGraph::Vertex, Entry>& entries() { return entries_; }
  const std::map<NetworkGraph::Vertex, Entry>& entries() const { return entries_; }

 private:
  std::map<NetworkGraph::Vertex, Entry> entries_;
};

/// Which statistics batch norm uses, and whether gradients are wanted.
enum class Pass {
  kTrain,      ///< the batch's own; autograd records
  kArchitect,  ///< the batch's own; autograd records for selection weights only, not for the bank
  kCalibrate,  ///< the batch's own, added to `statistics`
  kEvaluate,   ///< `statistics`; folded into the convolutions
};

/// Runs networks over a weight bank. Keeps activations channels-last. Counts the multiply-accumulates that it really
/// executes. Not thread-safe.
class Executor {
 public:
  struct Leaf {
    at::Tensor slice;     ///< of the weights, an autograd leaf
    at::Tensor gradient;  ///< the same slice of the gradient buffer
  };
  explicit Executor(const WeightBank& bank) : bank_(&bank) {}

  /// @param images [N, C, H, W] float32, channels-last, on the bank's device.
  /// @param outputs vertices whose values are wanted; results in this order. An activation is freed after its last
  /// reader.
  /// @param statistics read by kEvaluate, extended by kCalibrate, not used otherwise.
  /// @param weights for every decision that a kMix of the graph reads.
  /// @throws std::logic_error for dimensions that still depend on decisions.
  std::vector<at::Tensor> run(const NetworkGraph& graph, std::span<const NetworkGraph::Vertex> outputs,
                              const at::Tensor& images, Pass pass, BatchNormStatistics* statistics = nullptr,
                              const SelectionWeights& weights = {});
  /// The graph's own output: logits [N, classes].
  at::Tensor run(const NetworkGraph& graph, const at::Tensor& images, Pass pass,
                 BatchNormStatistics* statistics = nullptr, const SelectionWeights& weights = {});

  /// After a run with Pass::kTrain: adds the gradients of `loss` by the slices that the run used to the bank's gradient
  /// buffer, and to nothing else of it.
  void backward(const at::Tensor& loss);

  /// Multiply-accumulates an image of the last run, taken from the tensors that were multiplied; without those of
  /// auxiliary outputs, which are not the network's.
  std::int64_t executed_macs() const { return executed_macs_; }

  /// Called after each layer with its output, e.g. to gather statistics. Not for layers that were fused with the one
  /// behind them: a batch norm followed by an activation, under kEvaluate also a convolution followed by a batch norm.
  using Hook = std::function<void(NetworkGraph::Vertex, const at::Tensor& output)>;
  void set_hook(Hook hook) { hook_ = std::move(hook); }

 private:
  const WeightBank* bank_;
  std::vector<Leaf> leaves_;
  std::int64_t executed_macs_ = 0;
  Hook hook_;
};

}  // namespace frontier
