#pragma once

#include "common/rng.h"
#include "supernet/run_spec.h"

namespace frontier {

/// Drop path, or stochastic depth (Larsson, Maire and Shakhnarovich, "FractalNet", arXiv 1605.07648; Huang et al.,
/// arXiv 1603.09382): in training an image goes past a layer of Layer::may_drop with a probability, and what others
/// give is divided by that of staying, so that the expectation is the layer's. Each image and layer by itself.
class DropPath : public Tap {
 public:
  /// @param graph must outlive this.  @param rate in [0, 1).  @param rng decides everything; it is not advanced.
  DropPath(const NetworkGraph& graph, double rate, const Rng& rng) : graph_(graph), rate_(rate), rng_(rng) {}
  double rate() const { return rate_; }
  bool wants(NetworkGraph::Vertex vertex) const override { return graph_[vertex].may_drop; }
  at::Tensor after(NetworkGraph::Vertex vertex, const at::Tensor& output) override;

 private:
  const NetworkGraph& graph_;
  double rate_;
  Rng rng_;
};

}  // namespace frontier
