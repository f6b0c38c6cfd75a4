#include "search_spaces/budget.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <numeric>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/internal/best_path.h"
#include "search_spaces/internal/chain.h"

namespace frontier {
namespace {

using Prices = Chain::Prices;

// Work is counted in additions: moves of the chain times cells of the table.
constexpr double kDrawWork = 5e7;                // 0.1 s
constexpr double kDrawCells = 1 << 21;           // 32 MB of counts
constexpr double kCountWork = 6e9;               // a few seconds
constexpr double kCountCells = 4e7;              // alive at once: 640 MB at most
constexpr double kBoundsWork = 1e9;              // a second for each of the two bounds
constexpr std::int64_t kMostWalked = 5'000'000;  // moves; 0.1 s
constexpr int kMostRejections = 200'000;
constexpr std::size_t kMacs = 0, kParams = 1;  // indices of these prices in every table and chain
constexpr double kForbiddenScore = -std::numeric_limits<double>::infinity();

/// Down: no path within the budget is lost. Up: none beyond it is kept. Nearest: neither, but errors of many steps
/// cancel.
enum class Rounding { kDown, kUp, kNearest };

/// One price on a grid: moves cost whole multiples of `unit`, and a path may cost up to `cells` and more than `below`.
struct Axis {
  std::size_t price = 0;  ///< of the chain
  bool limited = false;
  Rounding rounding = Rounding::kDown;
  std::int64_t unit = 1;
  std::int64_t cells = 0;
  std::int64_t below = -1;
  std::int64_t on_grid(std::int64_t sum) const {
    if (!limited) return 0;
    const std::int64_t more = rounding == Rounding::kDown ? 0 : rounding == Rounding::kUp ? unit - 1 : unit / 2;
    return (sum + more) / unit;
  }
};
/// Axes without a limit first: the last one runs fastest in tables.
using Grid = std::array<Axis, kMostPrices>;
/// One number for every axis of a grid.
using Cells = std::array<std::int64_t, kMostPrices>;
constexpr std::size_t kFastest = kMostPrices - 1;

Cells on_grid(const Grid& grid, const Chain::Move& move) {
  Cells cells{};
  for (std::size_t a = 0; a < kMostPrices; ++a) cells[a] = grid[a].on_grid(move.price[grid[a].price]);
  return cells;
}
Cells minus(Cells a, const Cells& b) {
  for (std::size_t i = 0; i < kMostPrices; ++i) a[i] -= b[i];
  return a;
}
bool is_any_negative(const Cells& cells) {
  return std::any_of(cells.begin(), cells.end(), [](std::int64_t x) { return x < 0; });
}

/// Sums up to `last` (inclusive) of every axis; row-major.
struct Window {
  Cells last;
  Window() { last.fill(-1); }
  bool is_empty() const { return is_any_negative(last); }
  std::size_t size() const {
    if (is_empty()) return 0;
    std::size_t size = 1;
    for (const auto x : last) size *= static_cast<std::size_t>(x + 1);
    return size;
  }
  /// Place of a sum, beyond `last` of that.
  std::size_t place(const Cells& sum) const {
    std::size_t place = 0;
    for (std::size_t a = 0; a < kMostPrices; ++a)
      place = place * static_cast<std::size_t>(last[a] + 1) + static_cast<std::size_t>(std::min(sum[a], last[a]));
    return place;
  }
};

/// Which sums can occur: for every place between steps and state, from the start and to the end.
struct Reach {
  Chain::ByState<Window> window;  ///< what is left to spend there, beyond which nothing changes
  Chain::ByState<Cells> spent;    ///< least that any path has spent to get there
};

Reach find_reach(const Chain& chain, const Grid& grid) {
  const std::size_t n = chain.steps.size();
  Reach reach;
  reach.window.resize(n + 1);
  reach.spent.resize(n + 1);
  for (std::size_t i = 0; i <= n; ++i) {
    const std::size_t states = i < n ? chain.steps[i].num_states() : 1;
    reach.window[i].resize(states);
    Cells never;
    never.fill(Chain::kNever);
    reach.spent[i].assign(states, never);
  }
  reach.spent[0][0] = {};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t s = 0; s < chain.steps[i].num_states(); ++s) {
      if (reach.spent[i][s][0] == Chain::kNever) continue;
      for (const auto& move : chain.steps[i].moves_of(s)) {
        const Cells cost = on_grid(grid, move);
        for (std::size_t a = 0; a < kMostPrices; ++a) {
          auto& spent = reach.spent[i + 1][move.next][a];
          spent = std::min(spent, reach.spent[i][s][a] + cost[a]);
        }
      }
    }
  std::vector<Cells> dearest{Cells{}};  // to the end
  for (std::size_t i = n + 1; i-- > 0;) {
    if (i < n) {
      std::vector<Cells> from(chain.steps[i].num_states(), Cells{});
      for (std::size_t s = 0; s < from.size(); ++s)
        for (const auto& move : chain.steps[i].moves_of(s)) {
          const Cells cost = on_grid(grid, move);
          for (std::size_t a = 0; a < kMostPrices; ++a)
            from[s][a] = std::max(from[s][a], dearest[move.next][a] + cost[a]);
        }
      dearest = std::move(from);
    }
    for (std::size_t s = 0; s < dearest.size(); ++s) {
      const Cells& spent = reach.spent[i][s];
      if (spent[0] == Chain::kNever) continue;
      for (std::size_t a = 0; a < kMostPrices; ++a)
        reach.window[i][s].last[a] = std::min(dearest[s][a], grid[a].cells - spent[a]);
    }
  }
  return reach;
}

/// [state][sum]: paths to the end that cost at most that sum.
template <class Count>
using SumCounts = std::vector<std::vector<Count>>;

/// Adds the counts `from`, moved up by `shift`, to those of `window`.
template <class Count>
void add_shifted(const Window& window, Count* to, const Window& source, const Count* from, const Cells& shift) {
  for (std::size_t a = 0; a < kMostPrices; ++a)
    if (shift[a] > window.last[a]) return;
  const std::int64_t first = shift[kFastest], last = window.last[kFastest], reach = source.last[kFastest];
  const std::int64_t same = std::min(last, first + reach);
  Cells sum = shift;
  sum[kFastest] = 0;
  for (;;) {
    Cells rest = minus(sum, shift);
    rest[kFastest] = 0;
    Count* to_row = to + window.place(sum);
    const Count* from_row = from + source.place(rest);
    for (std::int64_t x = first; x <= same; ++x) to_row[x] += from_row[x - first];
    for (std::int64_t x = same + 1; x <= last; ++x) to_row[x] += from_row[reach];
    std::size_t a = kFastest;  // the next row
    while (a > 0 && ++sum[a - 1] > window.last[a - 1]) {
      sum[a - 1] = shift[a - 1];
      --a;
    }
    if (a == 0) return;
  }
}

/// The layer before `step` from the one after it.
template <class Count>
SumCounts<Count> step_back(const Chain::Step& step, const Grid& grid, std::span<const Window> before,
                           std::span<const Window> after, const SumCounts<Count>& later) {
  SumCounts<Count> layer(step.num_states());
  for (std::size_t s = 0; s < layer.size(); ++s) {
    const Window& window = before[s];
    layer[s].assign(window.size(), 0);
    if (window.is_empty()) continue;
    for (const auto& move : step.moves_of(s)) {
      const Window& source = after[move.next];
      if (!source.is_empty())
        add_shifted(window, layer[s].data(), source, later[move.next].data(), on_grid(grid, move));
    }
  }
  return layer;
}

template <class Count>
Count at(const SumCounts<Count>& layer, std::span<const Window> windows, std::size_t state, const Cells& left) {
  const Window& window = windows[state];
  if (window.is_empty() || is_any_negative(left)) return 0;
  return layer[state][window.place(left)];
}

/// What the rest of a path may cost: at most `left`, and more than `below` (negative: anything).
struct Rest {
  Cells left{};
  Cells below{};
  Rest after(const Cells& cost) const { return {minus(left, cost), minus(below, cost)}; }
};

/// Inclusion and exclusion over the axes with something below.
template <class Count>
Count within(const SumCounts<Count>& layer, std::span<const Window> windows, std::size_t state, const Rest& rest,
             std::size_t first_axis = 0) {
  for (std::size_t a = first_axis; a < kMostPrices; ++a) {
    if (rest.below[a] < 0) continue;
    Rest under = rest;
    under.left[a] = rest.below[a];
    return within(layer, windows, state, rest, a + 1) - within(layer, windows, state, under, a + 1);
  }
  return at(layer, windows, state, rest.left);
}

Rest all_of(const Grid& grid) {
  Rest rest;
  for (std::size_t a = 0; a < kMostPrices; ++a) {
    rest.left[a] = grid[a].cells;
    rest.below[a] = grid[a].below;
  }
  return rest;
}

/// All layers, from which paths are drawn. Counts are exact, or where there may be more than 2^127 floating point.
template <class Count>
struct Ways {
  Grid grid;
  Reach reach;
  std::vector<SumCounts<Count>> layers;
  Count total() const { return count(0, 0, all_of(grid)); }
  Count count(std::size_t place, std::size_t state, const Rest& rest) const {
    return within(layers[place], std::span<const Window>(reach.window[place]), state, rest);
  }
};

template <class Count>
Ways<Count> count_ways(const Chain& chain, const Grid& grid, bool keep_layers) {
  Ways<Count> ways;
  ways.grid = grid;
  ways.reach = find_reach(chain, grid);
  ways.layers.resize(chain.steps.size() + 1);
  ways.layers.back() = {{1}};
  for (std::size_t i = chain.steps.size(); i-- > 0;) {
    ways.layers[i] =
        step_back(chain.steps[i], grid, ways.reach.window[i], ways.reach.window[i + 1], ways.layers[i + 1]);
    if (!keep_layers) ways.layers[i + 1].clear();
  }
  return ways;
}

BigCount below(Rng& rng, BigCount n) {
  if (n <= std::numeric_limits<std::uint64_t>::max()) return rng.below(static_cast<std::uint64_t>(n));
  const BigCount limit = -n % n;  // as in Rng::below
  for (;;) {
    const BigCount x = static_cast<BigCount>(rng.next()) << 64 | rng.next();
    if (x >= limit) return x % n;
  }
}

long double below(Rng& rng, long double n) { return n * (static_cast<long double>(rng.next() >> 1) * 0x1p-63L); }

/// Additions and largest number of counts alive for a pass over the places [first, end).
struct Effort {
  double work = 0;
  double cells = 0;
};
Effort effort_before(const Chain& chain, const Reach& reach, std::size_t place) {
  Effort effort;
  const Chain::Step& step = chain.steps[place];
  for (std::size_t s = 0; s < step.num_states(); ++s) {
    const auto size = static_cast<double>(reach.window[place][s].size());
    effort.work += size * static_cast<double>(step.moves_of(s).size());
    effort.cells += size;
  }
  return effort;
}

std::string unit_of(const std::string& price) {
  return price == "macs" ? "MACs" : price == "params" ? "parameters" : price;
}

/// A budget read against a table.
struct PricedLimit {
  std::size_t price;  ///< of the table
  Limit limit;
};
std::vector<PricedLimit> limits_of(const Budget& budget, const CostTable& table) {
  std::vector<PricedLimit> limits;
  for (const Limit& limit : budget.all()) {
    if (limit.at_least && limit.at_most && *limit.at_least > *limit.at_most)
      throw UsageError("min_" + limit.price + " = " + std::to_string(*limit.at_least) + " is above max_" + limit.price +
                       " = " + std::to_string(*limit.at_most));
    limits.push_back({table.price_index(limit.price), limit});
  }
  return limits;
}

/// Of a table that builds a network for every query, one is built.
bool allows(std::span<const PricedLimit> limits, const CostTable& table, const Architecture& arch) {
  std::optional<std::pair<std::int64_t, std::int64_t>> both;
  return std::all_of(limits.begin(), limits.end(), [&](const PricedLimit& l) {
    if (l.price > kParams) return l.limit.allows(table.price(l.price, arch));
    if (!both) both = table.macs_and_params(arch);
    return l.limit.allows(l.price == kMacs ? both->first : both->second);
  });
}

void check_scores(std::span<const Decision> decisions, std::span<const std::vector<double>> scores) {
  if (scores.size() != decisions.size())
    throw UsageError("scores of " + std::to_string(scores.size()) + " decisions, the space has " +
                     std::to_string(decisions.size()));
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    if (scores[d].size() != decisions[d].options.size())
      throw UsageError(std::to_string(scores[d].size()) + " scores for '" + decisions[d].name + "', which has " +
                       std::to_string(decisions[d].options.size()) + " options");
    for (const double score : scores[d])
      if (!std::isfinite(score) && score != kForbiddenScore)
        throw UsageError("a score of '" + decisions[d].name + "' is " + std::to_string(score) +
                         "; allowed: numbers, and -infinity to forbid an option");
  }
}

