#include "supernet/samplers/subnet_aware.h"

#include <algorithm>
#include <cmath>

#include "common/errors.h"
#include "search_spaces/budget.h"

namespace frontier {
namespace {

constexpr std::size_t kMostMomenta = 8;
constexpr int kDraws = 2000;  // by which decisions are compared

/// The chosen options; of a gated decision it is the one that is selected.
Architecture only_subnet_of(const Candidate& subnet, const std::string& sampler) {
  Architecture arch;
  for (const SelectedOptions& selected : subnet.selection.decisions()) {
    if (selected.options.size() != 1)
      throw UsageError("subnet_aware: sampler '" + sampler +
                       "' trains several options of a decision at once; there is no subnet to tell cheap from dear");
    arch.choices.push_back(selected.options.front());
  }
  return arch;
}

/// How much of the variance of the MACs of random subnets lies between the options of a decision.
double variance_between(const std::vector<std::pair<std::uint16_t, double>>& chosen, std::size_t options) {
  std::vector<double> sum(options), count(options);
  double all = 0;
  for (const auto& [option, macs] : chosen) {
    sum[option] += macs;
    count[option] += 1;
    all += macs / static_cast<double>(chosen.size());
  }
  double between = 0;
  for (std::size_t i = 0; i < options; ++i)
    if (count[i] > 0) between += count[i] * std::pow(sum[i] / count[i] - all, 2);
  return between;
}

/// Of at most kMostMomenta options.
std::size_t most_decisive(const SearchSpace& space, const CostTable& table) {
  const auto decisions = space.decisions();
  std::vector<std::vector<std::pair<std::uint16_t, double>>> chosen(decisions.size());
  Rng rng(0);
  for (int i = 0; i < kDraws; ++i) {
    const Architecture arch = space.random(rng);
    for (std::size_t d = 0; d < decisions.size(); ++d)
      chosen[d].emplace_back(arch.choices[d], static_cast<double>(table.macs(arch)));
  }
  std::optional<std::size_t> best;
  double most = 0;
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    if (decisions[d].options.size() > kMostMomenta) continue;
    const double between = variance_between(chosen[d], decisions[d].options.size());
    if (best && between <= most) continue;
    best = d;
    most = between;
  }
  if (!best)
    throw UsageError("subnet_aware.momentum = auto: no decision of '" + space.name() + "' has at most " +
                     std::to_string(kMostMomenta) + " options");
  return *best;
}

}  // namespace

void require_consistent(const SubnetAwareOptions& options) {
  if (options.gamma == 0 && options.price != SubnetAwareOptions{}.price)
    throw UsageError("price has no effect without gamma: all subnets have one learning rate");
}

SubnetAwareSampler::SubnetAwareSampler(std::unique_ptr<Sampler> sampler, std::shared_ptr<const SearchSpace> space,
                                       const InputShape& input, const SubnetAwareOptions& options)
    : SamplerDecorator(std::move(sampler)),
      space_(std::move(space)),
      options_(options),
      table_(space_->cost_table(input)) {
  if (options_.gamma > 0) {
    const FeasibleSet all(*space_, table_, Budget{});
    const bool by_params = options_.price == "params";
    const double least = std::log(static_cast<double>(by_params ? all.least_params().params : all.least_macs().macs));
    const double most = std::log(static_cast<double>(by_params ? all.most_params().params : all.most_macs().macs));
    const double at_most = 1 / options_.gamma;  // the dearest's
    slope_ = most > least ? -(options_.gamma - at_most) / (most - least) : 0;
    intercept_ = at_most - slope_ * most;
  }
  if (options_.momentum == "auto") {
    split_ = most_decisive(*space_, table_);
  } else if (options_.momentum != "none") {
    split_ = space_->decision_index(options_.momentum);
    if (const std::size_t n = space_->decisions()[*split_].options.size(); n > kMostMomenta)
      throw UsageError("subnet_aware.momentum = " + options_.momentum + ": it has " + std::to_string(n) +
                       " options, and each momentum is as large as the weights; at most " +
                       std::to_string(kMostMomenta) + " are kept");
  }
}

double SubnetAwareSampler::power(const Architecture& arch) const {
  const std::int64_t price = options_.price == "params" ? table_.params(arch) : table_.macs(arch);
  return slope_ * std::log(static_cast<double>(price)) + intercept_;
}

std::optional<Work> SubnetAwareSampler::next(const StepContext& context, Rng& rng) {
  auto work = sampler().next(context, rng);
  if (!work || work->subnets.empty() || !learns(work->learn, Learn::kWeights)) return work;
  if (split_) work->momentum = momentum_of(*work);
  if (options_.gamma == 0) return work;
  const double left = 1 - static_cast<double>(context.step) / static_cast<double>(context.total_steps);
  const auto factor = [&](const Candidate& subnet) {
    return std::pow(left, power(only_subnet_of(subnet, std::string(name()))));
  };
  if (work->subnets.size() == 1) {
    work->rate *= factor(work->subnets.front());
  } else {
    for (Candidate& subnet : work->subnets) subnet.factor *= factor(subnet);
  }
  return work;
}

std::string SubnetAwareSampler::momentum_of(const Work& work) const {
  std::optional<std::uint16_t> option;
  for (const Candidate& subnet : work.subnets) {
    const std::uint16_t chosen = only_subnet_of(subnet, std::string(name())).choices[*split_];
    if (option && *option != chosen)
      throw UsageError("subnet_aware.momentum: a step of sampler '" + std::string(name()) +
                       "' trains subnets of several options of '" + space_->decisions()[*split_].name +
                       "'; take a sampler of one subnet a step");
    option = chosen;
  }
  return "option" + std::to_string(*option);
}

}  // namespace frontier
