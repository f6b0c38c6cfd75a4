#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "common/options.h"
#include "common/rng.h"
#include "search_spaces/architecture.h"
#include "supernet/parameter_store.h"
#include "supernet/samplers/rollout.h"

namespace frontier {

struct GeneratorOptions {
  std::int64_t hidden = 64;      ///< of the recurrent cell; 64 in the paper
  double head_deviation = 1e-2;  ///< heads start as N(0, this^2), so that the first policies are nearly uniform
};

template <class Fields>
void describe(Fields& f, GeneratorOptions& o) {
  f("hidden", o.hidden, 1, 4096, "Size of the generator's recurrent cell.");
  f("head_deviation", o.head_deviation, 0.0, 10.0, "Standard deviation of the generator's heads at the start.");
}

/// The architecture generator of ShiftNAS (Zhang et al., arXiv 2307.08300, section 3.3): an LSTM that says for a wanted
/// cost, decision by decision, how likely each option is, knowing what it chose before. Decisions of one kind with as
/// many options share a head. The paper leaves open how the cost enters: here at every step, through a linear layer,
/// beside an embedding of the option chosen before and one of the decision's place. Thread-safety: none.
class ArchitectureGenerator {
 public:
  ArchitectureGenerator(std::span<const Decision> decisions, const GeneratorOptions& options, const Rng& rng);

  /// What it says of every decision in turn.
  struct Policies {
    std::vector<std::vector<double>> scores;  ///< [decision][option]: logarithms of the probabilities, see draw()
    std::vector<at::Tensor> gates;  ///< 1 for the option that was chosen, else 0; the gradient is that of the softmax
    at::Tensor entropy;             ///< [], the mean over decisions, as a function of the parameters
    Architecture arch;              ///< as written: the space may have conditions that it does not meet
  };
  /// Draws one architecture: straight-through Gumbel softmax.
  /// @param cost [] what it should cost, 0 for the cheapest subnet and 1 for the dearest; may have gradients.
  Policies draw(const at::Tensor& cost, double temperature, Rng& rng) const;
  /// The likeliest options one after the other, without gates and entropy.
  Policies likeliest(double cost) const;
  /// Options that are drawn, without gates and entropy. The scores have the noise added that they were drawn by, so
  /// that their sum is greatest for what was drawn.
  Policies drawn(double cost, Rng& rng) const;

  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }

 private:
  RolloutWeights weights(bool learns) const;
  Policies policies(const Rollout& rollout) const;

  std::vector<Decision> decisions_;
  ParameterStore parameters_;
  std::vector<std::string> head_names_;  ///< each once
  std::vector<std::size_t> heads_;       ///< of every decision, an index of head_names_
};

}  // namespace frontier