/// By 2 to which power scores become whole numbers: the greatest magnitude so large that a sum over all decisions stays
/// below 2^61.
int exponent_of(std::span<const std::vector<double>> scores) {
  double greatest = 0;
  for (const auto& of_decision : scores)
    for (const double score : of_decision)
      if (score != kForbiddenScore) greatest = std::max(greatest, std::abs(score));
  const int bits = 60 - static_cast<int>(std::ceil(std::log2(static_cast<double>(scores.size()) + 1)));
  return greatest == 0 ? 0 : bits - std::ilogb(greatest) - 1;
}

/// Scores as whole numbers, BestPath::kForbidden for -infinity.
std::vector<std::vector<std::int64_t>> whole_scores(std::span<const std::vector<double>> scores) {
  const int exponent = exponent_of(scores);
  std::vector<std::vector<std::int64_t>> whole(scores.size());
  for (std::size_t d = 0; d < scores.size(); ++d)
    for (const double score : scores[d])
      whole[d].push_back(score == kForbiddenScore ? BestPath::kForbidden : std::llround(std::scalbn(score, exponent)));
  return whole;
}

/// A difference of scores in the same whole numbers; what is beyond them makes no other difference.
std::int64_t whole_slack(double slack, std::span<const std::vector<double>> scores) {
  constexpr double kMost = 0x1p61;
  return static_cast<std::int64_t>(std::min(kMost, std::floor(std::scalbn(slack, exponent_of(scores)))));
}

