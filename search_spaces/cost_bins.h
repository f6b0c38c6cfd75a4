#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/options.h"
#include "search_spaces/budget.h"

namespace frontier {

struct CostBinOptions {
  std::string price = "macs";    ///< what is divided: macs, params
  std::int64_t bins = 8;         ///< windows between the cheapest subnet and the dearest
  std::string scale = "linear";  ///< linear: windows of one width; log: of one ratio of their ends
};

template <class Fields>
void describe(Fields& f, CostBinOptions& o) {
  f("price", o.price, {"macs", "params"}, "What is divided into bins.");
  f("bins", o.bins, 1, 10'000, "Windows of cost between the cheapest subnet and the dearest.");
  f("scale", o.scale, {"linear", "log"}, "linear: windows of one width; log: of one ratio of their ends.");
}

/// The subnets of a space by what they cost: windows of one price that meet without gaps, or any others. Windows that
/// no subnet costs, or too few to be found by drawing, are left out, so there may be fewer than were asked for. Making
/// them takes some milliseconds a window, in the largest spaces tenths of a second. Thread-safety: const.
class CostBins {
 public:
  /// @param space must outlive the bins.
  CostBins(const SearchSpace& space, const InputShape& input, const CostBinOptions& options);
  /// Windows of one price from what the cheapest and the dearest subnet cost, in rising order; they may overlap and
  /// leave gaps.
  using Windows = std::function<std::vector<Limit>(std::int64_t least, std::int64_t most)>;
  CostBins(const SearchSpace& space, const InputShape& input, const std::string& price, const Windows& windows);

  std::size_t size() const { return sets_.size(); }
  /// Both ends included.
  const Limit& window(std::size_t bin) const { return windows_.at(bin); }
  /// The window's middle, on the scale of the bins where they have one.
  double centre(std::size_t bin) const { return centres_.at(bin); }
  /// Where a price stands on the scale of the bins: 0 the cheapest subnet, 1 the dearest. @param price a number, or
  /// whatever computes like one (a tensor).
  template <class Price>
  Price place(const Price& price) const {
    using std::log;
    const auto least = static_cast<double>(least_), most = static_cast<double>(std::max(most_, least_ + 1));
    return is_log_ ? log(price / least) / std::log(most / least) : (price - least) / (most - least);
  }
  /// The cheapest and the dearest subnet's price.
  std::int64_t least() const { return least_; }
  std::int64_t most() const { return most_; }
  const Architecture& cheapest() const { return cheapest_; }
  /// Every subnet, whatever it costs.
  const FeasibleSet& all() const { return all_; }
  /// The bin of a price; the nearest where its window was left out.
  std::size_t bin_of(std::int64_t price) const;
  std::size_t bin_of(const Architecture& arch) const { return bin_of(price(arch)); }
  std::int64_t price(const Architecture& arch) const;
  /// Uniform among the canonical architectures of the bin.
  Architecture draw(std::size_t bin, Rng& rng) const { return sets_.at(bin)->draw(rng); }
  const FeasibleSet& subnets(std::size_t bin) const { return *sets_.at(bin); }

 private:
  CostBins(const std::string& price, const SearchSpace& space, const InputShape& input);
  void add(const Limit& window, double centre);

  FeasibleSet all_;
  std::vector<Limit> windows_;
  std::vector<double> centres_;
  std::vector<std::unique_ptr<FeasibleSet>> sets_;
  std::size_t price_ = 0;
  std::int64_t least_ = 0, most_ = 0;
  bool is_log_ = false;
  Architecture cheapest_;
};

}  // namespace frontier
