#include "search_spaces/budget.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <numeric>

#include "common/errors.h"
#include "common/text.h"
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

/// Down: no path within the budget is lost. Up: none beyond it is kept. Nearest: neither, but errors of many steps
/// cancel.
enum class Rounding { kDown, kUp, kNearest };

/// One price on a grid: moves cost whole multiples of `unit`, and a path may cost up to `cells`.
struct Axis {
  bool limited = false;
  Rounding rounding = Rounding::kDown;
  std::int64_t unit = 1;
  std::int64_t cells = 0;
  std::int64_t on_grid(std::int64_t price) const {
    if (!limited) return 0;
    const std::int64_t more = rounding == Rounding::kDown ? 0 : rounding == Rounding::kUp ? unit - 1 : unit / 2;
    return (price + more) / unit;
  }
};
using Grid = std::array<Axis, kNumPrices>;

/// Sums up to `last` (inclusive) of both prices; row-major, params fastest.
struct Window {
  Prices last{-1, -1};
  bool is_empty() const { return last[0] < 0 || last[1] < 0; }
  std::size_t width() const { return static_cast<std::size_t>(last[1] + 1); }
  std::size_t size() const { return is_empty() ? 0 : static_cast<std::size_t>(last[0] + 1) * width(); }
};

/// Which sums can occur: for every place between steps and state, from the start and to the end.
struct Reach {
  std::vector<std::vector<Window>>
      window;  ///< [place][state]: what is left to spend there, beyond which nothing changes
  std::vector<std::vector<Prices>> spent;  ///< [place][state]: least that any path has spent to get there
};

Reach find_reach(const Chain& chain, const Grid& grid) {
  const std::size_t n = chain.steps.size();
  Reach reach;
  reach.window.resize(n + 1);
  reach.spent.resize(n + 1);
  for (std::size_t i = 0; i <= n; ++i) {
    const std::size_t states = i < n ? chain.steps[i].num_states() : 1;
    reach.window[i].resize(states);
    reach.spent[i].assign(states, Prices{Chain::kNever, Chain::kNever});
  }
  reach.spent[0][0] = {0, 0};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t s = 0; s < chain.steps[i].num_states(); ++s) {
      if (reach.spent[i][s][0] == Chain::kNever) continue;
      for (const auto& move : chain.steps[i].moves_of(s))
        for (std::size_t k = 0; k < kNumPrices; ++k) {
          auto& spent = reach.spent[i + 1][move.next][k];
          spent = std::min(spent, reach.spent[i][s][k] + grid[k].on_grid(move.price[k]));
        }
    }
  std::vector<Prices> dearest{Prices{0, 0}};  // to the end
  for (std::size_t i = n + 1; i-- > 0;) {
    if (i < n) {
      std::vector<Prices> from(chain.steps[i].num_states(), Prices{0, 0});
      for (std::size_t s = 0; s < from.size(); ++s)
        for (const auto& move : chain.steps[i].moves_of(s))
          for (std::size_t k = 0; k < kNumPrices; ++k)
            from[s][k] = std::max(from[s][k], dearest[move.next][k] + grid[k].on_grid(move.price[k]));
      dearest = std::move(from);
    }
    for (std::size_t s = 0; s < dearest.size(); ++s) {
      const Prices& spent = reach.spent[i][s];
      if (spent[0] == Chain::kNever) continue;
      for (std::size_t k = 0; k < kNumPrices; ++k)
        reach.window[i][s].last[k] = std::min(dearest[s][k], grid[k].cells - spent[k]);
    }
  }
  return reach;
}

