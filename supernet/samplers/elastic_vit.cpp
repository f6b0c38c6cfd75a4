#include "supernet/samplers/elastic_vit.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "common/errors.h"
#include "supernet/numbers.h"

namespace frontier {
namespace {

constexpr double kWindowShare = 0.08;  // of the range of costs
constexpr double kExploitStages = 6;   // of a training
constexpr std::size_t kBanksASmallest = 2;
constexpr int kSmallestDraws = 32;
constexpr std::size_t kMostCurves = 8;     // banks that are drawn, two curves each
constexpr std::int64_t kRefreshParts = 4;  // between two refreshes, at whose starts the current bank is scored again

std::vector<Limit> windows_of(const ElasticVitSampler::Options& options, std::int64_t least, std::int64_t most) {
  const std::int64_t range = most - least;
  const std::int64_t width =
      options.window > 0 ? options.window : std::llround(kWindowShare * static_cast<double>(range));
  std::vector<std::int64_t> begins = options.costs;
  if (!std::is_sorted(begins.begin(), begins.end(), std::less_equal<>())) throw UsageError("sampler.costs must rise");
  const auto room = static_cast<double>(std::max<std::int64_t>(range - width, 0));
  const double step = options.banks > 1 ? room / static_cast<double>(options.banks - 1) : 0;
  for (std::int64_t bank = 0; options.costs.empty() && bank < options.banks; ++bank)
    begins.push_back(least + std::llround(static_cast<double>(bank) * step));
  std::vector<Limit> windows;
  for (const std::int64_t begin : begins) windows.push_back({options.price, begin, begin + width});
  return windows;
}

/// Banks that were asked for by their costs must not be left out.
void require_all(const SearchSpace& space, const CostBins& banks, const std::vector<Limit>& wanted) {
  for (std::size_t i = 0; banks.size() < wanted.size() && i < wanted.size(); ++i)
    if (i >= banks.size() || !(banks.window(i) == wanted[i]))
      throw UsageError("sampler.costs: no subnet of '" + space.name() + "' is " +
                       to_string(Budget{.limits = {wanted[i]}}) + "; they are from " + std::to_string(banks.least()) +
                       " to " + std::to_string(banks.most()));
}

/// Sum of squares of the places of sizes among their options: small where all are near to the smallest.
double unevenness(const SearchSpace& space, const Architecture& arch) {
  double sum = 0;
  for (std::size_t d = 0; d < arch.choices.size(); ++d) {
    const Decision& decision = space.decisions()[d];
    if (decision.kind == DecisionKind::kBranch || decision.options.size() < 2) continue;
    sum += std::pow(static_cast<double>(arch.choices[d]) / static_cast<double>(decision.options.size() - 1), 2);
  }
  return sum;
}

/// Of some that cost from `least` to `least + window`, the most even.
Architecture smallest_from(const SearchSpace& space, const CostBins& banks, const std::string& price,
                           std::int64_t least, std::int64_t window) {
  if (least <= banks.least()) return banks.cheapest();
  std::optional<Architecture> best;
  Rng rng(0);
  try {
    const FeasibleSet of_size(space, banks.all().table(), Budget{.limits = {{price, least, least + window}}});
    for (int i = 0; i < kSmallestDraws; ++i) {
      const auto drawn = of_size.try_draw(rng);
      if (!drawn) break;
      if (!best || unevenness(space, *drawn) < unevenness(space, *best)) best = drawn;
    }
  } catch (const UsageError&) {  // one side of the window alone leaves nothing
  }
  return best.value_or(banks.cheapest());
}

}  // namespace

void require_consistent(const ElasticVitSampler::Options& o) {
  const ElasticVitSampler::Options usual;
  if (!o.costs.empty() && o.banks != usual.banks)
    throw UsageError("banks has no effect where costs says where each bank begins");
  if (!o.preference &&
      (o.exploit != usual.exploit || o.exploit_rise != usual.exploit_rise || o.candidates != usual.candidates ||
       o.wide_within != usual.wide_within || o.bank_size != usual.bank_size ||
       o.large_bank_size != usual.large_bank_size || o.refreshes != usual.refreshes))
    throw UsageError(
        "exploit, exploit_rise, candidates, wide_within, bank_size, large_bank_size and refreshes have no effect "
        "with preference = false");
  if (o.smallest == 0 && !(o.smallest_divergence == usual.smallest_divergence))
    throw UsageError("smallest_divergence has no effect with smallest = 0");
}

ElasticVitSampler::ElasticVitSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input,
                                     const Options& options, const Rng&)
    : space_(std::move(space)),
      options_(options),
      banks_(*space_, input, options.price,
             [&](std::int64_t least, std::int64_t most) { return windows_of(options, least, most); }) {
  if (!options.costs.empty()) require_all(*space_, banks_, windows_of(options, banks_.least(), banks_.most()));
  for (std::size_t d = 0; d < space_->decisions().size(); ++d) {
    const Decision& decision = space_->decisions()[d];
    if (!decision.name.starts_with(options.wide_within)) continue;
    if (decision.kind == DecisionKind::kWidth) widths_.push_back(d);
    if (decision.kind == DecisionKind::kDepth) depths_.push_back(d);
  }
  if (!options.wide_within.empty() && widths_.empty() && depths_.empty())
    throw UsageError("sampler.wide_within = '" + options.wide_within + "': no width or depth of '" + space_->name() +
                     "' is decided under a name that begins so");
  for (std::size_t bank = 0; bank < banks_.size(); ++bank)
    remembered_.emplace_back(
        static_cast<std::size_t>(2 * bank < banks_.size() ? options.bank_size : options.large_bank_size));
  for (std::size_t i = 0; i < static_cast<std::size_t>(options.smallest) && i * kBanksASmallest < banks_.size(); ++i) {
    const Limit& window = banks_.window(i * kBanksASmallest);
    smallest_.push_back(smallest_from(*space_, banks_, options.price, i == 0 ? 0 : *window.at_least / 2,
                                      *window.at_most - *window.at_least));
  }
}

