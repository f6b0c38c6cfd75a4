#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <span>

#include "common/rng.h"
#include "search_spaces/network_graph.h"
#include "supernet/soft.h"

namespace frontier {

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

/// Which statistics batch norm uses.
enum class Norm {
  kBatch,     ///< the batch's own
  kCollect,   ///< the batch's own, added to `statistics`
  kStored,    ///< `statistics`; folded into the layer before where nothing is learned
  kIdentity,  ///< batch norm passes its input on (synflow)
};

/// What autograd records; bits.
enum class Learn : unsigned { kNothing = 0, kWeights = 1, kGates = 2, kInput = 4 };
constexpr Learn operator|(Learn a, Learn b) {
  return static_cast<Learn>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool learns(Learn set, Learn wanted) {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(wanted)) != 0;
}

/// Which weights a run really uses, as a function of the bank's: a mask, a fake quantiser, absolute values. Autograd
/// passes through it.
/// @param slice of the parameter `spec` of `layer`.  @returns a tensor of its shape, or `slice` itself.
using WeightView = std::function<at::Tensor(const Layer& layer, const ParameterSpec& spec, const at::Tensor& slice)>;

/// Looks at layers while they run, or changes what passes between them. Layers that it wants are not fused with others.
class Tap {
 public:
  virtual ~Tap() = default;
  virtual bool wants(NetworkGraph::Vertex vertex) const = 0;
  virtual void before(NetworkGraph::Vertex, std::span<const at::Tensor> /*inputs*/) {}
  /// @returns what the readers of the layer see: `output`, or another tensor of its shape.
  virtual at::Tensor after(NetworkGraph::Vertex vertex, const at::Tensor& output) = 0;
};

/// What a run is. What it points at must outlive it.
struct RunSpec {
  Norm norm = Norm::kBatch;
  Learn learn = Learn::kNothing;
  BatchNormStatistics* statistics = nullptr;  ///< read by kStored, extended by kCollect
  const Gates* gates = nullptr;               ///< of a soft network
  const WeightView* view = nullptr;
  Tap* tap = nullptr;
  /// Differentiable twice, by ATen's operations alone; otherwise a second derivative throws.
  bool twice = false;
};

}  // namespace frontier
