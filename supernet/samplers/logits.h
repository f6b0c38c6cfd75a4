#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// How the parameters that say how good an option is are trained.
struct LogitOptions {
  double init_deviation = 1e-3;  ///< logits start as N(0, this^2)
  double lr = 3e-4;              ///< of the logits
  double weight_decay = 1e-3;    ///< L2
  double beta1 = 0.5;
  double beta2 = 0.999;
};

template <class Fields>
void describe(Fields& f, LogitOptions& o) {
  f("init_deviation", o.init_deviation, 0.0, 10.0, "Standard deviation of the logits at the start.");
  f("lr", o.lr, 0.0, 1000.0, "Learning rate of the logits (Adam).");
  f("weight_decay", o.weight_decay, 0.0, 100.0, "L2 of the logits.");
  f("beta1", o.beta1, 0.0, 0.9999999, "Adam's decay of the running mean of the logits' gradient.");
  f("beta2", o.beta2, 0.0, 0.9999999, "Adam's decay of the running mean of its square.");
}

/// What samplers have in common that learn by gradient which options are best: a vector of logits a decision, trained
/// by Adam on images of their own, in turns with the weights; what is derived is the valid architecture of the greatest
/// sum of scores.
class LogitSampler : public Sampler {
 public:
  std::string_view name() const override { return name_; }
  /// On the logits, then on the weights, or the other way round (trains_weights_first).
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  std::vector<ParameterGroup> groups() override;
  bool uses(Stream stream) const override { return stream != Stream::kHeldOut; }
  /// "entropy" of all decisions together, as a share of what it is at most.
  std::vector<std::pair<std::string, double>> metrics() const override;
  std::optional<Architecture> derive() const override;
  SamplerState save() const override { return {.tensors = parameters_.tensors(), .values = nlohmann::json::object()}; }
  void load(const SamplerState& state) override { parameters_.load(state.tensors, "architecture parameters"); }

  /// [options] of a decision that has logits, a view: what is learned.
  at::Tensor logits(std::size_t decision) const;

 protected:
  /// @param learned decisions that have logits.  @param further parameters beside them: names and sizes.
  LogitSampler(std::string_view name, std::shared_ptr<const SearchSpace> space, const std::vector<bool>& learned,
               const std::vector<std::pair<std::string, std::size_t>>& further, const LogitOptions& options,
               const Rng& rng);

  /// What a pass runs, with gates as functions of the parameters.
  virtual Candidate subnet(const StepContext& context, Rng& rng) = 0;
  /// What derive() adds up: [decision][option].
  virtual std::vector<std::vector<double>> scores() const = 0;
  /// Of every option, float64: softmax of the logits, uniform where there are none.
  virtual std::vector<std::vector<double>> probabilities() const;
  /// Their logarithms, from the device with one transfer.
  std::vector<std::vector<double>> log_probabilities() const;
  /// Whether the logits move yet.
  virtual bool is_warm(const StepContext& /*context*/) const { return true; }
  virtual bool trains_weights_first() const { return false; }

  bool has_logits(std::size_t decision) const;
  /// As a function of the parameters.
  at::Tensor learned_logits(std::size_t decision) const;
  const SearchSpace& space() const { return *space_; }
  const ParameterStore& parameters() const { return parameters_; }

 private:
  std::string_view name_;
  std::shared_ptr<const SearchSpace> space_;
  LogitOptions options_;
  ParameterStore parameters_;  ///< one a decision, named like it; then the further ones
};

}  // namespace frontier
