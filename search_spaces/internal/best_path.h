#pragma once

#include <optional>
#include <queue>
#include <vector>

#include "search_spaces/internal/chain.h"
#include "search_spaces/internal/grid_bound.h"

namespace frontier {

/// What the paths of a chain may cost, in its reduced prices.
struct PathLimits {
  Chain::Prices at_least{};  ///< 0: no limit
  Chain::Prices at_most;     ///< Chain::kNever: no limit
  PathLimits() { at_most.fill(Chain::kNever); }
};

/// The paths of a chain within limits, the greatest sum of gains first and, of equal ones, the first in order:
/// best-first search.
///
/// The bound on what a path can still gain is exact without limits, so the search goes straight to the best. With them
/// it is the least of several Lagrangian relaxations (a price's limits traded for a charge a unit; Held and Karp 1970).
/// A search that proves to be long starts anew with a GridBound on the price of the narrowest limits besides. Sums are
/// whole numbers, so the answer is exact. Where one path alone is wanted, what another one makes superfluous (same
/// state, no less gain, no limit nearer) is dropped.
///
/// Where many paths gain nearly the same and few cost what the limits leave, whatever is not yet refused keeps a bound
/// that is a little too high for long. With a slack that is enough: from every node that it visits, the paths for which
/// the bounds are exact are followed to their ends, on both sides of the limits, and the best of them that keeps the
/// limits is the answer once nothing can gain more than the slack above it. Not thread-safe.
class BestPath {
 public:
  static constexpr std::int64_t kForbidden = std::numeric_limits<std::int64_t>::min();  ///< the gain of no move
  /// What every move gains: [step][move]. Sums must stay below 2^61.
  using Gains = std::vector<std::vector<std::int64_t>>;

  /// @param only_first: next() is asked once.
  /// @param slack: what next() gives may gain so much less than the greatest, 0 to 2^61; above 0 with only_first alone.
  BestPath(const Chain& chain, Gains gains, const PathLimits& limits, bool only_first, std::int64_t slack = 0);
  BestPath(const BestPath&) = delete;
  BestPath& operator=(const BestPath&) = delete;
  /// None when there are no more. @throws Error if the search takes more than some million steps.
  std::optional<Architecture> next();

 private:
  __extension__ typedef __int128 Wide;
  using Charges = Chain::Prices;  ///< a unit of each price: above 0 for an upper limit, below for a lower one
  struct Bound {
    Charges charges{};
    Chain::ByState<Wide> to_end;              ///< most that gains less charges can be
    Chain::ByState<std::uint32_t> best_move;  ///< with which they are that: the first of the step's moves
  };
  struct Node {
    std::int64_t bound = 0, gain = 0;
    Chain::Prices spent{};
    std::uint32_t place = 0, state = 0;
    std::uint32_t parent = 0, combination = 0;
    bool is_superfluous = false;
  };
  using Index = std::uint32_t;
  struct Later {
    const BestPath* search;
    bool operator()(Index a, Index b) const { return search->is_before(b, a); }
  };

  Bound make_bound(const Charges& charges) const;
  template <class Take>
  void follow(const Bound& bound, std::size_t place, std::size_t state, const Take& take) const;
  std::optional<Chain::Prices> cost_of_best(const Bound& bound) const;
  std::int64_t find_charge(Charges charges, std::size_t k) const;
  void add_bounds();
  void add_grid();
  void begin();
  std::int64_t bound_of(const Node& node) const;
  bool is_within_reach(const Node& node) const;
  bool is_before(Index a, Index b) const;
  int compare_order(Index a, Index b) const;
  bool makes_superfluous(Index a, Index b) const;
  bool is_new(Index index);
  void extend(Index index);
  bool keeps_limits(const Chain::Prices& cost) const;
  bool is_good_enough(std::int64_t bound) const;
  void dive(Index index);
  void try_end(Index index, std::span<const std::size_t> moves);
  Architecture architecture_of(Index index) const;

  const Chain& chain_;
  Gains gains_;
  PathLimits limits_;
  bool only_first_;
  std::int64_t slack_;
  std::vector<std::size_t> limited_;                     ///< prices with a limit
  std::vector<Chain::ByState<std::int64_t>> most_left_;  ///< [of limited_]: the most that can still be spent
  std::vector<Bound> bounds_;
  std::optional<GridBound> grid_;  ///< of a search that proved to be long
  std::size_t grid_price_ = 0;
  std::vector<Node> nodes_;
  Chain::ByState<std::vector<Index>> labels_;  ///< nodes that are not superfluous
  std::priority_queue<Index, std::vector<Index>, Later> open_;
  std::optional<Architecture> incumbent_;  ///< with a slack: the best that was found within the limits
  std::int64_t incumbent_gain_ = 0;
};

}  // namespace frontier