/// Sum of what is whole, or BestPath::kForbidden.
std::int64_t gain_of(std::span<const Chain::Effect> effects, const std::vector<std::vector<std::int64_t>>& whole) {
  std::int64_t gain = 0;
  for (const auto& [decision, option] : effects) {
    if (whole[decision][option] == BestPath::kForbidden) return BestPath::kForbidden;
    gain += whole[decision][option];
  }
  return gain;
}

}  // namespace

std::vector<Limit> Budget::all() const {
  std::vector<Limit> said{{.price = "macs", .at_most = max_macs}, {.price = "params", .at_most = max_params}};
  said.insert(said.end(), limits.begin(), limits.end());
  std::vector<Limit> all;
  for (const Limit& limit : said) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const Limit& l) { return l.price == limit.price; });
    Limit& one = it == all.end() ? all.emplace_back(Limit{.price = limit.price}) : *it;
    if (limit.at_least) one.at_least = std::max(*limit.at_least, one.at_least.value_or(*limit.at_least));
    if (limit.at_most) one.at_most = std::min(*limit.at_most, one.at_most.value_or(*limit.at_most));
  }
  std::erase_if(all, [](const Limit& limit) { return !limit.at_least && !limit.at_most; });
  return all;
}

std::string to_string(const Budget& budget) {
  std::string text;
  for (const auto& [price, at_least, at_most] : budget.all()) {
    text += text.empty() ? "" : " and ";
    if (at_least && at_most) {
      text += "from " + std::to_string(*at_least) + " to " + std::to_string(*at_most);
    } else {
      text += at_least ? "at least " + std::to_string(*at_least) : "at most " + std::to_string(*at_most);
    }
    text += " " + unit_of(price);
  }
  return text.empty() ? "no limit" : text;
}

std::vector<std::int64_t> parse_limits(std::string_view text, std::string_view what) {
  std::vector<std::int64_t> limits;
  for (const auto& part : split(text, ',')) {
    limits.push_back(parse_count(part, what));
    if (limits.back() < 1)
      throw UsageError(std::string(what) + " = " + printable(trim(part)) + "; allowed: at least 1");
  }
  return limits;
}

std::string to_string(BigCount count) {
  if (count == kBeyondCounting) return "more than 1.7e38";
  std::string digits;
  do {
    digits += static_cast<char>('0' + static_cast<int>(count % 10));
    count /= 10;
  } while (count > 0);
  return {digits.rbegin(), digits.rend()};
}

/// The subnets of a listed space: drawn from the list, priced one by one.
struct FeasibleSet::List {
  CostTable table;
  Budget budget;
  std::vector<PricedLimit> limits;
  const ListedSpace& space;
  std::string name;
  std::once_flag made, counted;
  std::vector<Architecture> members;
  CountRange count;

  List(CostTable cost_table, const Budget& wanted, const SearchSpace& listed)
      : table(std::move(cost_table)),
        budget(wanted),
        limits(limits_of(budget, table)),
        space(*listed.listed()),
        name("'" + listed.name() + "'") {}
  List(const List& other, const Budget& wanted)
      : table(other.table), budget(wanted), limits(limits_of(budget, table)), space(other.space), name(other.name) {}

  Priced priced(const Architecture& arch) const {
    const auto [macs, params] = table.macs_and_params(arch);
    return {arch, macs, params};
  }
  bool is_within(const Architecture& arch) const { return allows(limits, table, arch); }
  /// What the table's restriction leaves.
  const std::vector<Architecture>& all() {
    std::call_once(made, [&] {
      members = space.members();
      if (table.is_restricted()) std::erase_if(members, [&](const Architecture& arch) { return !table.admits(arch); });
      if (members.empty()) throw UsageError("no architecture of " + name + " has only options that are allowed");
    });
    return members;
  }
  CountRange within() {
    const auto size = static_cast<BigCount>(all().size());
    if (limits.empty()) return {size, size};
    std::call_once(counted, [&] {
      const auto fits =
          std::count_if(members.begin(), members.end(), [&](const Architecture& arch) { return is_within(arch); });
      count = {static_cast<BigCount>(fits), static_cast<BigCount>(fits)};
    });
    return count;
  }
  /// By pricing the whole list; of several the first in order.
  std::optional<Architecture> search_extreme(std::size_t price, bool largest, bool in_budget) {
    const Architecture* best = nullptr;
    std::int64_t best_price = 0;
    for (const Architecture& arch : all()) {
      if (in_budget && !is_within(arch)) continue;
      const std::int64_t value = table.price(price, arch);
      const bool is_better = !best || (largest ? value > best_price : value < best_price);
      if (!is_better && !(value == best_price && arch < *best)) continue;
      best = &arch;
      best_price = value;
    }
    return best ? std::optional(*best) : std::nullopt;
  }
  Architecture extreme(std::size_t price, bool largest) {
    if (price > kParams || table.is_restricted()) return *search_extreme(price, largest, false);
    if (price == kMacs) return largest ? space.most_macs : space.least_macs;
    return largest ? space.most_params : space.least_params;
  }
};

