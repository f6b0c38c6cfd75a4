#include "supernet/samplers/tas.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "common/errors.h"
#include "supernet/numbers.h"
#include "supernet/samplers/gumbel.h"

namespace frontier {
namespace {

constexpr const char* kSampler = "sampler 'tas' ";

bool is_size(const Decision& decision) { return !decision.values.empty(); }

std::vector<bool> open_decisions(const SearchSpace& space) {
  std::vector<bool> open;
  for (const Decision& decision : space.decisions()) open.push_back(decision.options.size() > 1);
  return open;
}

/// These options of a decision, together.
SelectedOptions together(const Decision& decision, std::vector<std::uint16_t> options, const std::string& widths) {
  const bool interpolates = decision.kind == DecisionKind::kWidth && widths == "interpolate";
  return {std::move(options), interpolates ? Combine::kInterpolate : usual_combine(decision.kind)};
}

/// Several sizes must be able to run as one network.
const std::shared_ptr<const SearchSpace>& checked(const std::shared_ptr<const SearchSpace>& space,
                                                  const InputShape& input, const TasSampler::Options& options) {
  if (space->listed())
    throw UsageError(std::string(kSampler) + "learns through what sizes cost; the networks of '" + space->name() +
                     "' are listed and priced one by one");
  const auto decisions = space->decisions();
  if (std::none_of(decisions.begin(), decisions.end(),
                   [](const Decision& d) { return is_size(d) && d.options.size() > 1; }))
    throw UsageError(std::string(kSampler) + "chooses sizes of layers, and '" + space->name() +
                     "' has no decisions about them; choose another sampler, or a space such as resnet_shape_20");
  std::vector<SelectedOptions> all;
  const Selection everything = Selection::everything(decisions);
  for (std::size_t d = 0; d < decisions.size(); ++d)
    all.push_back(together(decisions[d], everything[d].options, options.widths));
  try {
    space->build(Selection(std::move(all)), input);
  } catch (const std::logic_error& error) {
    std::string why = std::string(kSampler) + "runs several sizes as one network, which '" + space->name() +
                      "' does not allow: " + error.what();
    if (options.widths == "interpolate")
      why +=
          " (sampler.widths=mask), or choose a space whose widths have norms of their own, as "
          "resnet_shape_20(norms=per_width)";
    throw UsageError(why);
  }
  return space;
}

/// Where the cost may lie. @throws UsageError where that is beyond the networks there are.
Limit band_of(const TasSampler::Options& options, const std::string& space, const FeasibleSet& all,
              std::int64_t unpruned) {
  const auto full = static_cast<double>(unpruned);
  const double target = options.target_macs > 0 ? static_cast<double>(options.target_macs) : options.target * full;
  const double below = options.tolerance * (options.band == "around" ? target : full);
  const double above = options.band == "around" ? below : 0;
  const Limit band{"macs", std::llround(std::ceil(target - below)), std::llround(std::floor(target + above))};
  const std::string what = options.target_macs > 0 ? "sampler.target_macs = " + std::to_string(options.target_macs)
                                                   : "sampler.target = " + std::to_string(options.target) + " (" +
                                                         std::to_string(std::llround(target)) + " MACs)";
  if (*band.at_most < all.least_macs().macs)
    throw UsageError(what + " is below the cheapest network of '" + space + "' (" +
                     std::to_string(all.least_macs().macs) + " MACs); raise it");
  if (*band.at_least > unpruned)
    throw UsageError(what + " is above the unpruned network of '" + space + "' (" + std::to_string(unpruned) +
                     " MACs); lower it");
  return band;
}

}  // namespace

Priced unpruned(const SearchSpace& space, const InputShape& input) {
  std::vector<std::vector<std::uint16_t>> largest;
  for (const Decision& decision : space.decisions()) {
    std::vector<std::uint16_t>& allowed = largest.emplace_back();
    const auto most = std::max_element(decision.values.begin(), decision.values.end());
    for (std::size_t i = 0; i < decision.options.size(); ++i)
      if (!is_size(decision) || decision.values[i] == *most) allowed.push_back(static_cast<std::uint16_t>(i));
  }
  CostTable table = space.cost_table(input);
  table.restrict_to(largest);
  return FeasibleSet(space, std::move(table), Budget{}).most_macs();
}

TasSampler::TasSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                       const Rng& rng)
    : LogitSampler("tas", checked(space, input, options), open_decisions(*space), {}, options, rng),
      options_(options),
      all_(*space, input, Budget{}),
      expected_cost_(all_.table()),
      unpruned_macs_(unpruned(*space, input).macs),
      band_(band_of(options, this->space().name(), all_, unpruned_macs_)) {}

