#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace frontier {

/// Weights of a recurrent network that takes one decision after the other, float32. Decisions may share a head.
struct RolloutWeights {
  struct Head {
    at::Tensor weight, bias;  ///< [options, hidden] and [options]: from the state to logits
    at::Tensor chosen;        ///< [options, hidden]: what the next decision sees of the option that was chosen
  };
  at::Tensor cost;              ///< [hidden]: what every decision sees of a cost of 1
  at::Tensor places;            ///< [decisions, hidden]: what each sees besides
  at::Tensor input, recurrent;  ///< [4 hidden, hidden]: input gate, forget gate, cell, output gate, as in PyTorch
  at::Tensor input_bias, recurrent_bias;  ///< [4 hidden]
  std::vector<Head> heads;

  /// All of them, in the order of their declaration, and from that order again.
  std::vector<at::Tensor> list() const;
  static RolloutWeights from_list(std::span<const at::Tensor> list);
};

/// An LSTM cell taken over all decisions in turn (Hochreiter and Schmidhuber 1997), each of which sees what the one
/// before has chosen, in plain loops: dozens of cells for one input are too small for tensor operations, whose calls
/// cost ten times their arithmetic. The same numbers whatever the number of threads. Thread-safety: const.
class Rollout {
 public:
  /// The option that a decision takes. @param logits [options] of it.
  using Choose = std::function<std::size_t(std::size_t decision, std::span<const float> logits)>;
  /// From the gradient by what was chosen (1 for the option, else 0) to that by the logits, in place.
  using ThroughChoice = std::function<void(std::size_t decision, std::span<float> gradient)>;

  /// @param heads of every decision, an index of weights.heads.
  Rollout(RolloutWeights weights, std::span<const std::size_t> heads, float cost, const Choose& choose);

  std::size_t decisions() const { return heads_.size(); }
  std::span<const float> logits(std::size_t decision) const;
  std::size_t choice(std::size_t decision) const { return choices_[decision]; }
  /// Of a decision in the logits of all, one behind the other.
  std::size_t begin(std::size_t decision) const { return begins_[decision]; }
  std::size_t num_logits() const { return begins_.back(); }

  struct Gradients {
    RolloutWeights weights;
    float cost = 0;
  };
  /// @param by_chosen [num_logits] by what was chosen.
  Gradients backward(std::span<const float> by_chosen, const ThroughChoice& through) const;

 private:
  void step(std::size_t decision, const float* input_by_column, const float* recurrent_by_column);
  float* row(std::vector<float>& table, std::size_t place) const { return table.data() + place * hidden_; }
  const float* row(const std::vector<float>& table, std::size_t place) const { return table.data() + place * hidden_; }

  RolloutWeights weights_;
  std::vector<std::size_t> heads_, begins_, choices_;
  std::size_t hidden_ = 0;
  float cost_ = 0;
  std::vector<float> inputs_, states_, memories_, squashed_;  ///< rows of hidden; states and memories start with zeros
  std::vector<float> gates_;                                  ///< rows of 4 hidden, behind their activations
  std::vector<float> logits_;
};

}  // namespace frontier
