#include "supernet/samplers/rollout.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace frontier {
namespace {

const float* values(const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); }

/// to += factor * from
void add(float* to, const float* from, float factor, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) to[i] += factor * from[i];
}

/// to += the products of two matrices, given by their columns, and vectors, a column of each in turn. Four columns at a
/// time give the same numbers with a quarter of the loads and stores.
void add_products(float* __restrict to, std::size_t rows, const float* a, const float* x, const float* b,
                  const float* y, std::size_t columns) {
  std::size_t c = 0;
  for (; c + 1 < columns; c += 2) {
    const float *a0 = a + c * rows, *a1 = a0 + rows, *b0 = b + c * rows, *b1 = b0 + rows;
    const float x0 = x[c], x1 = x[c + 1], y0 = y[c], y1 = y[c + 1];
    for (std::size_t r = 0; r < rows; ++r) to[r] = to[r] + x0 * a0[r] + y0 * b0[r] + x1 * a1[r] + y1 * b1[r];
  }
  for (; c < columns; ++c) {
    add(to, a + c * rows, x[c], rows);
    add(to, b + c * rows, y[c], rows);
  }
}

float dot(const float* a, const float* b, std::size_t size) {
  float sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

/// The first rows of a table, which must outlive the tensor.
at::Tensor matrix(const std::vector<float>& table, std::size_t rows, std::size_t columns) {
  return at::from_blob(const_cast<float*>(table.data()),
                       {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}, at::kFloat);
}

}  // namespace

std::vector<at::Tensor> RolloutWeights::list() const {
  std::vector<at::Tensor> all{cost, places, input, recurrent, input_bias, recurrent_bias};
  for (const Head& head : heads) all.insert(all.end(), {head.weight, head.bias, head.chosen});
  return all;
}

RolloutWeights RolloutWeights::from_list(std::span<const at::Tensor> list) {
  RolloutWeights weights{list[0], list[1], list[2], list[3], list[4], list[5], {}};
  for (std::size_t i = 6; i < list.size(); i += 3) weights.heads.push_back({list[i], list[i + 1], list[i + 2]});
  return weights;
}

Rollout::Rollout(RolloutWeights weights, std::span<const std::size_t> heads, float cost, const Choose& choose)
    : weights_(std::move(weights)), heads_(heads.begin(), heads.end()), begins_{0}, cost_(cost) {
  hidden_ = static_cast<std::size_t>(weights_.cost.numel());
  const std::size_t n = heads_.size();
  inputs_.resize(n * hidden_);
  squashed_.resize(n * hidden_);
  states_.resize((n + 1) * hidden_);
  memories_.resize((n + 1) * hidden_);
  gates_.resize(n * 4 * hidden_);
  for (const std::size_t head : heads_)
    begins_.push_back(begins_.back() + static_cast<std::size_t>(weights_.heads[head].bias.numel()));
  logits_.resize(begins_.back());
  // By columns a product is a sum of rows, which runs in vectors.
  const at::Tensor input = weights_.input.t().contiguous(), recurrent = weights_.recurrent.t().contiguous();
  for (std::size_t d = 0; d < n; ++d) {
    step(d, values(input), values(recurrent));
    choices_.push_back(choose(d, logits(d)));
  }
}

std::span<const float> Rollout::logits(std::size_t decision) const {
  return {logits_.data() + begins_[decision], begins_[decision + 1] - begins_[decision]};
}

void Rollout::step(std::size_t d, const float* input_by_column, const float* recurrent_by_column) {
  float* x = row(inputs_, d);
  std::copy_n(values(weights_.places) + d * hidden_, hidden_, x);
  add(x, values(weights_.cost), cost_, hidden_);
  if (d > 0) add(x, values(weights_.heads[heads_[d - 1]].chosen) + choices_[d - 1] * hidden_, 1, hidden_);
  const float *state = row(states_, d), *memory = row(memories_, d);
  float* gates = row(gates_, 4 * d);
  const float *input_bias = values(weights_.input_bias), *recurrent_bias = values(weights_.recurrent_bias);
  for (std::size_t i = 0; i < 4 * hidden_; ++i) gates[i] = input_bias[i] + recurrent_bias[i];
  add_products(gates, 4 * hidden_, input_by_column, x, recurrent_by_column, state, hidden_);
  float *next_state = row(states_, d + 1), *next_memory = row(memories_, d + 1), *squashed = row(squashed_, d);
  for (std::size_t i = 0; i < hidden_; ++i) {
    float &in = gates[i], &forget = gates[hidden_ + i], &cell = gates[2 * hidden_ + i], &out = gates[3 * hidden_ + i];
    in = sigmoid(in);
    forget = sigmoid(forget);
    cell = std::tanh(cell);
    out = sigmoid(out);
    next_memory[i] = forget * memory[i] + in * cell;
    squashed[i] = std::tanh(next_memory[i]);
    next_state[i] = out * squashed[i];
  }
  const RolloutWeights::Head& head = weights_.heads[heads_[d]];
  for (std::size_t o = 0; o < logits(d).size(); ++o)
    logits_[begins_[d] + o] = values(head.bias)[o] + dot(values(head.weight) + o * hidden_, next_state, hidden_);
}

