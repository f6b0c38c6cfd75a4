#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/rng.h"
#include "search_spaces/search_space.h"
#include "supernet/executor.h"

namespace frontier {

struct TrainingState {
  std::int64_t step = 0;  ///< optimiser steps done
  std::int64_t total_steps = 0;
};

/// One subnet to train on a batch. Soft selections bring the weights of their decisions, as functions of the sampler's
/// parameters.
struct SampledSubnet {
  Selection selection;
  SelectionWeights weights;
};

/// What the trainer measured for one sampled subnet.
struct Feedback {
  std::size_t subnet = 0;  ///< index in the result of next()
  double loss = 0;         ///< of its batch
};

/// Decides which subnets a training batch updates. Not thread-safe: one trainer thread calls next and observe in turn.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual std::string_view name() const = 0;
  /// The subnets of one step; their gradients are added up. `rng` is the only source of randomness.
  virtual std::vector<SampledSubnet> next(const TrainingState& state, Rng& rng) = 0;
  /// The losses of the subnets that next() gave; samplers that do not learn from them ignore the call.
  virtual void observe(std::span<const Feedback>) {}
  /// Whether the first subnet of each step is the teacher of the others in in-place distillation.
  virtual bool teaches() const { return false; }
  /// Architecture parameters, learned by gradient on batches of their own: leaf tensors. Empty where there are none.
  virtual std::vector<at::Tensor> parameters() { return {}; }
  /// The architecture that the sampler has settled on, where it learns one.
  virtual std::optional<Architecture> derive() const { return std::nullopt; }
  /// State besides parameters(): everything next() depends on. Restoring it continues the same sequence.
  virtual nlohmann::json save() const;
  virtual void load(const nlohmann::json& state);
};

/// @param options the sampler's own settings; unknown ones are refused.
/// @throws UsageError listing the known samplers.
std::unique_ptr<Sampler> make_sampler(std::string_view name, std::shared_ptr<const SearchSpace> space,
                                      const nlohmann::json& options);
std::vector<std::string> known_samplers();
/// The sampler's settings with all defaults filled in, as they are stored with a run.
nlohmann::json resolved_sampler_options(std::string_view name, const nlohmann::json& options);

}  // namespace frontier