struct FeasibleSet::Tables {
  /// With effects. Prices: what is limited.
  struct ScoredChain {
    std::once_flag made;
    std::optional<Chain> chain;
  };
  CostTable table;
  Budget budget;
  std::vector<PricedLimit> limits;
  std::string name;
  std::shared_ptr<const Chain> shared_chain;
  const Chain& chain;      ///< prices: macs, params, what else is limited
  long double num_paths;   ///< rounded, where they are too many to count
  PathLimits path_limits;  ///< in reduced prices
  std::once_flag ways_made, estimated, counted;
  Ways<BigCount> ways;
  Ways<long double> rough_ways;  ///< in place of `ways` where not is_countable()
  CountRange estimate, count;
  std::shared_ptr<ScoredChain> scored;
  const SearchSpace* isomorphisms = nullptr;  ///< the space, where its normal form makes fewer of the chain's paths

  Tables(CostTable cost_table, const Budget& wanted, const SearchSpace* space)
      : table(std::move(cost_table)),
        budget(wanted),
        limits(limits_of(budget, table)),
        name(space ? "'" + space->name() + "'" : "the space"),
        shared_chain(std::make_shared<const Chain>(table, prices_with({kMacs, kParams}))),
        chain(*shared_chain),
        num_paths(count_paths(chain)),
        path_limits(reduced(chain)),
        scored(std::make_shared<ScoredChain>()),
        isomorphisms(space && space->has_normal_form() ? space : nullptr) {}
  Tables(const Tables& other, const Budget& wanted)
      : table(other.table),
        budget(wanted),
        limits(limits_of(budget, table)),
        name(other.name),
        shared_chain(has_prices_of(other, {kMacs, kParams})
                         ? other.shared_chain
                         : std::make_shared<const Chain>(table, prices_with({kMacs, kParams}))),
        chain(*shared_chain),
        num_paths(other.num_paths),
        path_limits(reduced(chain)),
        scored(has_prices_of(other, {}) ? other.scored : std::make_shared<ScoredChain>()),
        isomorphisms(other.isomorphisms) {}

  std::vector<std::size_t> prices_with(std::vector<std::size_t> prices) const {
    for (const auto& l : limits)
      if (std::find(prices.begin(), prices.end(), l.price) == prices.end()) prices.push_back(l.price);
    return prices;
  }
  bool has_prices_of(const Tables& other, const std::vector<std::size_t>& prices) const {
    return prices_with(prices) == other.prices_with(prices);
  }
  PathLimits reduced(const Chain& of) const {
    PathLimits reduced;
    for (const auto& [price, limit] : limits) {
      const auto k = static_cast<std::size_t>(std::find(of.priced.begin(), of.priced.end(), price) - of.priced.begin());
      if (limit.at_least) reduced.at_least[k] = std::max<std::int64_t>(0, *limit.at_least - of.cheapest[k]);
      if (limit.at_most) reduced.at_most[k] = *limit.at_most - of.cheapest[k];
    }
    return reduced;
  }
  /// The cheapest subnet keeps all limits, or none of several needs to.
  bool is_upper_limit() const { return limits.size() <= 1 && (limits.empty() || !limits[0].limit.at_least); }

  bool is_canonical(const Architecture& arch) const { return !isomorphisms || isomorphisms->canonical(arch) == arch; }

  Priced priced(Architecture arch) const {
    const auto [macs, params] = table.macs_and_params(arch);
    return {std::move(arch), macs, params};
  }

  /// Of the whole space. The canonical form of a cheapest or dearest path is one, too, unless the restriction forbids
  /// it.
  Architecture extreme(std::size_t price, bool largest) const {
    const auto it = std::find(chain.priced.begin(), chain.priced.end(), price);
    if (it == chain.priced.end() || (isomorphisms && table.is_restricted()))
      return *search_extreme(price, largest, false);
    const auto k = static_cast<std::size_t>(it - chain.priced.begin());
    const std::int64_t sign = largest ? 1 : -1;
    const auto value = [&](std::size_t, const Chain::Move& move) { return sign * move.price[k]; };
    const auto best = chain.most_to_end(value);
    Architecture arch;
    arch.choices.assign(chain.radices.size(), 0);
    std::size_t state = 0;
    for (std::size_t i = 0; i < chain.steps.size(); ++i) {
      const auto moves = chain.steps[i].moves_of(state);
      const auto move = std::find_if(moves.begin(), moves.end(), [&](const auto& m) {
        return value(i, m) + best[i + 1][m.next] == best[i][state];
      });
      chain.take(chain.steps[i], *move, arch);
      state = move->next;
    }
    return isomorphisms ? isomorphisms->canonical(arch) : arch;
  }

  /// The canonical form of the first path, by gains, that is accepted with it. First without paths that another makes
  /// superfluous, then, if a normal form is refused, one path after the other. @param slack of the gains.
  template <class Accepts>
  std::optional<Architecture> first_path(const Chain& of, const BestPath::Gains& gains, const PathLimits& wanted,
                                         const Accepts& accepts, std::int64_t slack = 0) const {
    const auto written = BestPath(of, gains, wanted, true, slack).next();
    if (!written || !isomorphisms) return written;
    if (auto arch = isomorphisms->canonical(*written); accepts(*written, arch)) return arch;
    BestPath search(of, gains, wanted, false);
    while (const auto other = search.next())
      if (auto arch = isomorphisms->canonical(*other); accepts(*other, arch)) return arch;
    return std::nullopt;
  }
  bool is_member(const Architecture& arch) const { return table.admits(arch) && allows(limits, table, arch); }

  std::optional<Architecture> search_extreme(std::size_t price, bool largest, bool in_budget,
                                             std::int64_t slack = 0) const {
    const Chain priced_chain(table, in_budget ? prices_with({price}) : std::vector{price});
    return first_path(
        priced_chain, gains_by_price(priced_chain, largest), in_budget ? reduced(priced_chain) : PathLimits{},
        [&](const Architecture& written, const Architecture& arch) {
          return table.price(price, written) == table.price(price, arch) && table.admits(arch) &&
                 (!in_budget || allows(limits, table, arch));
        },
        slack);
  }
  static BestPath::Gains gains_by_price(const Chain& of, bool largest) {
    BestPath::Gains gains;
    for (const auto& step : of.steps) {
      auto& of_step = gains.emplace_back();
      for (const auto& move : step.moves) of_step.push_back(largest ? move.price[0] : -move.price[0]);
    }
    return gains;
  }

