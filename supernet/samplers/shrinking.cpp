#include "supernet/samplers/shrinking.h"

#include <algorithm>
#include <numeric>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::pair<const char*, DecisionKind> kKinds[] = {{"width", DecisionKind::kWidth},
                                                           {"depth", DecisionKind::kDepth},
                                                           {"kernel", DecisionKind::kKernel},
                                                           {"bits", DecisionKind::kBits},
                                                           {"other", DecisionKind::kOther}};

bool is_meant(const std::string& word, const Decision& decision) {
  const std::size_t dot = decision.name.rfind('.');
  return decision.name.substr(dot == std::string::npos ? 0 : dot + 1) == word ||
         std::any_of(std::begin(kKinds), std::end(kKinds),
                     [&](const auto& kind) { return word == kind.first && decision.kind == kind.second; });
}

std::vector<std::uint16_t> from_the_largest(const Decision& decision) {
  if (decision.values.size() != decision.options.size())
    throw UsageError("shrinking.order: the options of '" + decision.name + "' have no sizes");
  std::vector<std::uint16_t> order(decision.options.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint16_t a, std::uint16_t b) { return decision.values[a] > decision.values[b]; });
  return order;
}

/// In rising order.
std::vector<std::uint16_t> largest(const std::vector<std::uint16_t>& order, std::size_t count) {
  std::vector<std::uint16_t> some(order.begin(),
                                  order.begin() + static_cast<std::ptrdiff_t>(std::min(count, order.size())));
  std::sort(some.begin(), some.end());
  return some;
}

std::string phase_prefix(std::size_t phase) { return "phase" + std::to_string(phase) + "."; }

}  // namespace

void require_consistent(const ShrinkingOptions& options) {
  if (options.share == 0 && options.order != ShrinkingOptions{}.order)
    throw UsageError("order has no effect without share: everything is open from the start");
}

std::vector<ShrinkingPhase> shrinking_phases(std::span<const Decision> decisions, const ShrinkingOptions& options) {
  std::vector<std::vector<std::size_t>> meant(options.order.size());  // each decision by the first word that means it
  std::vector<std::vector<std::uint16_t>> order(decisions.size());
  std::vector<std::vector<std::uint16_t>> allowed;
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    const auto word = std::find_if(options.order.begin(), options.order.end(),
                                   [&](const std::string& w) { return is_meant(w, decisions[d]); });
    auto& here = allowed.emplace_back(decisions[d].options.size());
    std::iota(here.begin(), here.end(), std::uint16_t{0});
    if (word == options.order.end()) continue;
    order[d] = from_the_largest(decisions[d]);
    here = largest(order[d], 1);
    meant[static_cast<std::size_t>(word - options.order.begin())].push_back(d);
  }
  std::vector<ShrinkingPhase> phases;
  const double part = options.share / static_cast<double>(std::max<std::size_t>(options.order.size(), 1));
  for (std::size_t w = 0; w < meant.size(); ++w) {
    if (meant[w].empty())
      throw UsageError("shrinking.order: '" + printable(options.order[w]) +
                       "' is no kind and no last part of a name of this space's decisions that no earlier word means");
    std::size_t most = 1;
    for (const std::size_t d : meant[w]) most = std::max(most, order[d].size());
    const double begin = part * static_cast<double>(w), steps = static_cast<double>(std::max<std::size_t>(most - 1, 1));
    for (std::size_t opened = 1; opened < std::max<std::size_t>(most, 2); ++opened) {
      for (const std::size_t d : meant[w]) allowed[d] = largest(order[d], opened);
      phases.push_back({begin + part * static_cast<double>(opened) / steps, allowed});
    }
    for (const std::size_t d : meant[w]) allowed[d] = largest(order[d], order[d].size());
  }
  phases.push_back({1, allowed});
  return phases;
}

ShrinkingSampler::ShrinkingSampler(std::vector<Phase> phases) : phases_(std::move(phases)) {
  for (const Phase& phase : phases_)
    if (!phase.sampler->groups().empty())
      throw UsageError("shrinking: sampler '" + std::string(name()) +
                       "' learns parameters of its own, which need all options from the start; take one that draws");
}

std::optional<Work> ShrinkingSampler::next(const StepContext& context, Rng& rng) {
  phase_ = 0;
  while (phase_ + 1 < phases_.size() && context.is_past(phases_[phase_].until)) ++phase_;
  return current().next(context, rng);
}

std::vector<std::pair<std::string, double>> ShrinkingSampler::metrics() const {
  auto values = current().metrics();
  values.emplace_back("phase", static_cast<double>(phase_));
  return values;
}

SamplerState ShrinkingSampler::save() const {
  SamplerState state{.tensors = {}, .values = {{"phase", phase_}, {"phases", nlohmann::json::array()}}};
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    SamplerState own = phases_[i].sampler->save();
    state.tensors.merge(with_prefix(phase_prefix(i), std::move(own.tensors)));
    state.values["phases"].push_back(std::move(own.values));
  }
  return state;
}

void ShrinkingSampler::load(const SamplerState& state) {
  const auto& values = state.values;
  if (!values.is_object() || !values.contains("phase") || !values["phase"].is_number_unsigned() ||
      values["phase"].get<std::size_t>() >= phases_.size() || !values.contains("phases") ||
      !values["phases"].is_array() || values["phases"].size() != phases_.size())
    throw UsageError("the checkpoint's sampler state is not of " + std::to_string(phases_.size()) +
                     " phases of shrinking");
  for (std::size_t i = 0; i < phases_.size(); ++i)
    phases_[i].sampler->load({part_of(phase_prefix(i), state.tensors), values["phases"][i]});
  phase_ = values["phase"].get<std::size_t>();
}

std::unique_ptr<Sampler> make_shrinking(
    const std::shared_ptr<const SearchSpace>& space, const ShrinkingOptions& options,
    const std::function<std::unique_ptr<Sampler>(std::shared_ptr<const SearchSpace>)>& make) {
  std::vector<ShrinkingSampler::Phase> phases;
  for (ShrinkingPhase& phase : shrinking_phases(space->decisions(), options))
    phases.push_back(
        {phase.until, make(std::make_shared<const SearchSpace>(space->restricted(std::move(phase.allowed))))});
  return std::make_unique<ShrinkingSampler>(std::move(phases));
}

}  // namespace frontier
