#pragma once

#include <optional>
#include <queue>
#include <vector>

#include "search_spaces/internal/chain.h"

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
/// Sums are whole numbers, so the answer is exact. Where one path alone is wanted, what another one makes superfluous
/// (same state, no less gain, no limit nearer) is dropped. Not thread-safe.
class BestPath {
 public:
  static constexpr std::int64_t kForbidden = std::numeric_limits<std::int64_t>::min();  ///< the gain of no move
  /// What every move gains: [step][move]. Sums must stay below 2^62.
  using Gains = std::vector<std::vector<std::int64_t>>;

  /// @param only_first: next() is asked once.
  BestPath(const Chain& chain, Gains gains, const PathLimits& limits, bool only_first);
  BestPath(const BestPath&) = delete;
  BestPath& operator=(const BestPath&) = delete;
  /// None when there are no more. @throws Error if the search takes more than some million steps.
  std::optional<Architecture> next();

 private:
  __extension__ typedef __int128 Wide;
  using Charges = Chain::Prices;  ///< a unit of each price: above 0 for an upper limit, below for a lower one
  struct Bound {
    Charges charges{};
    Chain::ByState<Wide> to_end;  ///< most that gains less charges can be
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
    const BestPath& search;
    bool operator()(Index a, Index b) const { return search.is_before(b, a); }
  };

  Bound make_bound(const Charges& charges) const;
  std::optional<Chain::Prices> cost_of_best(const Bound& bound) const;
  std::int64_t find_charge(Charges charges, std::size_t k) const;
  void add_bounds();
  std::int64_t bound_of(const Node& node) const;
  bool is_within_reach(const Node& node) const;
  bool is_before(Index a, Index b) const;
  int compare_order(Index a, Index b) const;
  bool makes_superfluous(Index a, Index b) const;
  bool is_new(Index index);
  void extend(Index index);
  Architecture architecture_of(Index index) const;

  const Chain& chain_;
  Gains gains_;
  PathLimits limits_;
  bool only_first_;
  std::vector<std::size_t> limited_;                     ///< prices with a limit
  std::vector<Chain::ByState<std::int64_t>> most_left_;  ///< [of limited_]: the most that can still be spent
  std::vector<Bound> bounds_;
  std::vector<Node> nodes_;
  Chain::ByState<std::vector<Index>> labels_;  ///< nodes that are not superfluous
  std::priority_queue<Index, std::vector<Index>, Later> open_;
};

}  // namespace frontier