/// [state][sum]: paths to the end that cost at most that sum.
template <class Count>
using SumCounts = std::vector<std::vector<Count>>;

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
      if (source.is_empty()) continue;
      const std::int64_t shift0 = grid[0].on_grid(move.price[0]), shift1 = grid[1].on_grid(move.price[1]);
      for (std::int64_t m = shift0; m <= window.last[0]; ++m) {
        Count* to = layer[s].data() + static_cast<std::size_t>(m) * window.width();
        const Count* from =
            later[move.next].data() + static_cast<std::size_t>(std::min(m - shift0, source.last[0])) * source.width();
        const std::int64_t same = std::min(window.last[1], shift1 + source.last[1]);
        for (std::int64_t p = shift1; p <= same; ++p) to[p] += from[p - shift1];
        for (std::int64_t p = same + 1; p <= window.last[1]; ++p)
          if (p >= shift1) to[p] += from[source.last[1]];
      }
    }
  }
  return layer;
}

template <class Count>
Count at(const SumCounts<Count>& layer, std::span<const Window> windows, std::size_t state, const Prices& left) {
  const Window& window = windows[state];
  if (window.is_empty() || left[0] < 0 || left[1] < 0) return 0;
  return layer[state][static_cast<std::size_t>(std::min(left[0], window.last[0])) * window.width() +
                      static_cast<std::size_t>(std::min(left[1], window.last[1]))];
}

/// All layers, from which paths are drawn. Counts are exact, or where there may be more than 2^127 floating point.
template <class Count>
struct Ways {
  Grid grid;
  Reach reach;
  std::vector<SumCounts<Count>> layers;
  Prices all() const { return {grid[0].cells, grid[1].cells}; }
  Count total() const { return at(layers[0], std::span<const Window>(reach.window[0]), 0, all()); }
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

}  // namespace

std::string to_string(const Budget& budget) {
  std::string text;
  if (budget.max_macs) text = "at most " + std::to_string(*budget.max_macs) + " MACs";
  if (budget.max_params)
    text += std::string(text.empty() ? "" : " and ") + "at most " + std::to_string(*budget.max_params) + " parameters";
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
  const ListedSpace& space;
  std::once_flag made, counted;
  std::vector<Architecture> members;
  CountRange count;

  List(CostTable cost_table, const Budget& limits, const ListedSpace& listed)
      : table(std::move(cost_table)), budget(limits), space(listed) {}

  Priced priced(const Architecture& arch) const {
    const auto [macs, params] = table.macs_and_params(arch);
    return {arch, macs, params};
  }
  const std::vector<Architecture>& all() {
    std::call_once(made, [&] { members = space.members(); });
    return members;
  }
  CountRange within() {
    const auto size = static_cast<BigCount>(all().size());
    if (budget.is_unlimited()) return {size, size};
    std::call_once(counted, [&] {
      const auto fits = std::count_if(members.begin(), members.end(), [&](const Architecture& arch) {
        const auto [macs, params] = table.macs_and_params(arch);
        return budget.allows(macs, params);
      });
      count = {static_cast<BigCount>(fits), static_cast<BigCount>(fits)};
    });
    return count;
  }
};

struct FeasibleSet::Tables {
  CostTable table;
  Budget budget;
  Chain chain;
  long double num_paths;                                     ///< rounded, where they are too many to count
  std::array<std::optional<std::int64_t>, kNumPrices> left;  ///< budget beyond the cheapest path, in reduced prices
  std::once_flag ways_made, estimated, counted;
  Ways<BigCount> ways;
  Ways<long double> rough_ways;  ///< in place of `ways` where not is_countable()
  CountRange estimate, count;
  const SearchSpace* isomorphisms = nullptr;  ///< the space, where its normal form makes fewer of the chain's paths

  Tables(CostTable cost_table, const Budget& limits, const SearchSpace* space)
      : table(std::move(cost_table)),
        budget(limits),
        chain(table),
        num_paths(count_paths(chain)),
        isomorphisms(space && space->has_normal_form() ? space : nullptr) {
    if (budget.max_macs) left[0] = *budget.max_macs - chain.cheapest[0];
    if (budget.max_params) left[1] = *budget.max_params - chain.cheapest[1];
  }

  bool is_canonical(const Architecture& arch) const { return !isomorphisms || isomorphisms->canonical(arch) == arch; }

