// The bound by cells against every path of a small space.
#include "search_spaces/internal/grid_bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "common/rng.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

struct End {
  std::int64_t cost = 0, gain = 0;
};

/// Every path from a state to the end.
std::vector<End> ends_of(const Chain& chain, const GridBound::Gains& gains, std::size_t place, std::size_t state) {
  if (place == chain.steps.size()) return {{}};
  std::vector<End> all;
  const Chain::Step& step = chain.steps[place];
  for (std::size_t m = step.begins[state]; m < step.begins[state + 1]; ++m) {
    if (gains[place][m] == GridBound::kForbidden) continue;
    for (const End& rest : ends_of(chain, gains, place + 1, step.moves[m].next))
      all.push_back({rest.cost + step.moves[m].price[0], rest.gain + gains[place][m]});
  }
  return all;
}

TEST(GridBound, BoundsEveryRestOfAPathAndItsSurePathsKeepTheLimits) {
  const auto space = make_space("nas_bench_macro");
  const CostTable table = space->cost_table(space->default_input());
  const std::vector<std::size_t> macs{0};
  const Chain chain(table, macs, /*scored=*/true);
  const std::int64_t dearest =
      chain.most_to_end([](std::size_t, const Chain::Move& move) { return move.price[0]; })[0][0];
  int sure = 0, empty = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    GridBound::Gains gains;
    for (const auto& step : chain.steps) {
      auto& of_step = gains.emplace_back();
      for (std::size_t m = 0; m < step.moves.size(); ++m)
        of_step.push_back(rng.below(10) == 0 ? GridBound::kForbidden
                                             : static_cast<std::int64_t>(rng.below(2000)) - 1000);
    }
    const auto share = [&](double of) { return static_cast<std::int64_t>(of * static_cast<double>(dearest)); };
    const std::int64_t at_most = seed % 5 == 0 ? Chain::kNever : share(0.1 + 0.9 * rng.uniform());
    const std::int64_t at_least = seed % 5 == 0 ? share(0.8 * rng.uniform()) : at_most - share(0.2 * rng.uniform());
    const GridBound grid(chain, gains, 0, at_least, at_most);
    std::size_t state = 0;  // of a random beginning, which may take forbidden moves
    std::int64_t spent = 0;
    for (std::size_t place = 0; place <= chain.steps.size(); ++place) {
      if (place > 0) {
        const auto moves = chain.steps[place - 1].moves_of(state);
        const Chain::Move& move = moves[rng.below(moves.size())];
        state = move.next;
        spent += move.price[0];
      }
      std::int64_t greatest = GridBound::kForbidden;
      for (const End& end : ends_of(chain, gains, place, state))
        if (spent + end.cost >= at_least && spent + end.cost <= at_most) greatest = std::max(greatest, end.gain);
      ASSERT_GE(grid.most(place, state, grid.possible(place, state, spent)), greatest) << "from place " << place;
      const auto path = grid.best(place, state, grid.sure(place, state, spent));
      ++(path ? sure : empty);
      if (!path) continue;
      std::int64_t cost = spent, gain = 0;
      std::size_t at = state;
      for (std::size_t i = 0; i < path->size(); ++i) {
        const Chain::Move& move = chain.steps[place + i].moves[(*path)[i]];
        ASSERT_GE((*path)[i], chain.steps[place + i].begins[at]);
        ASSERT_LT((*path)[i], chain.steps[place + i].begins[at + 1]);
        cost += move.price[0];
        gain += gains[place + i][(*path)[i]];
        at = move.next;
      }
      ASSERT_EQ(place + path->size(), chain.steps.size());
      EXPECT_GE(cost, at_least);
      EXPECT_LE(cost, at_most);
      EXPECT_EQ(gain, grid.most(place, state, grid.sure(place, state, spent)));
      EXPECT_LE(gain, greatest);
    }
  }
  EXPECT_GT(sure, 40);
  EXPECT_GT(empty, 0);
}

}  // namespace
}  // namespace frontier
