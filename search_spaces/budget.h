#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/rng.h"
#include "search_spaces/search_space.h"

namespace frontier {

/// What one price of a subnet may be, both ends included. No value: no limit.
struct Limit {
  std::string price;  ///< "macs", "params", or a further price of the cost table
  std::optional<std::int64_t> at_least = {};
  std::optional<std::int64_t> at_most = {};
  bool allows(std::int64_t value) const { return (!at_least || value >= *at_least) && (!at_most || value <= *at_most); }
  bool operator==(const Limit&) const = default;
};

/// Limits on what a subnet may cost. No value: no limit.
struct Budget {
  std::optional<std::int64_t> max_macs = {};    ///< short for {"macs", {}, max_macs}
  std::optional<std::int64_t> max_params = {};  ///< short for {"params", {}, max_params}
  std::vector<Limit> limits = {};               ///< further ones; all of them hold
  bool is_unlimited() const { return all().empty(); }
  /// One limit a price, which all that is said of it together makes: macs, params, then as given.
  std::vector<Limit> all() const;
  bool operator==(const Budget&) const = default;
};
/// "at most 4000000 MACs and at most 100000 parameters"; "from 1000000 to 2000000 MACs"; "no limit".
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

/// The subnets of a space within a budget: the cheapest, how many there are, uniform draws among them, and the best
/// under scores that add up, all by dynamic programming over the cost table instead of drawing until one fits. Only
/// canonical architectures count, so two choices that make the same network are one. A budget may limit any price of
/// the table from both sides (a window), two further ones besides macs and params; what the table is restricted to
/// holds, too.
///
/// The rule that makes it hard: exact sums of MACs are too many in large spaces to keep a count for each. Draws then
/// use sums rounded down to a grid, whose paths are a slightly larger set, and reject what is above the exact budget:
/// they stay exactly uniform. (In spaces of more than 2^127 architectures, which no count holds, sums are rounded to
/// the nearest: a draw is uniform but for architectures within some percent of the limit, of which fewer are drawn.)
/// Counts are exact where that takes seconds at most: always without a limit or when few million subnets fit, and with
/// one price limited while its distinct sums are some millions; beyond (two, or mobile_cnn_224 at 300 M MACs) they are
/// bounds from sums rounded down and up. Where a space has a normal form, what is drawn as written is kept only if it
/// is canonical, so draws stay uniform; counts are then exact up to some 100,000 architectures as written, else bounds.
/// The subnets of a listed space are drawn from its list and priced one by one, which takes some tenths of a
/// millisecond each, and for a count within a budget as long as the list is. Tables are made when first needed.
/// Thread-safety: full.
class FeasibleSet {
 public:
  /// @param space must outlive the set.
  /// @throws UsageError with the nearest subnet and its price if one side of a limit alone leaves nothing, and for
  /// limits that contradict each other.
  FeasibleSet(const SearchSpace& space, const InputShape& input, const Budget& budget);
  /// @param table of the space, with further prices or restricted: many sets can be made of one without building it
  /// again (some milliseconds).
  FeasibleSet(const SearchSpace& space, CostTable table, const Budget& budget);
  /// Without a space's notation for the message.
  FeasibleSet(CostTable table, const Budget& budget);
  /// The same space and table under another budget. Where the same prices are limited, what was made of the table for
  /// best() is shared, which takes most of the time of a set that is asked once.
  FeasibleSet(const FeasibleSet& other, const Budget& budget);
  ~FeasibleSet();
  FeasibleSet(const FeasibleSet&) = delete;
  FeasibleSet& operator=(const FeasibleSet&) = delete;

  const Budget& budget() const;
  const CostTable& table() const;

  // Of the whole space (what the table is restricted to), in microseconds. Of several the first, counting the last
  // decision fastest.
  Priced least_macs() const;
  Priced most_macs() const;
  Priced least_params() const;
  Priced most_params() const;
  /// Canonical architectures of the space; where a normal form makes them too many to count, those as written.
  BigCount size() const;

  /// Within the budget, and of the restriction and the constraints? `arch` need not be canonical.
  bool contains(const Architecture& arch) const;
  /// Number of canonical architectures within the budget. May take some seconds in large spaces.
  CountRange count() const;
  /// The same from the tables of draw(): exact in small spaces, else wider bounds, always in well under a second.
  CountRange estimate() const;
  /// Uniform among the canonical architectures within the budget. A few microseconds.
  /// @throws UsageError if the limits together leave nothing, or too little to be found.
  Architecture draw(Rng& rng) const;
  /// The same; none in place of the error.
  std::optional<Architecture> try_draw(Rng& rng) const;

  /// The architecture of the set with the greatest sum of scores; of several the first. Decisions without effect
  /// contribute nothing, whatever their scores. Exact: sums are those of whole numbers, to which the scores are scaled
  /// with at least as many digits as a double's for the greatest of them. Without limits some microseconds to
  /// milliseconds; with them a search that takes milliseconds as a rule. Where a space has a normal form, the scores
  /// are those of an architecture as written, and the canonical form of the best is given, if it is in the set, too.
  /// @param scores [decision][option]; -infinity forbids an option where it has an effect.
  /// @param slack in units of the scores: above 0 what is given may have a sum so much below the greatest, and not
  /// more. That ends searches early which would take long or too many steps: of scores that are nearly equal, within
  /// narrow windows. Then the first that was found of those that good; still the same one each time.
  /// @throws UsageError if nothing is left, for scores of another size, NaN or +infinity, and for a slack that is
  /// negative or not finite; Error if a search within limits takes millions of steps.
  Architecture best(std::span<const std::vector<double>> scores, double slack = 0) const;
  /// The same; none in place of the error where nothing is left.
  std::optional<Architecture> try_best(std::span<const std::vector<double>> scores, double slack = 0) const;
  /// The subnet of the set with the least or greatest price; of several the first. Exact, by the search of best(); in a
  /// listed space as long as the list is.  @param slack by how much the price may miss that, 0 or more.  @throws as
  /// best().
  Priced least(std::string_view price, std::int64_t slack = 0) const;
  Priced most(std::string_view price, std::int64_t slack = 0) const;

 private:
  struct Tables;
  struct List;
  using Print = std::function<std::string(const Architecture&)>;
  std::string text_of(const Architecture& arch) const;
  void check_not_empty() const;
  Priced extreme(std::size_t price, bool largest) const;
  Priced extreme_within(std::string_view price, bool largest, std::int64_t slack) const;
  std::string nothing_within() const;
  std::optional<Architecture> best_of_list(std::span<const std::vector<double>> scores) const;
  std::optional<Architecture> draw_path(Rng& rng) const;
  std::optional<Architecture> draw_from_list(Rng& rng) const;

  Print notation_;                  ///< of architectures; none without a space
  std::unique_ptr<Tables> tables_;  ///< or, of a listed space, list_
  std::unique_ptr<List> list_;
};

}  // namespace frontier