  /// Of the subnets whose price is beyond `end`, above or below, the nearest.
  std::optional<Architecture> nearest(std::size_t price, std::int64_t end, bool above) const {
    const Chain priced_chain(table, std::vector{price});
    PathLimits beyond;
    if (above) {
      beyond.at_least[0] = end + 1 - priced_chain.cheapest[0];
    } else {
      beyond.at_most[0] = end - 1 - priced_chain.cheapest[0];
    }
    return first_path(priced_chain, gains_by_price(priced_chain, !above), beyond,
                      [&](const Architecture& written, const Architecture& arch) {
                        return table.price(price, written) == table.price(price, arch) && table.admits(arch);
                      });
  }

  std::optional<Architecture> best(std::span<const std::vector<double>> scores, double slack) {
    std::call_once(scored->made, [&] { scored->chain.emplace(table, prices_with({}), true); });
    const Chain& of = *scored->chain;
    const auto whole = whole_scores(scores);
    if (gain_of(of.sure_effects, whole) == BestPath::kForbidden) return std::nullopt;
    BestPath::Gains gains;
    for (const auto& step : of.steps) {
      auto& of_step = gains.emplace_back();
      for (const auto& move : step.moves) of_step.push_back(gain_of(step.effects_of(move), whole));
    }
    return first_path(
        of, gains, reduced(of), [&](const Architecture&, const Architecture& arch) { return is_member(arch); },
        whole_slack(slack, scores));
  }

  /// Greatest sum over a path of what rounding to a grid changes in a price; `unit` - 1 a move at most.
  std::int64_t most_rounding(std::size_t k, std::int64_t unit, Rounding rounding) const {
    const auto change = [&](std::size_t, const Chain::Move& move) {
      const std::int64_t over = move.price[k] % unit;
      return rounding == Rounding::kDown || over == 0 ? over : unit - over;
    };
    return chain.most_to_end(change)[0][0];
  }

  /// Largest grid sum that the lower limit excludes. Rounded down it excludes nothing within the budget, rounded up
  /// everything beyond it.
  std::int64_t excluded(std::size_t k, std::int64_t unit, Rounding rounding) const {
    const std::int64_t least = path_limits.at_least[k];
    switch (rounding) {
      case Rounding::kDown:
        return least <= most_rounding(k, unit, rounding)
                   ? -1
                   : (least - most_rounding(k, unit, rounding) + unit - 1) / unit - 1;
      case Rounding::kUp: return (least + most_rounding(k, unit, rounding) + unit - 1) / unit - 1;
      case Rounding::kNearest: return (least + unit / 2) / unit - 1;
    }
    return -1;
  }

