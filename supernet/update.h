#pragma once

#include <cstdint>

/// The float32 loops of optimiser steps on a CPU: one pass over memory in which weights, gradients, moments and a
/// running average are read and written once. Plain pointers, one thread; optimizer.cpp splits the work. Every scalar
/// is computed by itself with the same operations, so results do not depend on where the work is split.
namespace frontier::update {

/// What all rules share. Gradients are multiplied by `scale`; `average` moves by average_step towards the new weights.
struct Common {
  float learning_rate = 0;
  float weight_decay = 0;
  float scale = 1;
  float average_step = 0;
};

/// g += weight_decay * w;  v = momentum * v + g;  w -= learning_rate * (nesterov ? g + momentum * v : v).
/// @param average null: none.
void sgd(float* w, const float* g, float* velocity, float* average, std::int64_t n, const Common& common,
         float momentum, bool nesterov);

/// The numbers of step t, each rounded once from double.
struct Adam {
  float mix1 = 0;             ///< 1 - beta1
  float beta2 = 0, mix2 = 0;  ///< and 1 - beta2
  float epsilon = 0;
  float step = 0;          ///< learning_rate / (1 - beta1^t)
  float root = 1;          ///< 1 / sqrt(1 - beta2^t)
  bool decoupled = false;  ///< weight decay shrinks w instead of joining g
};

/// m += (1 - beta1) * (g - m);  u = beta2 * u + (1 - beta2) * g^2;  w -= step * m / (sqrt(u) * root + epsilon).
void adam(float* w, const float* g, float* first, float* second, float* average, std::int64_t n, const Common& common,
          const Adam& rule);

/// Sum of squares in double.
double square_sum(const float* x, std::int64_t n);

/// x *= factor.
void multiply(float* x, std::int64_t n, float factor);

}  // namespace frontier::update
