#include "supernet/update.h"

#include <cmath>

namespace frontier::update {
namespace {

template <bool nesterov, bool averaged>
void sgd_loop(float* __restrict w, const float* __restrict g, float* __restrict velocity, float* __restrict average,
              std::int64_t n, const Common c, float momentum) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = c.scale * g[i] + c.weight_decay * w[i];
    const float v = momentum * velocity[i] + gradient;
    const float weight = w[i] - c.learning_rate * (nesterov ? gradient + momentum * v : v);
    velocity[i] = v;
    w[i] = weight;
    if (averaged) average[i] += c.average_step * (weight - average[i]);
  }
}

template <bool decoupled, bool averaged>
void adam_loop(float* __restrict w, const float* __restrict g, float* __restrict first, float* __restrict second,
               float* __restrict average, std::int64_t n, const Common c, const Adam rule) {
  const float kept = 1 - c.learning_rate * c.weight_decay;
  for (std::int64_t i = 0; i < n; ++i) {
    const float gradient = decoupled ? c.scale * g[i] : c.scale * g[i] + c.weight_decay * w[i];
    const float m = first[i] + rule.mix1 * (gradient - first[i]);
    const float u = rule.beta2 * second[i] + rule.mix2 * gradient * gradient;
    const float before = decoupled ? kept * w[i] : w[i];
    const float weight = before - rule.step * m / (std::sqrt(u) * rule.root + rule.epsilon);
    first[i] = m;
    second[i] = u;
    w[i] = weight;
    if (averaged) average[i] += c.average_step * (weight - average[i]);
  }
}

}  // namespace

void sgd(float* w, const float* g, float* velocity, float* average, std::int64_t n, const Common& common,
         float momentum, bool nesterov) {
  const auto loop = nesterov ? (average != nullptr ? sgd_loop<true, true> : sgd_loop<true, false>)
                             : (average != nullptr ? sgd_loop<false, true> : sgd_loop<false, false>);
  loop(w, g, velocity, average, n, common, momentum);
}

void adam(float* w, const float* g, float* first, float* second, float* average, std::int64_t n, const Common& common,
          const Adam& rule) {
  const auto loop = rule.decoupled ? (average != nullptr ? adam_loop<true, true> : adam_loop<true, false>)
                                   : (average != nullptr ? adam_loop<false, true> : adam_loop<false, false>);
  loop(w, g, first, second, average, n, common, rule);
}

double square_sum(const float* x, std::int64_t n) {
  constexpr std::int64_t kLanes = 16;
  double lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += static_cast<double>(x[i + j]) * static_cast<double>(x[i + j]);
  for (; i < n; ++i) lanes[i % kLanes] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

void multiply(float* x, std::int64_t n, float factor) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

}  // namespace frontier::update