  /// The finest grid with about `cells` cells a state, or exact sums if they need no more.
  Grid make_grid(double cells, Rounding rounding) const {
    std::vector<Axis> axes;
    for (std::size_t k = 0; k < chain.priced.size(); ++k) {
      const std::int64_t dearest =
          chain.most_to_end([&](std::size_t, const Chain::Move& move) { return move.price[k]; })[0][0];
      std::int64_t unit = 0;
      for (const auto& step : chain.steps)
        for (const auto& move : step.moves) unit = std::gcd(unit, move.price[k]);
      const std::int64_t left = std::min(path_limits.at_most[k], dearest);
      if (unit == 0 || (left == dearest && path_limits.at_least[k] == 0)) continue;  // no limit in effect
      axes.push_back({.price = k, .limited = true, .rounding = rounding, .unit = unit, .cells = left});
    }
    share_cells(cells, axes);
    Grid grid;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      Axis& axis = axes[i];
      if (path_limits.at_least[axis.price] > 0) axis.below = excluded(axis.price, axis.unit, rounding);
      grid[kMostPrices - axes.size() + i] = axis;
    }
    return grid;
  }

  /// Several limits share the cells; what one does not need goes to the others. From a price's limit to its cells.
  static void share_cells(double cells, std::vector<Axis>& axes) {
    std::vector<Axis*> by_need;
    for (auto& axis : axes) by_need.push_back(&axis);
    std::stable_sort(by_need.begin(), by_need.end(),
                     [](const Axis* a, const Axis* b) { return a->cells / a->unit < b->cells / b->unit; });
    for (std::size_t i = 0; i < by_need.size(); ++i) {
      Axis& axis = *by_need[i];
      const auto sharers = static_cast<double>(by_need.size() - i);
      const double mine = std::max(1.0, sharers == 1 ? cells : std::pow(cells, 1 / sharers));
      if (static_cast<double>(axis.cells / axis.unit) + 1 > mine) {
        const double unit = std::ceil(static_cast<double>(axis.cells) / mine);
        axis.unit = std::max(axis.unit, static_cast<std::int64_t>(unit));
      }
      axis.cells /= axis.unit;
      cells = std::max(1.0, cells / static_cast<double>(axis.cells + 1));
    }
  }

  Grid draw_grid(Rounding rounding) const {
    double moves = 0, states = 0;
    for (const auto& step : chain.steps) {
      moves += static_cast<double>(step.moves.size());
      states += static_cast<double>(step.num_states());
    }
    return make_grid(std::min(kDrawWork / moves, kDrawCells / states), rounding);
  }

  /// For a count alone: finer, because only two layers are alive at once.
  Grid bounds_grid(Rounding rounding) const {
    double moves = 0, most_states = 0;
    for (const auto& step : chain.steps) {
      moves += static_cast<double>(step.moves.size());
      most_states = std::max(most_states, static_cast<double>(step.num_states()));
    }
    return make_grid(std::min(kBoundsWork / moves, kCountCells / (2 * most_states)), rounding);
  }

  bool is_exact(const Grid& grid) const {
    for (const Axis& axis : grid) {
      if (!axis.limited) continue;
      for (const auto& step : chain.steps)
        for (const auto& move : step.moves)
          if (move.price[axis.price] % axis.unit != 0) return false;
    }
    return true;
  }

  void make_ways() {
    if (is_countable()) {
      ways = count_ways<BigCount>(chain, draw_grid(Rounding::kDown), true);
    } else {
      rough_ways = count_ways<long double>(chain, draw_grid(Rounding::kNearest), true);
    }
  }

  void make_estimate() {
    const BigCount certain = is_upper_limit() ? 1 : 0;  // the cheapest fits
    if (!is_countable()) {
      estimate = {certain, kBeyondCounting};
      return;
    }
    const BigCount at_most = ways.total();
    if (isomorphisms) {
      estimate = {std::min(certain, at_most), at_most};
      return;
    }
    const bool exact = is_exact(ways.grid);
    estimate = {exact ? at_most : count_ways<BigCount>(chain, draw_grid(Rounding::kUp), false).total(), at_most};
  }

  static long double count_paths(const Chain& chain) {
    std::vector<long double> paths{1};
    for (std::size_t i = chain.steps.size(); i-- > 0;) {
      std::vector<long double> from(chain.steps[i].num_states(), 0);
      for (std::size_t s = 0; s < from.size(); ++s)
        for (const auto& move : chain.steps[i].moves_of(s)) from[s] += paths[move.next];
      paths = std::move(from);
    }
    return paths.front();
  }
  bool is_countable() const { return num_paths <= 0x1p127L; }
  BigCount size() const {
    return is_countable() ? count_ways<BigCount>(chain, Grid{}, false).total() : kBeyondCounting;
  }

  /// Canonical paths within all limits, one by one: for few subnets the exact answer that no grid gives.
  struct Walk {
    const PathLimits& limits;
    std::array<Chain::ByState<std::int64_t>, kMostPrices> most_left;  ///< where there is a lower limit
    Architecture arch;
    std::int64_t moves = 0;
    bool is_within_reach(std::size_t place, std::size_t state, const Prices& spent) const {
      for (std::size_t k = 0; k < kMostPrices; ++k)
        if (spent[k] > limits.at_most[k] ||
            (limits.at_least[k] > 0 && spent[k] + most_left[k][place][state] < limits.at_least[k]))
          return false;
      return true;
    }
  };
  std::int64_t walk(std::size_t place, std::size_t state, const Prices& spent, Walk& done) const {
    if (place == chain.steps.size()) return is_canonical(done.arch) ? 1 : 0;
    std::int64_t paths = 0;
    for (const auto& move : chain.steps[place].moves_of(state)) {
      if (++done.moves > kMostWalked) return 0;
      Prices next = spent;
      for (std::size_t k = 0; k < kMostPrices; ++k) next[k] += move.price[k];
      if (!done.is_within_reach(place + 1, move.next, next)) continue;
      if (isomorphisms) chain.take(chain.steps[place], move, done.arch);
      paths += walk(place + 1, move.next, next, done);
    }
    return paths;
  }
  std::optional<BigCount> walk_all(const PathLimits& wanted) const {
    Walk done{wanted, {}, {}};
    done.arch.choices.assign(chain.radices.size(), 0);
    for (std::size_t k = 0; k < kMostPrices; ++k)
      if (wanted.at_least[k] > 0)
        done.most_left[k] = chain.most_to_end([&](std::size_t, const Chain::Move& move) { return move.price[k]; });
    const std::int64_t paths = walk(0, 0, {}, done);
    if (done.moves > kMostWalked) return std::nullopt;
    return static_cast<BigCount>(paths);
  }
  std::optional<BigCount> count_by_walking() const {
    if (estimate.at_most > most_walked()) return std::nullopt;
    return walk_all(path_limits);
  }
  /// Normal forms take longer than moves.
  BigCount most_walked() const { return static_cast<BigCount>(isomorphisms ? kMostWalked / 50 : kMostWalked); }

  /// A path on the grid of `ways`, of which there are some, uniformly. None where floating-point counts led astray.
  template <class Count>
  std::optional<Architecture> draw(const Ways<Count>& from, Rng& rng) const {
    Architecture arch;
    arch.choices.assign(chain.radices.size(), 0);
    Count ticket = below(rng, from.total());
    Rest rest = all_of(from.grid);
    std::size_t state = 0;
    for (std::size_t i = 0; i < chain.steps.size(); ++i) {
      // With rounding a ticket may be left over behind the last move; that one then takes it.
      const Chain::Move* taken = nullptr;
      Rest after{};
      for (const auto& move : chain.steps[i].moves_of(state)) {
        const Rest left_over = rest.after(on_grid(from.grid, move));
        const Count paths = from.count(i + 1, move.next, left_over);
        if (paths <= 0) continue;
        taken = &move;
        after = left_over;
        if (ticket < paths) break;
        ticket -= paths;
      }
      if (!taken) return std::nullopt;
      chain.take(chain.steps[i], *taken, arch);
      state = taken->next;
      rest = after;
    }
    return arch;
  }
  /// The same, if it is within the budget and canonical.
  template <class Count>
  std::optional<Architecture> draw_member(const Ways<Count>& from, Rng& rng) const {
    if (from.total() <= 0) return std::nullopt;
    for (int rejected = 0; rejected < kMostRejections; ++rejected) {
      auto arch = draw(from, rng);
      if (arch && allows(limits, table, *arch) && is_canonical(*arch)) return arch;
    }
    return std::nullopt;
  }

  void make_count() {
    auto exact = count_by_walking();
    if (!exact && (isomorphisms || !is_countable())) {
      count = estimate;
      return;
    }
    if (!exact) exact = count_exactly();
    if (exact) {
      count = {*exact, *exact};
      return;
    }
    const Grid down = bounds_grid(Rounding::kDown);
    const BigCount at_most = count_ways<BigCount>(chain, down, false).total();
    count = {is_exact(down) ? at_most : count_ways<BigCount>(chain, bounds_grid(Rounding::kUp), false).total(),
             at_most};
  }

  /// Exact sums of one limit, if that is affordable: paths to a middle place by what they spent, times paths from
  /// there.
  template <class Count>
  std::optional<BigCount> count_by_halves(const Grid& grid) const;
  std::optional<BigCount> count_exactly() const {
    const Grid grid = make_grid(1e18, Rounding::kDown);
    if (grid[kFastest - 1].limited) return std::nullopt;  // two limits or more
    return num_paths <= 0x1p63L ? count_by_halves<std::uint64_t>(grid) : count_by_halves<BigCount>(grid);
  }
};

