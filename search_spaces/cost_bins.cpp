#include "search_spaces/cost_bins.h"

#include <algorithm>
#include <cmath>

#include "common/errors.h"

namespace frontier {
namespace {

/// Whether there are subnets to draw.
bool has_draws(const FeasibleSet& set) {
  if (const CountRange count = set.estimate(); count.at_least > 0 || count.at_most == 0) return count.at_least > 0;
  Rng rng(0);
  return set.try_draw(rng).has_value();
}

}  // namespace

CostBins::CostBins(const std::string& price, const SearchSpace& space, const InputShape& input)
    : all_(space, input, Budget{}), price_(all_.table().price_index(price)) {
  const bool by_params = price == "params";
  const Priced cheapest = by_params ? all_.least_params() : all_.least_macs();
  least_ = by_params ? cheapest.params : cheapest.macs;
  cheapest_ = cheapest.arch;
  most_ = by_params ? all_.most_params().params : all_.most_macs().macs;
}

CostBins::CostBins(const SearchSpace& space, const InputShape& input, const std::string& price, const Windows& windows)
    : CostBins(price, space, input) {
  for (const Limit& window : windows(least_, most_))
    add(window, (static_cast<double>(*window.at_least) + static_cast<double>(*window.at_most)) / 2);
}

CostBins::CostBins(const SearchSpace& space, const InputShape& input, const CostBinOptions& options)
    : CostBins(options.price, space, input) {
  is_log_ = options.scale == "log";
  const auto on_scale = [&](double price) { return is_log_ ? std::log(price) : price; };
  const auto price_at = [&](double place) { return is_log_ ? std::exp(place) : place; };
  const double first = on_scale(static_cast<double>(least_));
  const double width = (on_scale(static_cast<double>(most_)) - first) / static_cast<double>(options.bins);
  std::int64_t begin = least_;
  for (std::int64_t bin = 0; bin < options.bins && begin <= most_; ++bin) {
    const bool is_last = bin + 1 == options.bins;
    const std::int64_t end = is_last ? most_ + 1 : std::llround(price_at(first + static_cast<double>(bin + 1) * width));
    if (end <= begin) continue;
    add({options.price, begin, end - 1}, price_at(first + (static_cast<double>(bin) + 0.5) * width));
    begin = end;
  }
}

/// Unless there is nothing to draw from it.
void CostBins::add(const Limit& window, double centre) {
  try {
    auto set = std::make_unique<FeasibleSet>(sets_.empty() ? all_ : *sets_.back(), Budget{.limits = {window}});
    if (!has_draws(*set)) return;
    sets_.push_back(std::move(set));
  } catch (const UsageError&) {  // one of its sides alone leaves nothing
    return;
  }
  windows_.push_back(window);
  centres_.push_back(centre);
}

std::size_t CostBins::bin_of(std::int64_t price) const {
  const auto distance = [&](const Limit& window) {
    return std::max({*window.at_least - price, price - *window.at_most, std::int64_t{0}});
  };
  const auto nearest = std::min_element(windows_.begin(), windows_.end(),
                                        [&](const Limit& a, const Limit& b) { return distance(a) < distance(b); });
  return static_cast<std::size_t>(nearest - windows_.begin());
}

std::int64_t CostBins::price(const Architecture& arch) const { return all_.table().price(price_, arch); }

}  // namespace frontier
