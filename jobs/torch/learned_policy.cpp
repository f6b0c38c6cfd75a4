#include "jobs/torch/learned_policy.h"

namespace frontier {
namespace {

/// The settings of the checkpoint's sampler. @throws UsageError if it is another.
ShiftNasSampler::Options options_of(const Prepared& prepared) {
  nlohmann::json settings = prepared.config.sampler;
  const auto name = settings.at("name").get<std::string>();
  if (name != "shiftnas") throw no_policy_of("a checkpoint of sampler '" + name + "'");
  settings.erase("name");
  ShiftNasSampler::Options options;
  read_options(settings, "sampler", options);
  return options;
}

}  // namespace

SamplerState sampler_state_of(const Checkpoint& checkpoint) {
  const nlohmann::json::json_pointer values("/trainer/sampler");
  return {.tensors = part_of("sampler.", checkpoint.state),
          .values = checkpoint.run.contains(values) ? checkpoint.run[values] : nlohmann::json::object()};
}

LearnedPolicy::LearnedPolicy(const Prepared& prepared, const SamplerState& state)
    : sampler_(prepared.space, prepared.input, options_of(prepared), Rng(0)) {
  sampler_.load(state);
}

}  // namespace frontier