template <class Count>
std::optional<BigCount> FeasibleSet::Tables::count_by_halves(const Grid& grid) const {
  const std::size_t n = chain.steps.size();
  constexpr std::size_t k = kFastest;  // the only axis with a limit, if there is one
  const auto cost_of = [&](const Chain::Move& move) { return grid[k].on_grid(move.price[grid[k].price]); };
  // Forwards, a state's array holds the sums from the least that can be spent to the most that leaves enough.
  const Reach reach = find_reach(chain, grid);
  std::vector<std::vector<std::int64_t>> last(n + 1);  // [place][state]: largest sum spent
  last[0] = {0};
  for (std::size_t i = 0; i < n; ++i) {
    last[i + 1].assign(reach.spent[i + 1].size(), -1);
    for (std::size_t s = 0; s < chain.steps[i].num_states(); ++s)
      if (last[i][s] >= 0)
        for (const auto& move : chain.steps[i].moves_of(s)) {
          auto& most = last[i + 1][move.next];
          most = std::max(most, std::min(grid[k].cells, last[i][s] + cost_of(move)));
        }
  }
  const auto size = [&](std::size_t place, std::size_t s) {
    return last[place][s] < reach.spent[place][s][k] ? std::int64_t{0} : last[place][s] - reach.spent[place][s][k] + 1;
  };
  // The cheapest place to meet.
  std::vector<Effort> forwards(n + 1), backwards(n + 1);
  for (std::size_t i = 0; i < n; ++i) {
    Effort effort;
    for (std::size_t s = 0; s < chain.steps[i].num_states(); ++s)
      effort.work += static_cast<double>(size(i, s)) * static_cast<double>(chain.steps[i].moves_of(s).size());
    for (std::size_t s = 0; s < last[i + 1].size(); ++s) effort.cells += static_cast<double>(size(i + 1, s));
    forwards[i + 1] = {forwards[i].work + effort.work, std::max(forwards[i].cells, effort.cells)};
  }
  for (std::size_t i = n; i-- > 0;) {
    const Effort effort = effort_before(chain, reach, i);
    backwards[i] = {backwards[i + 1].work + effort.work, std::max(backwards[i + 1].cells, effort.cells)};
  }
  std::size_t middle = 0;
  for (std::size_t i = 1; i <= n; ++i)
    if (forwards[i].work + backwards[i].work < forwards[middle].work + backwards[middle].work) middle = i;
  // Two layers of each pass are alive at once.
  if (forwards[middle].work + backwards[middle].work > kCountWork ||
      2 * std::max(forwards[middle].cells, backwards[middle].cells) > kCountCells)
    return std::nullopt;

  SumCounts<Count> spent{{1}};
  for (std::size_t i = 0; i < middle; ++i) {
    SumCounts<Count> next(last[i + 1].size());
    for (std::size_t s = 0; s < next.size(); ++s) next[s].assign(static_cast<std::size_t>(size(i + 1, s)), 0);
    for (std::size_t s = 0; s < chain.steps[i].num_states(); ++s) {
      if (spent[s].empty()) continue;
      for (const auto& move : chain.steps[i].moves_of(s)) {
        auto& target = next[move.next];
        const std::int64_t shift = reach.spent[i][s][k] + cost_of(move) - reach.spent[i + 1][move.next][k];
        const std::int64_t end = std::min<std::int64_t>(static_cast<std::int64_t>(spent[s].size()),
                                                        static_cast<std::int64_t>(target.size()) - shift);
        for (std::int64_t x = 0; x < end; ++x)
          target[static_cast<std::size_t>(x + shift)] += spent[s][static_cast<std::size_t>(x)];
      }
    }
    spent = std::move(next);
  }
  SumCounts<Count> later{{1}};
  for (std::size_t i = n; i-- > middle;)
    later = step_back(chain.steps[i], grid, reach.window[i], reach.window[i + 1], later);
  BigCount total = 0;
  for (std::size_t s = 0; s < spent.size(); ++s)
    for (std::size_t x = 0; x < spent[s].size(); ++x) {
      if (spent[s][x] == 0) continue;
      Cells cost{};
      cost[k] = reach.spent[middle][s][k] + static_cast<std::int64_t>(x);
      total += static_cast<BigCount>(spent[s][x]) *
               within(later, std::span<const Window>(reach.window[middle]), s, all_of(grid).after(cost));
    }
  return total;
}

FeasibleSet::FeasibleSet(const SearchSpace& space, const InputShape& input, const Budget& budget)
    : FeasibleSet(space, space.cost_table(input), budget) {}

FeasibleSet::FeasibleSet(const SearchSpace& space, CostTable cost_table, const Budget& budget)
    : notation_([&space](const Architecture& arch) { return space.to_string(arch); }) {
  if (space.listed()) {
    list_ = std::make_unique<List>(std::move(cost_table), budget, space);
  } else {
    tables_ = std::make_unique<Tables>(std::move(cost_table), budget, &space);
  }
  check_not_empty();
}

FeasibleSet::FeasibleSet(CostTable cost_table, const Budget& budget)
    : tables_(std::make_unique<Tables>(std::move(cost_table), budget, nullptr)) {
  check_not_empty();
}

FeasibleSet::FeasibleSet(const FeasibleSet& other, const Budget& budget) : notation_(other.notation_) {
  if (other.list_) {
    list_ = std::make_unique<List>(*other.list_, budget);
  } else {
    tables_ = std::make_unique<Tables>(*other.tables_, budget);
  }
  check_not_empty();
}

FeasibleSet::~FeasibleSet() = default;

/// In the space's notation; without a space by the options' labels.
std::string FeasibleSet::text_of(const Architecture& arch) const {
  if (notation_) return notation_(arch);
  std::vector<std::string> options;
  for (std::size_t d = 0; d < arch.choices.size(); ++d)
    options.push_back(table().decisions()[d].options[arch.choices[d]]);
  return join(options, ",");
}

/// @throws UsageError if one side of a limit alone leaves nothing.
void FeasibleSet::check_not_empty() const {
  const std::string& space = list_ ? list_->name : tables_->name;
  const auto check = [&](const PricedLimit& l, const std::string& side, std::int64_t limit, bool is_upper) {
    const Priced nearest = extreme(l.price, !is_upper);
    const std::int64_t price = table().price(l.price, nearest.arch);
    if (is_upper ? price <= limit : price >= limit) return;
    throw UsageError(side + " = " + std::to_string(limit) + " is " +
                     (is_upper ? "below the cheapest" : "above the dearest") + " subnet of " + space + ": " +
                     std::to_string(price) + " " + unit_of(l.limit.price) + " (" + text_of(nearest.arch) + "); " +
                     (is_upper ? "raise" : "lower") + " it or choose another space");
  };
  for (const auto& l : list_ ? list_->limits : tables_->limits) {
    const std::string& price = l.limit.price;
    if (l.limit.at_most) check(l, "max_" + price, *l.limit.at_most, true);
    if (l.limit.at_least) check(l, "min_" + price, *l.limit.at_least, false);
  }
}

