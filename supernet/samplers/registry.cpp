#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/text.h"
#include "supernet/samplers/darts.h"
#include "supernet/samplers/fixed.h"
#include "supernet/samplers/sampler.h"
#include "supernet/samplers/sandwich.h"
#include "supernet/samplers/uniform.h"

namespace frontier {
namespace {

using SpacePointer = std::shared_ptr<const SearchSpace>;

template <class S>
std::unique_ptr<Sampler> make(SpacePointer space, nlohmann::json& json, const Rng& rng) {
  typename S::Options options;
  read_options(json, "sampler", options);
  json = write_options(options);
  return std::make_unique<S>(std::move(space), options, rng);
}

struct Entry {
  const char* name;
  std::unique_ptr<Sampler> (*make)(SpacePointer, nlohmann::json&, const Rng&);
};
constexpr Entry kEntries[] = {{"uniform", make<UniformSampler>},
                              {"sandwich", make<SandwichSampler>},
                              {"darts", make<DartsSampler>},
                              {"fixed", make<FixedSampler>}};

}  // namespace

std::string_view to_string(Stream stream) { return stream == Stream::kTrain ? "train" : "architecture"; }

void StatelessSampler::load(const SamplerState& state) {
  if (!state.tensors.empty() || !state.values.empty())
    throw UsageError("the checkpoint's sampler state is of another sampler than '" + std::string(name()) + "'");
}

std::vector<std::string> known_samplers() {
  std::vector<std::string> names;
  for (const auto& entry : kEntries) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<Sampler> make_sampler(std::string_view name, SpacePointer space, nlohmann::json& options,
                                      const Rng& rng) {
  for (const auto& entry : kEntries)
    if (name == entry.name) return entry.make(std::move(space), options, rng);
  throw UsageError(unknown_name("sampler", name, known_samplers()));
}

}  // namespace frontier