  Priced priced(Architecture arch) const {
    if (isomorphisms) arch = isomorphisms->canonical(arch);
    const auto [macs, params] = table.macs_and_params(arch);
    return {std::move(arch), macs, params};
  }

  Priced extreme(Price price, bool largest) const {
    const auto k = static_cast<std::size_t>(price);
    std::vector<std::vector<std::int64_t>> best(chain.steps.size() + 1);  // [place][state]: reduced price to the end
    best.back() = {0};
    const auto value = [&](std::size_t i, const Chain::Move& move) { return move.price[k] + best[i + 1][move.next]; };
    for (std::size_t i = chain.steps.size(); i-- > 0;) {
      const auto& step = chain.steps[i];
      best[i].assign(step.num_states(), 0);
      for (std::size_t s = 0; s < step.num_states(); ++s)
        for (const auto& move : step.moves_of(s))
          best[i][s] = largest || &move != step.moves_of(s).data()
                           ? (largest ? std::max(best[i][s], value(i, move)) : std::min(best[i][s], value(i, move)))
                           : value(i, move);
    }
    Architecture arch;
    arch.choices.assign(chain.radices.size(), 0);
    std::size_t state = 0;
    for (std::size_t i = 0; i < chain.steps.size(); ++i) {
      const auto moves = chain.steps[i].moves_of(state);
      const auto move =
          std::find_if(moves.begin(), moves.end(), [&](const auto& m) { return value(i, m) == best[i][state]; });
      chain.take(chain.steps[i], *move, arch);
      state = move->next;
    }
    return priced(std::move(arch));
  }

  /// Largest possible reduced price of a path.
  std::int64_t span_of(std::size_t k) const {
    const auto dearest = extreme(static_cast<Price>(k), true);
    return (k == 0 ? dearest.macs : dearest.params) - chain.cheapest[k];
  }

