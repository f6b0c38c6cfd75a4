#pragma once

#include <optional>
#include <vector>

#include "search_spaces/internal/chain.h"

namespace frontier {

/// The most that the rest of a path can gain by what it costs, one price on a grid: dynamic programming over its cells.
///
/// Prices are rounded to the nearest cell, and the sums of what that changes have bounds, too. So what may cost from
/// one number to another lies in a range of cells, which is a little wider than needed: the greatest gain in it is a
/// bound. Every path of the range that is narrower by as much keeps the limits. Where gains fall or rise steeply by the
/// price, this is far tighter than a charge a unit, and it takes some milliseconds to make. Thread-safety: const.
class GridBound {
 public:
  static constexpr std::int64_t kForbidden = std::numeric_limits<std::int64_t>::min();
  using Gains = std::vector<std::vector<std::int64_t>>;  ///< [step][move]; kForbidden: no move
  struct Range {
    std::int64_t first = 0, last = -1;  ///< both included; empty where last < first
  };

  /// @param price of the chain, in whose reduced prices the limits are; `at_most` may be Chain::kNever.
  /// All must outlive the bound. Sums of gains must stay below 2^61.
  GridBound(const Chain& chain, const Gains& gains, std::size_t price, std::int64_t at_least, std::int64_t at_most);

  /// Cells in which every rest of a path from here is that is within the limits, when `spent` was spent before: what
  /// some path from the start to here costs.
  Range possible(std::size_t place, std::size_t state, std::int64_t spent) const;
  /// Cells of which every rest of a path is.
  Range sure(std::size_t place, std::size_t state, std::int64_t spent) const;
  /// The greatest gain; kForbidden where there is no path.
  std::int64_t most(std::size_t place, std::size_t state, const Range& range) const;
  /// The moves of the path that gains that; none where there is no path.
  std::optional<std::vector<std::size_t>> best(std::size_t place, std::size_t state, const Range& range) const;

 private:
  std::int64_t cell(const Chain::Move& move) const { return (move.price[price_] + unit_ / 2) / unit_; }
  Range cut(std::size_t place, std::size_t state, const Range& range) const;
  void fill();

  const Chain& chain_;
  const Gains& gains_;
  std::size_t price_;
  std::int64_t at_least_, at_most_, unit_ = 1;
  Chain::ByState<std::int64_t> over_, under_;           ///< most and least that rounding takes off a rest, in sum
  Chain::ByState<std::vector<std::int64_t>> by_cells_;  ///< [place][state][cells]: greatest gain, or kNone
};

}  // namespace frontier
