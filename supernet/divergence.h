#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "common/options.h"

namespace frontier {

/// How far what a pupil says is from what it is taught.
struct DivergenceOptions {
  std::string name = "cross_entropy";  ///< cross_entropy: to the teaching; alpha: the adaptive alpha-divergence
  double alpha_min = -1;               ///< alpha: punishes a pupil that overrates a class
  double alpha_max = 1;                ///< alpha: one that underrates it; 1 is the cross-entropy
  double clip = 5;                     ///< alpha: of the importance weights (teaching / pupil)^alpha
  bool operator==(const DivergenceOptions&) const = default;
};

/// @throws UsageError for settings of the alpha-divergence where another one is named, or alphas in the wrong order.
void require_consistent(const DivergenceOptions& options);

template <class Fields>
void describe(Fields& f, DivergenceOptions& o) {
  f("name", o.name, {"cross_entropy", "alpha"},
    "What a pupil learns by: the cross-entropy to what it is taught, or the adaptive alpha-divergence.");
  f("alpha_min", o.alpha_min, -10.0, 10.0,
    "Of alpha: taken where it is the greater one; punishes a pupil that overrates.");
  f("alpha_max", o.alpha_max, -10.0, 10.0, "Of alpha: taken elsewhere; punishes a pupil that underrates.");
  f("clip", o.clip, 0.0, 1e6, "Of alpha: the most that an importance weight counts.");
  require_consistent(o);
}

/// The adaptive alpha-divergence (Wang et al., "AlphaNet: Improved Training of Supernets with Alpha-Divergence", arXiv
/// 2102.07954, equations 4 to 8): for every row the greater of the divergences of alpha_min and of alpha_max, its
/// importance weights clipped. Only its gradient means anything: the value is a mean of weighted logarithms.
/// Differs from the paper's code: an alpha of 0 is one.
/// @param log_pupil [B, classes] log-probabilities.  @param teaching [B, classes] probabilities, without gradients.
/// @returns [] mean over the rows.
at::Tensor alpha_divergence(const at::Tensor& log_pupil, const at::Tensor& teaching, const DivergenceOptions& options);
/// The divergence itself of one alpha, a row: [B], clipped as its gradient is.
at::Tensor alpha_divergence_values(const at::Tensor& log_pupil, const at::Tensor& teaching, double alpha, double clip);

}  // namespace frontier