Rollout::Gradients Rollout::backward(std::span<const float> by_chosen, const ThroughChoice& through) const {
  std::vector<at::Tensor> zeros;
  for (const at::Tensor& weight : weights_.list()) zeros.push_back(at::zeros_like(weight));
  Gradients gradients{RolloutWeights::from_list(zeros), 0};
  RolloutWeights& to = gradients.weights;
  const std::size_t n = decisions();
  std::vector<float> by_gates(n * 4 * hidden_), by_input(hidden_), by_state(hidden_), by_memory(hidden_), by_logits;
  float* by_places = to.places.data_ptr<float>();
  for (std::size_t d = n; d-- > 0;) {
    const RolloutWeights::Head &head = weights_.heads[heads_[d]], &by_head = to.heads[heads_[d]];
    by_logits.assign(by_chosen.begin() + static_cast<std::ptrdiff_t>(begins_[d]),
                     by_chosen.begin() + static_cast<std::ptrdiff_t>(begins_[d + 1]));
    if (d + 1 < n) {  // the next decision's input, of which by_input is the gradient
      for (std::size_t o = 0; o < by_logits.size(); ++o)
        by_logits[o] += dot(values(head.chosen) + o * hidden_, by_input.data(), hidden_);
      add(by_head.chosen.data_ptr<float>() + choices_[d] * hidden_, by_input.data(), 1, hidden_);
    }
    through(d, by_logits);
    for (std::size_t o = 0; o < by_logits.size(); ++o) {
      add(by_state.data(), values(head.weight) + o * hidden_, by_logits[o], hidden_);
      add(by_head.weight.data_ptr<float>() + o * hidden_, row(states_, d + 1), by_logits[o], hidden_);
      by_head.bias.data_ptr<float>()[o] += by_logits[o];
    }
    const float *gates = row(gates_, 4 * d), *memory = row(memories_, d), *squashed = row(squashed_, d);
    float* by = row(by_gates, 4 * d);
    for (std::size_t i = 0; i < hidden_; ++i) {
      const float in = gates[i], forget = gates[hidden_ + i], cell = gates[2 * hidden_ + i],
                  out = gates[3 * hidden_ + i];
      by_memory[i] += by_state[i] * out * (1 - squashed[i] * squashed[i]);
      by[i] = by_memory[i] * cell * in * (1 - in);
      by[hidden_ + i] = by_memory[i] * memory[i] * forget * (1 - forget);
      by[2 * hidden_ + i] = by_memory[i] * in * (1 - cell * cell);
      by[3 * hidden_ + i] = by_state[i] * squashed[i] * out * (1 - out);
      by_memory[i] *= forget;
    }
    std::fill(by_state.begin(), by_state.end(), 0.0F);
    std::fill(by_input.begin(), by_input.end(), 0.0F);
    for (std::size_t i = 0; i < 4 * hidden_; ++i) {
      add(by_state.data(), values(weights_.recurrent) + i * hidden_, by[i], hidden_);
      add(by_input.data(), values(weights_.input) + i * hidden_, by[i], hidden_);
    }
    std::copy(by_input.begin(), by_input.end(), by_places + d * hidden_);
    add(to.cost.data_ptr<float>(), by_input.data(), cost_, hidden_);
    gradients.cost += dot(values(weights_.cost), by_input.data(), hidden_);
  }
  const at::Tensor of_gates = matrix(by_gates, n, 4 * hidden_);
  to.input = of_gates.t().mm(matrix(inputs_, n, hidden_));
  to.recurrent = of_gates.t().mm(matrix(states_, n, hidden_));
  to.input_bias = of_gates.sum(0);
  to.recurrent_bias = to.input_bias.clone();
  return gradients;
}

}  // namespace frontier