const Architecture& ElasticVitSampler::smallest_of(std::size_t bank) const {
  return smallest_.at(std::min(bank / kBanksASmallest, smallest_.size() - 1));
}

std::optional<Work> ElasticVitSampler::next(const StepContext& context, Rng& rng) {
  if (context.works == 0) start(context, rng);
  if (context.works == 0 && !renewed_.empty()) return refresh();
  if (context.works == (renewed_.empty() ? 0U : 1U)) return training(context, rng);
  return std::nullopt;
}

/// Moves on, and decides whose scores are renewed in this step.
void ElasticVitSampler::start(const StepContext& context, Rng& rng) {
  if (options_.walk == "adjacent_step") move(rng);
  if (options_.walk == "cyclic") bank_ = (bank_ + banks_.size() - 1) % banks_.size();
  renewed_.clear();
  const std::int64_t parts = (options_.refreshes + 1) * kRefreshParts;
  const auto part = [&](std::int64_t step) { return step * parts / std::max<std::int64_t>(context.total_steps, 1); };
  if (!options_.preference || options_.refreshes == 0 || context.step == 0 ||
      part(context.step) == part(context.step - 1))
    return;
  const bool all = part(context.step) % kRefreshParts == 0;
  for (std::size_t bank = 0; bank < banks_.size(); ++bank)
    for (std::size_t i = 0; (all || bank == bank_) && i < remembered_[bank].entries().size(); ++i)
      renewed_.emplace_back(bank, i);
}

/// A lazy walk that its ends throw back: all banks are visited equally often.
void ElasticVitSampler::move(Rng& rng) {
  const std::uint64_t step = rng.below(3);
  if (step == 0 && bank_ > 0) --bank_;
  if (step == 2 && bank_ + 1 < banks_.size()) ++bank_;
}

Work ElasticVitSampler::refresh() const {
  Work work{.subnets = {}, .learn = Learn::kNothing, .then_step = {}};
  for (const auto& [bank, entry] : renewed_) work.subnets.push_back({remembered_[bank].entries()[entry].arch});
  return work;
}

double ElasticVitSampler::rate(const StepContext& context) const {
  const auto steps = static_cast<double>(std::max<std::int64_t>(context.total_steps, 1));
  return std::min(
      options_.exploit + options_.exploit_rise * std::floor(kExploitStages * static_cast<double>(context.step) / steps),
      1.0);
}

Work ElasticVitSampler::training(const StepContext& context, Rng& rng) {
  rate_ = options_.preference ? rate(context) : 0;
  slots_.clear();
  Work work;
  for (int i = 0; i < options_.subnets_per_step; ++i) {
    if (options_.walk == "adjacent") move(rng);
    if (options_.walk == "random") bank_ = rng.below(banks_.size());
    Slot& slot = slots_.emplace_back(Slot{.bank = bank_});
    work.subnets.push_back({draw(slot, rate_, rng)});
  }
  if (smallest_.empty()) return work;
  Lesson lesson{.divergence = options_.smallest_divergence};
  for (std::size_t i = 0; i < work.subnets.size(); ++i) lesson.of.push_back(i);
  work.subnets.push_back({.selection = smallest_of(bank_), .lesson = std::move(lesson)});
  return work;
}

