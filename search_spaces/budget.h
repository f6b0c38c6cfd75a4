#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/rng.h"
#include "search_spaces/search_space.h"

namespace frontier {

/// Limits on what a subnet may cost. No value: no limit.
struct Budget {
  std::optional<std::int64_t> max_macs = {};
  std::optional<std::int64_t> max_params = {};
  bool is_unlimited() const { return !max_macs && !max_params; }
  bool allows(std::int64_t macs, std::int64_t params) const {
    return (!max_macs || macs <= *max_macs) && (!max_params || params <= *max_params);
  }
  bool operator==(const Budget&) const = default;
};
/// "at most 4000000 MACs and at most 100000 parameters"; "no limit".
std::string to_string(const Budget& budget);
/// Reads "2M,4M,8M", the value of --max-macs. @param what names it in messages.
/// @throws UsageError for anything that is no list of counts of at least 1.
std::vector<std::int64_t> parse_limits(std::string_view text, std::string_view what);

/// A number of architectures: beyond 2^64 in spaces of a hundred decisions.
__extension__ typedef unsigned __int128 BigCount;
/// Stands for every number of 2^127 and more.
inline constexpr BigCount kBeyondCounting = ~BigCount{0};
/// Decimal digits; "more than 1.7e38" for kBeyondCounting.
std::string to_string(BigCount count);

/// A count that is known exactly, or to lie between two bounds.
struct CountRange {
  BigCount at_least = 0;
  BigCount at_most = 0;
  bool is_exact() const { return at_least == at_most && at_most != kBeyondCounting; }
};

/// One architecture with its price.
struct Priced {
  Architecture arch;
  std::int64_t macs = 0;
  std::int64_t params = 0;
};

/// The subnets of a space within a budget: the cheapest, how many there are, and uniform draws among them, all by
/// dynamic programming over the cost table instead of drawing until one fits. Only canonical architectures count, so
/// two choices that make the same network are one.
///
/// The rule that makes it hard: exact sums of MACs are too many in large spaces to keep a count for each. Draws then
/// use sums rounded down to a grid, whose paths are a slightly larger set, and reject what is above the exact budget:
/// they stay exactly uniform. (In spaces of more than 2^127 architectures, which no count holds, sums are rounded to
/// the nearest: a draw is uniform but for architectures within some percent of the limit, of which fewer are drawn.)
/// Counts are exact where that takes seconds at most: always without a limit or when few million subnets fit, and with
/// one limit while its distinct sums are some millions; beyond (two limits, or mobile_cnn_224 at 300 M MACs) they are
/// bounds from sums rounded down and up. Where a space has a normal form, what is drawn as written is kept only if it
/// is canonical, so draws stay uniform; counts are then exact up to some 100,000 architectures as written, else bounds.
/// The subnets of a listed space are drawn from its list and priced one by one, which takes some tenths of a
/// millisecond each, and for a count within a budget as long as the list is. Tables are made when first needed.
/// Thread-safety: full.
class FeasibleSet {
 public:
  /// @param space must outlive the set.
  /// @throws UsageError with the cheapest subnet and its price if nothing fits.
  FeasibleSet(const SearchSpace& space, const InputShape& input, const Budget& budget);
  /// Without a space's notation for the message.
  FeasibleSet(CostTable table, const Budget& budget);
  ~FeasibleSet();
  FeasibleSet(const FeasibleSet&) = delete;
  FeasibleSet& operator=(const FeasibleSet&) = delete;

  const Budget& budget() const;
  const CostTable& table() const;

  // Of the whole space, in microseconds. Of several the first, counting the last decision fastest.
  Priced least_macs() const;
  Priced most_macs() const;
  Priced least_params() const;
  Priced most_params() const;
  /// Canonical architectures of the space; where a normal form makes them too many to count, those as written.
  BigCount size() const;

  bool contains(const Architecture& arch) const;  ///< within the budget? `arch` need not be canonical
  /// Number of canonical architectures within the budget. May take some seconds in large spaces.
  CountRange count() const;
  /// The same from the tables of draw(): exact in small spaces, else wider bounds, always in well under a second.
  CountRange estimate() const;
  /// Uniform among the canonical architectures within the budget. A few microseconds.
  /// @throws UsageError if both limits together leave nothing, or too little to be found.
  Architecture draw(Rng& rng) const;

 private:
  struct Tables;
  struct List;
  void check_not_empty(const std::function<std::string(const Architecture&)>& notation, const std::string& space) const;
  std::optional<Architecture> draw_path(Rng& rng) const;
  std::optional<Architecture> draw_from_list(Rng& rng) const;

  std::unique_ptr<Tables> tables_;  ///< or, of a listed space, list_
  std::unique_ptr<List> list_;
};

}  // namespace frontier