const Budget& FeasibleSet::budget() const { return list_ ? list_->budget : tables_->budget; }
const CostTable& FeasibleSet::table() const { return list_ ? list_->table : tables_->table; }
Priced FeasibleSet::extreme(std::size_t price, bool largest) const {
  return list_ ? list_->priced(list_->extreme(price, largest)) : tables_->priced(tables_->extreme(price, largest));
}
Priced FeasibleSet::least_macs() const { return extreme(kMacs, false); }
Priced FeasibleSet::most_macs() const { return extreme(kMacs, true); }
Priced FeasibleSet::least_params() const { return extreme(kParams, false); }
Priced FeasibleSet::most_params() const { return extreme(kParams, true); }

Priced FeasibleSet::extreme_within(std::string_view price, bool largest, std::int64_t slack) const {
  const std::size_t k = table().price_index(price);
  const auto arch = list_ ? list_->search_extreme(k, largest, true) : tables_->search_extreme(k, largest, true, slack);
  if (!arch) throw UsageError(nothing_within());
  return list_ ? list_->priced(*arch) : tables_->priced(*arch);
}
Priced FeasibleSet::least(std::string_view price, std::int64_t slack) const {
  return extreme_within(price, false, slack);
}
Priced FeasibleSet::most(std::string_view price, std::int64_t slack) const {
  return extreme_within(price, true, slack);
}

BigCount FeasibleSet::size() const {
  if (list_) return static_cast<BigCount>(list_->all().size());
  const BigCount as_written = tables_->size();
  if (!tables_->isomorphisms || as_written > tables_->most_walked()) return as_written;
  return tables_->walk_all({}).value_or(as_written);
}

bool FeasibleSet::contains(const Architecture& arch) const {
  return table().admits(arch) && allows(list_ ? list_->limits : tables_->limits, table(), arch);
}

CountRange FeasibleSet::estimate() const {
  if (list_) {
    const auto size = static_cast<BigCount>(list_->all().size());
    return {budget().is_unlimited() ? size : BigCount{1}, size};
  }
  std::call_once(tables_->ways_made, [&] { tables_->make_ways(); });
  std::call_once(tables_->estimated, [&] { tables_->make_estimate(); });
  return tables_->estimate;
}

CountRange FeasibleSet::count() const {
  if (list_) return list_->within();
  const CountRange range = estimate();
  if (range.is_exact()) return range;
  std::call_once(tables_->counted, [&] { tables_->make_count(); });
  return tables_->count;
}

std::optional<Architecture> FeasibleSet::draw_from_list(Rng& rng) const {
  const auto& members = list_->all();
  for (int rejected = 0; rejected < kMostRejections; ++rejected) {
    const Architecture& arch = members[rng.below(members.size())];
    if (contains(arch)) return arch;
  }
  return std::nullopt;
}

std::optional<Architecture> FeasibleSet::draw_path(Rng& rng) const {
  std::call_once(tables_->ways_made, [&] { tables_->make_ways(); });
  return tables_->is_countable() ? tables_->draw_member(tables_->ways, rng)
                                 : tables_->draw_member(tables_->rough_ways, rng);
}

Architecture FeasibleSet::draw(Rng& rng) const {
  if (auto arch = try_draw(rng)) return *std::move(arch);
  throw UsageError(nothing_within());
}

std::optional<Architecture> FeasibleSet::try_draw(Rng& rng) const {
  return list_ ? draw_from_list(rng) : draw_path(rng);
}

/// What to say where the limits together leave nothing: for every price the ends, and inside them what comes nearest.
std::string FeasibleSet::nothing_within() const {
  std::string text = "no subnet with " + to_string(budget()) + " was found";
  const auto say = [&](const std::string& which, const Priced& priced) {
    text += "; the one with " + which + " has " + std::to_string(priced.macs) + " MACs and " +
            std::to_string(priced.params) + " parameters";
  };
  if (list_ || tables_->limits.size() != 1) {
    say("least MACs", least_macs());
    say("least parameters", least_params());
    return text;
  }
  const auto& [price, limit] = tables_->limits[0];
  for (const bool above : {false, true}) {
    const auto end = above ? limit.at_most : limit.at_least;
    std::optional<Architecture> arch;
    try {
      if (end) arch = tables_->nearest(price, *end, above);
    } catch (const Error&) {  // too long a search for a message
    }
    if (arch)
      text += std::string("; the nearest ") + (above ? "above" : "below") + " has " +
              std::to_string(table().price(price, *arch)) + " " + unit_of(limit.price);
  }
  return text;
}

std::optional<Architecture> FeasibleSet::best_of_list(std::span<const std::vector<double>> scores) const {
  const auto whole = whole_scores(scores);
  std::vector<std::pair<std::int64_t, const Architecture*>> ranked;
  for (const Architecture& arch : list_->all()) {
    std::int64_t sum = 0;
    bool is_forbidden = false;
    for (std::size_t d = 0; d < whole.size(); ++d) {
      const std::int64_t score = whole[d][arch.choices[d]];
      is_forbidden = is_forbidden || score == BestPath::kForbidden;
      sum += is_forbidden ? 0 : score;
    }
    if (!is_forbidden) ranked.emplace_back(sum, &arch);
  }
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : *a.second < *b.second;
  });
  for (const auto& [sum, arch] : ranked)
    if (list_->is_within(*arch)) return *arch;
  return std::nullopt;
}

std::optional<Architecture> FeasibleSet::try_best(std::span<const std::vector<double>> scores, double slack) const {
  check_scores(table().decisions(), scores);
  if (!std::isfinite(slack) || slack < 0)
    throw UsageError("a slack of " + std::to_string(slack) + "; allowed: 0 or more");
  return list_ ? best_of_list(scores) : tables_->best(scores, slack);
}

Architecture FeasibleSet::best(std::span<const std::vector<double>> scores, double slack) const {
  if (auto arch = try_best(scores, slack)) return *std::move(arch);
  throw UsageError("no subnet of " + (list_ ? list_->name : tables_->name) + " with " + to_string(budget()) +
                   " is left: every one has an option whose score is -infinity");
}

}  // namespace frontier
