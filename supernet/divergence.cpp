#include "supernet/divergence.h"

#include <torch/types.h>

#include <cmath>

#include "common/errors.h"

namespace frontier {
namespace {

/// With r = p / q and f(r) = ln r r (alpha 1), -ln r (alpha 0) or min(r^alpha, clip) / (alpha (alpha - 1)).
struct Terms {
  at::Tensor divergence;  ///< [B]: sum over classes of q (f(r) - f(1))
  at::Tensor weight;      ///< [B, classes]: q rho, of log q in the loss of that gradient
};

Terms terms_of(const at::Tensor& log_q, const at::Tensor& p, double alpha, double clip) {
  const at::Tensor q = log_q.exp();
  if (alpha == 1) return {(at::xlogy(p, p) - p * log_q).sum(1), p};
  constexpr double kLeast = 1e-30;  // of a probability: its logarithm stays a number
  const at::Tensor log_r = p.clamp_min(kLeast).log() - log_q;
  if (alpha == 0) {
    const at::Tensor log_clipped = log_r.clamp_max(std::log(clip));
    return {-(q * log_clipped).sum(1), q * (log_clipped - 1)};
  }
  const at::Tensor v = (alpha * log_r).exp().clamp_max(clip);
  const double at_one = 1 / (alpha * (alpha - 1));
  return {(q * (at_one * v - at_one)).sum(1), q * (v / alpha + at_one)};
}

}  // namespace

void require_consistent(const DivergenceOptions& options) {
  const DivergenceOptions usual;
  if (options.name != "alpha" &&
      (options.alpha_min != usual.alpha_min || options.alpha_max != usual.alpha_max || options.clip != usual.clip))
    throw UsageError("alpha_min, alpha_max and clip have no effect on divergence '" + options.name +
                     "'; they are of divergence alpha");
  if (options.alpha_min > options.alpha_max) throw UsageError("alpha_min must not be above alpha_max");
  if (options.name == "alpha" && options.clip == 0) throw UsageError("clip = 0 would leave nothing of the divergence");
}

at::Tensor alpha_divergence_values(const at::Tensor& log_pupil, const at::Tensor& teaching, double alpha, double clip) {
  at::NoGradGuard no_grad;
  return terms_of(log_pupil, teaching, alpha, clip).divergence;
}

at::Tensor alpha_divergence(const at::Tensor& log_pupil, const at::Tensor& teaching, const DivergenceOptions& options) {
  at::Tensor weight;
  {
    at::NoGradGuard no_grad;
    const Terms low = terms_of(log_pupil, teaching, options.alpha_min, options.clip);
    const Terms high = terms_of(log_pupil, teaching, options.alpha_max, options.clip);
    weight = at::where((low.divergence > high.divergence).unsqueeze(1), low.weight, high.weight);
  }
  return -(weight * log_pupil).sum(1).mean();
}

}  // namespace frontier
