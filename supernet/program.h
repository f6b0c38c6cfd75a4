#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "search_spaces/network_graph.h"
#include "supernet/layer_function.h"
#include "supernet/run_spec.h"
#include "supernet/weight_bank.h"

namespace frontier {

/// What came out of one run. The values keep their autograd graph, so several may be alive at once.
struct Forward {
  std::vector<at::Tensor> outputs;  ///< one a wanted vertex; logits as [N, classes]
  /// Multiply-accumulates an image, taken from the tensors that were multiplied; without those of auxiliary outputs,
  /// which are not the network's.
  std::int64_t macs = 0;

  const at::Tensor& logits() const { return outputs.front(); }
};

/// A network made ready to run over a bank: slices resolved, fusions and last uses decided, norms folded once. Run it
/// as often as wanted; slices are views, so later values of the bank are seen, but what is folded is not made anew
/// (nor, on CUDA, where this has not run, slices that are not dense, which are copies).
///
/// Where weights are learned, loss.backward() adds gradients to the slices of the bank's gradient buffer as they appear
/// and to nothing else of it, for all runs that the loss depends on.
///
/// Every run compares the multiply-accumulates executed with those that the cost pass finds in the graph: a hard
/// network of which something else ran is an error. Keeps activations channels-last. Thread-safety: none.
class Program {
 public:
  /// @param graph, bank must outlive the program.  @param outputs vertices whose values are wanted, in this order; what
  /// none of them needs is not run.
  /// @throws std::logic_error for dimensions that still depend on decisions without gates, for parameters that the bank
  /// lacks, or for statistics that are asked for and not there.
  Program(const NetworkGraph& graph, const WeightBank& bank, const RunSpec& spec,
          std::span<const NetworkGraph::Vertex> outputs);
  /// Of the graph's own output.
  Program(const NetworkGraph& graph, const WeightBank& bank, const RunSpec& spec);
  ~Program();
  Program(Program&&) noexcept;

  /// @param images [N, C, H, W], channels-last at best, of the bank's type and on its device. An activation is freed
  /// after its last reader.
  /// @throws std::logic_error if other multiply-accumulates ran than the graph has.
  Forward operator()(const at::Tensor& images) const;

  /// Steps that are run: layers less those that were fused with the one before.
  std::size_t num_steps() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Compiles and runs once.
Forward run(const NetworkGraph& graph, const WeightBank& bank, const at::Tensor& images, const RunSpec& spec);

}  // namespace frontier