Architecture ElasticVitSampler::draw(Slot& slot, double rate, Rng& rng) const {
  if (!options_.preference) return banks_.draw(slot.bank, rng);
  const EliteBank& bank = remembered_[slot.bank];
  if (rng.uniform() < rate && 2 * bank.entries().size() > bank.capacity()) return bank.draw(rng);
  slot.explored = true;
  return explore(slot.bank, rng);
}

Architecture ElasticVitSampler::explore(std::size_t bank, Rng& rng) const {
  Architecture widest = banks_.draw(bank, rng);
  if (2 * remembered_[bank].entries().size() < remembered_[bank].capacity()) return widest;
  const bool has_better = bank > 0 && !remembered_.front().entries().empty();
  const Architecture& anchor = has_better ? remembered_.front().best().arch : banks_.cheapest();
  std::int64_t least = depth_share(widest, anchor);
  for (int i = 1; i < options_.candidates; ++i) {
    Architecture candidate = banks_.draw(bank, rng);
    const std::int64_t share = depth_share(candidate, anchor);
    if (share >= least) continue;
    least = share;
    widest = std::move(candidate);
  }
  return widest;
}

std::int64_t ElasticVitSampler::depth_share(const Architecture& arch, const Architecture& anchor) const {
  const auto with = [&](std::span<const std::size_t> decisions) {
    Architecture changed = arch;
    for (const std::size_t d : decisions) changed.choices[d] = anchor.choices[d];
    return banks_.price(changed);
  };
  return with(widths_) - with(depths_);
}

void ElasticVitSampler::observe(const Work& work, std::span<const Outcome> outcomes) {
  if (!options_.preference) return;
  std::vector<at::Tensor> losses;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (work.learn == Learn::kNothing || (i < slots_.size() && slots_[i].explored))
      losses.push_back(outcomes[i].clean_loss());
  if (losses.empty()) return;
  const std::vector<double> read = numbers_of(at::stack(losses));
  if (work.learn == Learn::kNothing) {
    for (std::size_t i = 0; i < read.size(); ++i) remembered_[renewed_[i].first].rescore(renewed_[i].second, -read[i]);
    return;
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].explored) remembered_[slots_[i].bank].add(work.subnets[i].selection.architecture(), -read[next++]);
}

std::vector<std::pair<std::string, double>> ElasticVitSampler::metrics() const {
  std::vector<std::pair<std::string, double>> values{{"bank", static_cast<double>(bank_)}};
  if (!options_.preference) return values;
  values.emplace_back("exploit", rate_);
  for (std::size_t bank = 0; bank < std::min(banks_.size(), kMostCurves); ++bank) {
    const EliteBank& seen = remembered_[bank];
    values.emplace_back("remembered/" + std::to_string(bank), static_cast<double>(seen.entries().size()));
    if (!seen.entries().empty()) values.emplace_back("score/" + std::to_string(bank), seen.mean_score());
  }
  return values;
}

SamplerState ElasticVitSampler::save() const {
  SamplerState state{.tensors = {}, .values = {{"bank", bank_}, {"remembered", nlohmann::json::array()}}};
  for (const EliteBank& bank : remembered_) state.values["remembered"].push_back(bank.to_json());
  return state;
}

void ElasticVitSampler::load(const SamplerState& state) {
  const auto& values = state.values;
  if (!state.tensors.empty() || !values.is_object() || !values.contains("bank") ||
      !values["bank"].is_number_unsigned() || !values.contains("remembered") || !values["remembered"].is_array())
    throw UsageError("the checkpoint's sampler state is not of sampler 'elastic_vit'");
  if (values["bank"].get<std::size_t>() >= banks_.size() || values["remembered"].size() != banks_.size())
    throw UsageError("the checkpoint's sampler state is not of " + std::to_string(banks_.size()) + " banks");
  for (std::size_t bank = 0; bank < banks_.size(); ++bank)
    remembered_[bank].load(values["remembered"][bank], space_->decisions());
  bank_ = values["bank"].get<std::size_t>();
}

}  // namespace frontier
