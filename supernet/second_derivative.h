#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace frontier {

/// Layers have loops of our own whose gradients are right once; a second derivative through one of them throws
/// std::runtime_error, which names the layer. While a guard that is on lives, layers made on this thread take ATen's
/// operations alone, which can be differentiated again. What counts is the forward pass; backward passes may run
/// anywhere. Slower: for scores and losses that need it.
class DifferentiableTwice {
 public:
  explicit DifferentiableTwice(bool on = true);
  ~DifferentiableTwice();
  DifferentiableTwice(const DifferentiableTwice&) = delete;
  DifferentiableTwice& operator=(const DifferentiableTwice&) = delete;

  /// Whether the innermost guard of this thread is on.
  static bool is_on();

 private:
  bool before_;
};

/// For the end of a layer's backward(): its `results`, made from `gradients` without a record of how. Where a record is
/// asked for (create_graph), whoever differentiates them gets an error instead of nothing.
/// @param layer for the message, with its article: "a batch norm".
std::vector<at::Tensor> once_differentiable(std::vector<at::Tensor> results, const std::vector<at::Tensor>& gradients,
                                            const char* layer);

/// x itself, whose gradient can be differentiated no further.
at::Tensor once_differentiable(const at::Tensor& x, const char* layer);

}  // namespace frontier