  /// The finest grid with about `cells` cells a state, or exact sums if they need no more.
  Grid make_grid(double cells, Rounding rounding) const {
    Grid grid;
    std::array<double, kNumPrices> exact{1, 1};
    for (std::size_t k = 0; k < kNumPrices; ++k) {
      if (!left[k]) continue;
      std::int64_t unit = 0;
      for (const auto& step : chain.steps)
        for (const auto& move : step.moves) unit = std::gcd(unit, move.price[k]);
      if (unit == 0 || *left[k] >= span_of(k)) continue;  // no limit in effect
      grid[k].limited = true;
      grid[k].rounding = rounding;
      grid[k].unit = unit;
      exact[k] = static_cast<double>(*left[k] / unit) + 1;
    }
    // Two limits share the cells; what one does not need goes to the other.
    for (const std::size_t k : {exact[0] <= exact[1] ? 0U : 1U, exact[0] <= exact[1] ? 1U : 0U}) {
      if (!grid[k].limited) continue;
      const std::size_t other = 1 - k;
      const bool shared = grid[other].limited && exact[k] <= exact[other];
      const double mine = std::max(1.0, shared ? std::sqrt(cells) : cells);
      if (exact[k] > mine) {
        const double unit = std::ceil(static_cast<double>(*left[k]) / mine);
        grid[k].unit = std::max(grid[k].unit, static_cast<std::int64_t>(unit));
      }
      grid[k].cells = *left[k] / grid[k].unit;
      cells = std::max(1.0, cells / static_cast<double>(grid[k].cells + 1));
    }
    return grid;
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
    for (std::size_t k = 0; k < kNumPrices; ++k) {
      if (!grid[k].limited) continue;
      for (const auto& step : chain.steps)
        for (const auto& move : step.moves)
          if (move.price[k] % grid[k].unit != 0) return false;
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
    if (!is_countable()) {  // something fits: the cheapest does
      estimate = {1, kBeyondCounting};
      return;
    }
    const BigCount at_most = ways.total();
    if (isomorphisms) {
      estimate = {at_most > 0 ? BigCount{1} : BigCount{0}, at_most};
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

  /// Canonical paths within both limits, one by one: for few subnets the exact answer that no grid gives.
  std::int64_t walk(std::size_t place, std::size_t state, const Prices& rest, Architecture& arch,
                    std::int64_t& walked) const {
    if (place == chain.steps.size()) return is_canonical(arch) ? 1 : 0;
    std::int64_t paths = 0;
    for (const auto& move : chain.steps[place].moves_of(state)) {
      if (++walked > kMostWalked) return 0;
      const Prices next{rest[0] - move.price[0], rest[1] - move.price[1]};
      if (next[0] < 0 || next[1] < 0) continue;
      if (isomorphisms) chain.take(chain.steps[place], move, arch);
      paths += walk(place + 1, move.next, next, arch, walked);
    }
    return paths;
  }
  std::optional<BigCount> walk_all(const Prices& rest) const {
    std::int64_t walked = 0;
    Architecture arch;
    arch.choices.assign(chain.radices.size(), 0);
    const std::int64_t paths = walk(0, 0, rest, arch, walked);
    if (walked > kMostWalked) return std::nullopt;
    return static_cast<BigCount>(paths);
  }
  std::optional<BigCount> count_by_walking() const {
    if (estimate.at_most > most_walked()) return std::nullopt;
    return walk_all({left[0].value_or(Chain::kNever), left[1].value_or(Chain::kNever)});
  }
  /// Normal forms take longer than moves.
  BigCount most_walked() const { return static_cast<BigCount>(isomorphisms ? kMostWalked / 50 : kMostWalked); }

  /// A path on the grid of `ways`, uniformly; none if there is none.
  template <class Count>
  std::optional<Architecture> draw(const Ways<Count>& from, Rng& rng) const {
    const Count total = from.total();
    if (total <= 0) return std::nullopt;
    Architecture arch;
    arch.choices.assign(chain.radices.size(), 0);
    Count ticket = below(rng, total);
    Prices rest = from.all();
    std::size_t state = 0;
    for (std::size_t i = 0; i < chain.steps.size(); ++i) {
      // With rounding a ticket may be left over behind the last move; that one then takes it.
      const Chain::Move* taken = nullptr;
      Prices after{};
      for (const auto& move : chain.steps[i].moves_of(state)) {
        const Prices left_over{rest[0] - from.grid[0].on_grid(move.price[0]),
                               rest[1] - from.grid[1].on_grid(move.price[1])};
        const Count paths =
            at(from.layers[i + 1], std::span<const Window>(from.reach.window[i + 1]), move.next, left_over);
        if (paths <= 0) continue;
        taken = &move;
        after = left_over;
        if (ticket < paths) break;
        ticket -= paths;
      }
      chain.take(chain.steps[i], *taken, arch);
      state = taken->next;
      rest = after;
    }
    return arch;
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
    if (grid[0].limited && grid[1].limited) return std::nullopt;
    return num_paths <= 0x1p63L ? count_by_halves<std::uint64_t>(grid) : count_by_halves<BigCount>(grid);
  }
};

template <class Count>
std::optional<BigCount> FeasibleSet::Tables::count_by_halves(const Grid& grid) const {
  const std::size_t n = chain.steps.size();
  const std::size_t k = grid[0].limited ? 0 : 1;
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
          most = std::max(most, std::min(grid[k].cells, last[i][s] + grid[k].on_grid(move.price[k])));
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
        const std::int64_t shift =
            reach.spent[i][s][k] + grid[k].on_grid(move.price[k]) - reach.spent[i + 1][move.next][k];
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
      Prices rest{0, 0};
      rest[k] = grid[k].cells - reach.spent[middle][s][k] - static_cast<std::int64_t>(x);
      total += static_cast<BigCount>(spent[s][x]) * at(later, std::span<const Window>(reach.window[middle]), s, rest);
    }
  return total;
}

FeasibleSet::FeasibleSet(const SearchSpace& space, const InputShape& input, const Budget& budget) {
  if (space.listed()) {
    list_ = std::make_unique<List>(space.cost_table(input), budget, *space.listed());
  } else {
    tables_ = std::make_unique<Tables>(space.cost_table(input), budget, &space);
  }
  check_not_empty([&](const Architecture& arch) { return space.to_string(arch); }, "'" + space.name() + "'");
}

FeasibleSet::FeasibleSet(CostTable cost_table, const Budget& budget)
    : tables_(std::make_unique<Tables>(std::move(cost_table), budget, nullptr)) {
  const auto labels = [&](const Architecture& arch) {
    std::vector<std::string> options;
    for (std::size_t d = 0; d < arch.choices.size(); ++d)
      options.push_back(table().decisions()[d].options[arch.choices[d]]);
    return join(options, ",");
  };
  check_not_empty(labels, "the space");
}

FeasibleSet::~FeasibleSet() = default;

/// @throws UsageError if one limit alone leaves nothing.
void FeasibleSet::check_not_empty(const std::function<std::string(const Architecture&)>& notation,
                                  const std::string& space) const {
  const auto check = [&](const char* name, std::optional<std::int64_t> limit, const char* unit, const auto& cheapest,
                         std::int64_t Priced::*price) {
    if (!limit) return;
    const Priced least = cheapest();
    if (least.*price <= *limit) return;
    throw UsageError(std::string(name) + " = " + std::to_string(*limit) + " is below the cheapest subnet of " + space +
                     ": " + std::to_string(least.*price) + " " + unit + " (" + notation(least.arch) +
                     "); raise it or choose another space");
  };
  check(
      "max_macs", budget().max_macs, "MACs", [&] { return least_macs(); }, &Priced::macs);
  check(
      "max_params", budget().max_params, "parameters", [&] { return least_params(); }, &Priced::params);
}

const Budget& FeasibleSet::budget() const { return list_ ? list_->budget : tables_->budget; }
const CostTable& FeasibleSet::table() const { return list_ ? list_->table : tables_->table; }
Priced FeasibleSet::least_macs() const {
  return list_ ? list_->priced(list_->space.least_macs) : tables_->extreme(Price::kMacs, false);
}
Priced FeasibleSet::most_macs() const {
  return list_ ? list_->priced(list_->space.most_macs) : tables_->extreme(Price::kMacs, true);
}
Priced FeasibleSet::least_params() const {
  return list_ ? list_->priced(list_->space.least_params) : tables_->extreme(Price::kParams, false);
}
Priced FeasibleSet::most_params() const {
  return list_ ? list_->priced(list_->space.most_params) : tables_->extreme(Price::kParams, true);
}
BigCount FeasibleSet::size() const {
  if (list_) return static_cast<BigCount>(list_->all().size());
  const BigCount as_written = tables_->size();
  if (!tables_->isomorphisms || as_written > tables_->most_walked()) return as_written;
  return tables_->walk_all({Chain::kNever, Chain::kNever}).value_or(as_written);
}

bool FeasibleSet::contains(const Architecture& arch) const {
  if (budget().is_unlimited()) return true;
  const auto [macs, params] = table().macs_and_params(arch);
  return budget().allows(macs, params);
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
  for (int rejected = 0; rejected < kMostRejections; ++rejected) {
    const auto arch = tables_->rough_ways.layers.empty() ? tables_->draw(tables_->ways, rng)
                                                         : tables_->draw(tables_->rough_ways, rng);
    if (!arch) return std::nullopt;
    if (contains(*arch) && tables_->is_canonical(*arch)) return arch;
  }
  return std::nullopt;
}

Architecture FeasibleSet::draw(Rng& rng) const {
  if (auto arch = list_ ? draw_from_list(rng) : draw_path(rng)) return *std::move(arch);
  const Priced macs = least_macs(), params = least_params();
  throw UsageError("no subnet with " + to_string(budget()) + " was found; the one with least MACs has " +
                   std::to_string(macs.macs) + " MACs and " + std::to_string(macs.params) +
                   " parameters, the one with least parameters " + std::to_string(params.macs) + " and " +
                   std::to_string(params.params));
}

}  // namespace frontier
