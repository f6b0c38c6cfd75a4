#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/text.h"
#include "supernet/samplers/attentive.h"
#include "supernet/samplers/cost_bins.h"
#include "supernet/samplers/darts.h"
#include "supernet/samplers/drnas.h"
#include "supernet/samplers/elastic_vit.h"
#include "supernet/samplers/fair.h"
#include "supernet/samplers/fixed.h"
#include "supernet/samplers/gdas.h"
#include "supernet/samplers/pc_darts.h"
#include "supernet/samplers/sampler.h"
#include "supernet/samplers/sandwich.h"
#include "supernet/samplers/shiftnas.h"
#include "supernet/samplers/tas.h"
#include "supernet/samplers/uniform.h"

namespace frontier {
namespace {

using SpacePointer = std::shared_ptr<const SearchSpace>;

template <class S>
typename S::Options read(const nlohmann::json& json) {
  typename S::Options options;
  read_options(json, "sampler", options);
  return options;
}

template <class S>
std::unique_ptr<Sampler> make(SpacePointer space, const InputShape& input, const nlohmann::json& json, const Rng& rng) {
  return std::make_unique<S>(std::move(space), input, read<S>(json), rng);
}

template <class S>
nlohmann::json resolve(const nlohmann::json& json) {
  return write_options(read<S>(json));
}

template <class S>
std::vector<Setting> settings() {
  return list_options<typename S::Options>("");
}

struct Entry {
  const char* name;
  std::unique_ptr<Sampler> (*make)(SpacePointer, const InputShape&, const nlohmann::json&, const Rng&);
  nlohmann::json (*resolve)(const nlohmann::json&);
  std::vector<Setting> (*settings)();
};
template <class S>
constexpr Entry entry(const char* name) {
  return {name, make<S>, resolve<S>, settings<S>};
}
constexpr Entry kEntries[] = {entry<UniformSampler>("uniform"),
                              entry<CostBinsSampler>("cost_bins"),
                              entry<FairSampler>("fair"),
                              entry<SandwichSampler>("sandwich"),
                              entry<AttentiveSampler>("attentive"),
                              entry<ShiftNasSampler>("shiftnas"),
                              entry<ElasticVitSampler>("elastic_vit"),
                              entry<DartsSampler>("darts"),
                              entry<PcDartsSampler>("pc_darts"),
                              entry<GdasSampler>("gdas"),
                              entry<DrnasSampler>("drnas"),
                              entry<TasSampler>("tas"),
                              entry<FixedSampler>("fixed")};

const Entry& entry_of(std::string_view name) {
  for (const auto& entry : kEntries)
    if (name == entry.name) return entry;
  throw UsageError(unknown_name("sampler", name, known_samplers()));
}

}  // namespace

std::string_view to_string(Stream stream) {
  switch (stream) {
    case Stream::kTrain: return "train";
    case Stream::kArchitecture: return "architecture";
    case Stream::kHeldOut: return "held_out";
  }
  return "";
}

void StatelessSampler::load(const SamplerState& state) {
  if (!state.tensors.empty() || !state.values.empty())
    throw UsageError("the checkpoint's sampler state is of another sampler than '" + std::string(name()) + "'");
}

std::vector<std::string> known_samplers() {
  std::vector<std::string> names;
  for (const auto& entry : kEntries) names.emplace_back(entry.name);
  return names;
}

std::vector<NamedOptions> sampler_settings() {
  std::vector<NamedOptions> all;
  for (const auto& entry : kEntries) all.push_back({entry.name, entry.settings()});
  return all;
}

std::unique_ptr<Sampler> make_sampler(std::string_view name, SpacePointer space, const InputShape& input,
                                      const nlohmann::json& options, const Rng& rng) {
  return entry_of(name).make(std::move(space), input, options, rng);
}

nlohmann::json resolved_sampler_options(std::string_view name, const nlohmann::json& options) {
  return entry_of(name).resolve(options);
}

}  // namespace frontier
