#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/rng.h"
#include "common/settings.h"
#include "search_spaces/search_space.h"
#include "supernet/parameter_group.h"
#include "supernet/run_spec.h"
#include "supernet/soft.h"
#include "supernet/task.h"
#include "supernet/tensor_map.h"

namespace frontier {

/// Where the batch of a work comes from; each a pure function of the step.
enum class Stream {
  kTrain,         ///< trains weights
  kArchitecture,  ///< images kept from the weights, for architecture parameters
  kHeldOut,       ///< images that neither learns from: how far the weights have got
};
inline constexpr Stream kStreams[] = {Stream::kTrain, Stream::kArchitecture, Stream::kHeldOut};
std::string_view to_string(Stream stream);

/// One subnet to run on a batch.
struct Candidate {
  Selection selection;
  /// Of a soft selection, as functions of the sampler's parameters; subnets of one work may share them, works may not.
  std::optional<Gates> gates = {};
  Lesson lesson = {};
  double factor = 1;  ///< of its loss, where its gradients are added to those of the others
};

/// One piece of a training step: subnets run on one batch, whose gradients are added up.
struct Work {
  std::vector<Candidate> subnets;
  Stream stream = Stream::kTrain;
  Learn learn = Learn::kWeights;  ///< kWeights, kGates (the sampler's parameters), both, or nothing: forward only
  /// Runs with the weights that an earlier work kept under this name (then_keep); such weights learn nothing.
  std::string weights = {};
  /// The sampler's parameters learn through the step that the weights would take on the training batch (DARTS, second
  /// order): one plain step of SGD with momentum and decay, whose mixed second derivative is a central difference. The
  /// weights are as before afterwards; needs Learn::kGates and Sampler::unrolls().
  bool unrolled = false;
  /// Parameter groups that take their optimiser step now, by their gradients of this step so far.
  std::vector<std::string> then_step = {"weights"};
  double rate = 1;  ///< of those steps: times the learning rates of the groups' schedules
  /// Which momentum the weights' step goes by and renews: one of its own for each name, from zero. Letters, digits and
  /// underscores; of SGD alone.
  std::string momentum = {};
  /// A copy of the weights is kept under this name behind those steps, in place of an earlier one, and saved with
  /// checkpoints. Letters, digits and underscores; empty: none.
  std::string then_keep = {};
};

/// What came of one subnet of a work. The tensors are on the device: who reads them waits for it.
struct Outcome {
  at::Tensor loss;                         ///< [] float32, what was learned by, penalty included
  std::function<at::Tensor()> clean_loss;  ///< [] float32 of the same output: labels alone, no smoothing
  std::int64_t macs = 0;                   ///< an image, forward, as executed
};

struct StepContext {
  std::int64_t step = 0;  ///< steps done
  std::int64_t total_steps = 0;
  std::size_t works = 0;                                ///< done in this step
  std::span<const std::vector<Outcome>> outcomes = {};  ///< of those works
  /// Whether so much of the training lies behind.
  bool is_past(double share) const { return static_cast<double>(step) >= share * static_cast<double>(total_steps); }
};

/// What a sampler's sequence depends on besides the random numbers that are passed in.
struct SamplerState {
  TensorMap tensors;
  nlohmann::json values = nlohmann::json::object();
};

/// Decides what a training step is, in a dialogue: it is asked for one piece of work after the other and told what came
/// of each. Not thread-safe: one trainer thread calls next and observe in turn.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual std::string_view name() const = 0;
  /// The next piece of the step; none: the step is done. `rng` is the only source of randomness.
  virtual std::optional<Work> next(const StepContext& context, Rng& rng) = 0;
  virtual void observe(const Work& /*work*/, std::span<const Outcome> /*outcomes*/) {}
  /// Added to the loss of a subnet whose work learns gates: a price, an entropy. [] or undefined.
  virtual at::Tensor penalty(const Work& /*work*/, const Candidate& /*subnet*/) { return {}; }
  /// The sampler's own parameters; their names are what works and checkpoints call them.
  virtual std::vector<ParameterGroup> groups() { return {}; }
  virtual bool uses(Stream stream) const { return stream == Stream::kTrain; }
  /// Whether works may be unrolled.
  virtual bool unrolls() const { return false; }
  /// Whether subnets learn from others.
  virtual bool distills() const { return false; }
  /// Curves of the sampler's own after a step, by name: "entropy", a probability, a width. May read from the device, so
  /// it is asked when a curve is drawn, not every step.
  virtual std::vector<std::pair<std::string, double>> metrics() const { return {}; }
  /// What the weights must hold; none: every subnet.
  virtual std::optional<Selection> widest() const { return std::nullopt; }
  /// The architecture that the sampler has settled on, where it learns one.
  virtual std::optional<Architecture> derive() const { return std::nullopt; }
  /// Everything that next() depends on. Restoring it continues the same sequence.
  virtual SamplerState save() const = 0;
  /// @throws UsageError if the state is not this sampler's.
  virtual void load(const SamplerState& state) = 0;
};

/// A sampler whose steps depend on nothing but the random numbers.
class StatelessSampler : public Sampler {
 public:
  SamplerState save() const override { return {}; }
  void load(const SamplerState& state) override;
};

/// @param input what the networks are built for: costs, and so the largest subnet, depend on it.
/// @param options the sampler's own settings; unknown ones are refused.
/// @param rng of the sampler's own start, e.g. of its parameters.
/// @throws UsageError listing the known samplers.
std::unique_ptr<Sampler> make_sampler(std::string_view name, std::shared_ptr<const SearchSpace> space,
                                      const InputShape& input, const nlohmann::json& options, const Rng& rng);
std::vector<std::string> known_samplers();
/// Every sampler with what there is to set.
std::vector<NamedOptions> sampler_settings();
/// The sampler's settings with all defaults filled in, as they are stored with a run.
nlohmann::json resolved_sampler_options(std::string_view name, const nlohmann::json& options);

}  // namespace frontier