Candidate TasSampler::subnet(const StepContext& context, Rng& rng) {
  const double temperature =
      value_at({.kind = options_.schedule, .start = options_.temperature, .end = options_.temperature_end},
               context.step, context.total_steps);
  const std::vector<std::vector<double>> now = log_probabilities();
  std::vector<SelectedOptions> selected;
  std::vector<at::Tensor> gates;
  for (std::size_t d = 0; d < now.size(); ++d) {
    const Decision& decision = space().decisions()[d];
    const std::size_t options = decision.options.size();
    const bool takes_all = decision.kind == DecisionKind::kDepth;  // they share their layers
    const std::size_t count = takes_all ? options : std::min(options, static_cast<std::size_t>(options_.candidates));
    if (!has_logits(d)) {
      selected.push_back({{0}});
      gates.emplace_back();
      continue;
    }
    const DrawnOptions drawn = draw_options(now[d], count, temperature, rng);
    gates.push_back(gates_of(drawn, learned_logits(d), temperature));
    selected.push_back(together(decision, drawn.options, options_.widths));
  }
  Selection selection(std::move(selected));
  Gates weighed(space().decisions(), std::move(gates), selection);
  return {std::move(selection), std::move(weighed)};
}

Gates TasSampler::expected_gates(bool learns) const {
  std::vector<at::Tensor> gates;
  for (std::size_t d = 0; d < space().decisions().size(); ++d)
    gates.push_back(has_logits(d) ? at::softmax(learns ? learned_logits(d) : logits(d), 0)
                                  : at::ones({1}, parameters().values().options()));
  return {space().decisions(), std::move(gates)};
}

/// Equation 6: the sign is that of what would be derived, the gradient that of the expectation.
at::Tensor TasSampler::penalty(const Work&, const Candidate&) {
  const std::int64_t derived = derived_macs();
  if (band_.allows(derived)) return {};
  const at::Tensor share = expected_cost_(expected_gates(true))[0] / static_cast<double>(unpruned_macs_);
  const double sign = derived > *band_.at_most ? 1 : -1;
  return (sign * options_.cost_weight * share.log()).to(at::kFloat);
}

/// Logarithms against the likeliest option: what is derived has the likeliest one everywhere, whatever its depth, as
/// far as the space allows it.
std::vector<std::vector<double>> TasSampler::scores() const {
  std::vector<std::vector<double>> all = log_probabilities();
  for (std::vector<double>& scores : all) {
    const double most = *std::max_element(scores.begin(), scores.end());
    for (double& score : scores) score -= most;
  }
  return all;
}

std::int64_t TasSampler::derived_macs() const {
  const auto all = scores();
  Architecture arch;
  for (const std::vector<double>& scores : all)
    arch.choices.push_back(static_cast<std::uint16_t>(std::max_element(scores.begin(), scores.end()) - scores.begin()));
  return all_.table().macs(all_.table().admits(arch) ? arch : all_.best(all));
}

double TasSampler::mean_share(DecisionKind kind) const {
  const auto p = probabilities();
  double sum = 0;
  int count = 0;
  for (std::size_t d = 0; d < p.size(); ++d) {
    const Decision& decision = space().decisions()[d];
    if (decision.kind != kind || !is_size(decision)) continue;
    double expected = 0;
    for (std::size_t i = 0; i < p[d].size(); ++i) expected += p[d][i] * static_cast<double>(decision.values[i]);
    sum += expected / static_cast<double>(*std::max_element(decision.values.begin(), decision.values.end()));
    ++count;
  }
  return count > 0 ? sum / count : -1;
}

std::vector<std::pair<std::string, double>> TasSampler::metrics() const {
  const auto full = static_cast<double>(unpruned_macs_);
  auto metrics = LogitSampler::metrics();
  metrics.emplace_back("cost", numbers_of(expected_cost_(expected_gates(false)))[0] / full);
  metrics.emplace_back("derived_cost", static_cast<double>(derived_macs()) / full);
  for (const auto& [name, kind] : {std::pair("width", DecisionKind::kWidth), std::pair("depth", DecisionKind::kDepth)})
    if (const double share = mean_share(kind); share >= 0) metrics.emplace_back(name, share);
  return metrics;
}

}  // namespace frontier
