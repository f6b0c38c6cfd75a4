#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "supernet/parameter_store.h"

namespace frontier {

struct ClipOptions {
  double norm = 0;               ///< largest norm of all gradients together; 0: no limit
  double adaptive = 0;           ///< largest ratio of a unit's gradient to its weights (0.01 in the paper); 0: no limit
  double adaptive_floor = 1e-3;  ///< norm that a unit's weights count for at least
  std::vector<std::string> adaptive_except = {"classifier"};  ///< layers (or parameters) without the adaptive limit
};

/// @throws UsageError for settings of adaptive clipping where there is none.
void require_consistent(const ClipOptions& options);

template <class Fields>
void describe(Fields& f, ClipOptions& o) {
  f("norm", o.norm, 0.0, 1e6, "Largest norm of all gradients together; 0: no limit.");
  f("adaptive", o.adaptive, 0.0, 1e6, "Largest ratio of a unit's gradient to its weights; 0: no limit.");
  f("adaptive_floor", o.adaptive_floor, 0.0, 1e6, "Norm that a unit's weights count for at least.");
  f("adaptive_except", o.adaptive_except, "Layers or parameters without the adaptive limit.");
  require_consistent(o);
}

/// The gradients of one step; on the store's device, so that nothing has to be read back.
struct GradientNorm {
  at::Tensor norm;   ///< [] float64, of all gradients of the group, behind adaptive clipping
  at::Tensor scale;  ///< [] float32, min(1, options.norm / norm), NaN where the norm is not finite: StepOptions::scale
};

/// Clips the touched gradients of one group of the store (ParameterLayout::group). Adaptive clipping changes them in
/// place: Brock, De, Smith and Simonyan, "High-Performance Large-Scale Image Recognition Without Normalization", arXiv
/// 2102.06171, equation 3; a unit is one output channel of a weight, or a whole vector. Clipping by norm only gives the
/// factor.
/// Differs from the paper: the norms are those of the slice that was touched, which is the subnet's weight.
GradientNorm clip_gradients(ParameterStore& store, const ClipOptions& options, const std::string& group = "");

}  // namespace frontier
