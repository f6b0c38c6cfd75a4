#include "search_spaces/budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;

/// Every canonical subnet with its price, by enumeration.
std::vector<Priced> enumerate(const SearchSpace& space) {
  const CostTable table = space.cost_table(space.default_input());
  std::vector<Priced> all;
  for (const auto& arch : all_choices(space))
    if (space.canonical(arch) == arch) all.push_back({arch, table.macs(arch), table.params(arch)});
  return all;
}

BigCount count_within(const std::vector<Priced>& all, const Budget& budget) {
  return static_cast<BigCount>(
      std::count_if(all.begin(), all.end(), [&](const auto& p) { return budget.allows(p.macs, p.params); }));
}

/// Chi-square of uniform draws. With probability 1 - e^-14 (1e-6) it is below df + 2 sqrt(14 df) + 28 (Laurent and
/// Massart 2000, lemma 1).
void expect_uniform(const FeasibleSet& set, const std::vector<Priced>& all, int num_draws) {
  std::map<Architecture, int> seen;
  for (const auto& priced : all)
    if (set.budget().allows(priced.macs, priced.params)) seen[priced.arch] = 0;
  const auto cells = static_cast<double>(seen.size());
  Rng rng(7);
  for (int i = 0; i < num_draws; ++i) {
    const auto it = seen.find(set.draw(rng));
    ASSERT_NE(it, seen.end()) << "a draw is not canonical or over the budget";
    ++it->second;
  }
  const double expected = num_draws / cells;
  double chi_square = 0;
  for (const auto& [arch, count] : seen) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, (cells - 1) + 2 * std::sqrt(14 * (cells - 1)) + 28) << cells << " subnets";
}

void expect_equals_enumeration(const SearchSpace& space, std::size_t most_budgets) {
  SCOPED_TRACE(space.name());
  const auto all = enumerate(space);
  const FeasibleSet everything(space, space.default_input(), {});
  EXPECT_EQ(to_string(everything.size()), std::to_string(all.size()));
  const auto by_macs = [](const Priced& a, const Priced& b) { return a.macs < b.macs; };
  const auto by_params = [](const Priced& a, const Priced& b) { return a.params < b.params; };
  const auto [least_macs, most_macs] = std::minmax_element(all.begin(), all.end(), by_macs);
  const auto [least_params, most_params] = std::minmax_element(all.begin(), all.end(), by_params);
  EXPECT_EQ(everything.least_macs().macs, least_macs->macs);
  EXPECT_EQ(everything.most_macs().macs, most_macs->macs);
  EXPECT_EQ(everything.least_params().params, least_params->params);
  EXPECT_EQ(everything.most_params().params, most_params->params);
  for (const auto& extreme :
       {everything.least_macs(), everything.most_macs(), everything.least_params(), everything.most_params()}) {
    EXPECT_EQ(space.canonical(extreme.arch), extreme.arch);
    EXPECT_EQ(everything.table().macs(extreme.arch), extreme.macs);
    EXPECT_EQ(everything.table().params(extreme.arch), extreme.params);
  }

  std::set<std::int64_t> macs, params;
  for (const auto& priced : all) {
    macs.insert({priced.macs, priced.macs + 1, priced.macs - 1});
    params.insert({priced.params, priced.params + 1, priced.params - 1});
  }
  const auto check = [&](const Budget& budget) {
    SCOPED_TRACE(to_string(budget));
    const BigCount expected = count_within(all, budget);
    const FeasibleSet set(space, space.default_input(), budget);
    const CountRange count = set.count();
    ASSERT_TRUE(count.is_exact());
    ASSERT_EQ(to_string(count.at_least), to_string(expected));
    Rng rng(1);
    for (int i = 0; i < 3 && expected > 0; ++i) ASSERT_TRUE(set.contains(set.draw(rng)));
  };
  const std::size_t stride_macs = macs.size() / most_budgets + 1, stride_params = params.size() / most_budgets + 1;
  std::size_t i = 0;
  for (const auto limit : macs)
    if (i++ % stride_macs == 0 && limit >= least_macs->macs) check({.max_macs = limit, .max_params = {}});
  for (const auto limit : params)
    if (i++ % stride_params == 0 && limit >= least_params->params) check({.max_macs = {}, .max_params = limit});
}

TEST(FeasibleSet, CountsWhatEnumerationCountsForEveryBudgetOfSmallSpaces) {
  expect_equals_enumeration(nested_space(), 10'000);
  expect_equals_enumeration(shared_decision_space(), 10'000);
}

TEST(FeasibleSet, CountsWhatEnumerationCountsOnNasBenchMacro) {
  expect_equals_enumeration(*make_space("nas_bench_macro"), 60);
}

TEST(FeasibleSet, DrawsUniformly) {
  for (const SearchSpace& space : {nested_space(), shared_decision_space()}) {
    SCOPED_TRACE(space.name());
    const auto all = enumerate(space);
    std::vector<std::int64_t> macs;
    for (const auto& priced : all) macs.push_back(priced.macs);
    std::nth_element(macs.begin(), macs.begin() + static_cast<std::ptrdiff_t>(macs.size() / 2), macs.end());
    const std::int64_t median = macs[macs.size() / 2];
    expect_uniform(FeasibleSet(space, space.default_input(), {}), all, 60'000);
    expect_uniform(FeasibleSet(space, space.default_input(), {.max_macs = median, .max_params = {}}), all, 60'000);
  }
}

TEST(FeasibleSet, KeepsBothLimits) {
  const auto space = make_space("nas_bench_macro");
  const auto all = enumerate(*space);
  for (const Budget& budget : {Budget{50'000'000, 1'200'000}, Budget{30'000'000, 2'000'000},
                               Budget{20'000'000, 800'000}, Budget{90'000'000, 700'000}}) {
    SCOPED_TRACE(to_string(budget));
    const FeasibleSet set(*space, space->default_input(), budget);
    const BigCount expected = count_within(all, budget);
    ASSERT_GT(expected, 0U);
    EXPECT_LE(set.estimate().at_least, expected);
    EXPECT_GE(set.estimate().at_most, expected);
    EXPECT_EQ(to_string(set.count().at_least), to_string(expected));
    EXPECT_TRUE(set.count().is_exact());
    expect_uniform(set, all, 60'000);
  }
}

TEST(FeasibleSet, BoundsTheCountWithinBothLimitsOfALargeSpace) {
  const auto space = make_space("mobile_cnn");
  const auto& input = space->default_input();
  const FeasibleSet both(*space, input, {1'000'000, 30'000}), macs(*space, input, {1'000'000, {}});
  const CountRange count = both.count(), estimate = both.estimate();
  EXPECT_LE(estimate.at_least, count.at_least);
  EXPECT_GE(estimate.at_most, count.at_most);
  // The share of the draws within one limit that keep the other, too: 5 sigma.
  constexpr int kDraws = 20'000;
  Rng rng(13);
  int within = 0;
  for (int i = 0; i < kDraws; ++i) within += both.contains(macs.draw(rng)) ? 1 : 0;
  const auto size = static_cast<double>(macs.count().at_least);
  const double share = within / double{kDraws}, sigma = std::sqrt(share * (1 - share) / kDraws);
  EXPECT_LT(static_cast<double>(count.at_least) / size, share + 5 * sigma);
  EXPECT_GT(static_cast<double>(count.at_most) / size, share - 5 * sigma);
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(both.contains(both.draw(rng)));
}

TEST(FeasibleSet, SaysWhatTheCheapestSubnetCosts) {
  const auto space = make_space("nas_bench_macro");
  const auto& input = space->default_input();
  EXPECT_THROWS_WITH(FeasibleSet(*space, input, {.max_macs = 7'713'279, .max_params = {}}), UsageError,
                     "max_macs = 7713279 is below the cheapest subnet of 'nas_bench_macro': 7713280 MACs (00000000)");
  EXPECT_THROWS_WITH(FeasibleSet(*space, input, {.max_macs = {}, .max_params = 0}), UsageError,
                     "max_params = 0 is below the cheapest subnet of 'nas_bench_macro': 387882 parameters (00000000)");
  EXPECT_THROWS_WITH(FeasibleSet(space->cost_table(input), {.max_macs = 1, .max_params = {}}), UsageError,
                     "of the space");
  const FeasibleSet one(*space, input, {.max_macs = 7'713'280, .max_params = {}});
  EXPECT_EQ(to_string(one.count().at_most), "1");
  Rng rng(3);
  EXPECT_EQ(space->to_string(one.draw(rng)), "00000000");
}

TEST(FeasibleSet, RefusesToDrawWhereBothLimitsTogetherLeaveNothing) {
  // The network with least MACs is not the one with least parameters here: a wide layer at low resolution against a
  // narrow one at high resolution.
  const SearchSpace space("crossed", {1, 16, 16, 2}, [](Builder& b, Signal x, std::int64_t classes) {
    x = b.mix("where", x,
              {{"early", [&](Signal y) { return b.average_pool(b.conv("early", y, {.out = 8, .kernel = 3}), 3, 4); }},
               {"late", [&](Signal y) { return b.conv("late", b.average_pool(y, 3, 4), {.out = 8, .kernel = 7}); }}});
    return b.linear("classifier", b.global_pool(x), classes);
  });
  const FeasibleSet everything(space, space.default_input(), {});
  const Priced macs = everything.least_macs(), params = everything.least_params();
  ASSERT_NE(macs.arch, params.arch);
  const FeasibleSet none(space, space.default_input(), {macs.macs, params.params});
  EXPECT_EQ(to_string(none.count().at_most), "0");
  Rng rng(1);
  EXPECT_THROWS_WITH(none.draw(rng), UsageError, "the one with least MACs has " + std::to_string(macs.macs) + " MACs");
}

TEST(FeasibleSet, SizeOfMobileCnnIsItsClosedForm) {
  const FeasibleSet set(*make_space("mobile_cnn"), {1, 28, 28, 10}, {});
  // stems * product over stages of widths * (18 + 18^2 [+ 18^3])
  EXPECT_EQ(to_string(set.size()), to_string(static_cast<BigCount>(3) * (3 * 342) * (3 * 6174) * (3 * 6174)));
  EXPECT_EQ(to_string(set.count().at_least), to_string(set.size()));
  const auto space = make_space("mobile_cnn_224");
  const FeasibleSet large(*space, space->default_input(), {});
  BigCount expected = static_cast<BigCount>(3) * (2 * 342);
  for (int stage = 0; stage < 5; ++stage) expected *= 3 * (324 + 5832 + 104976);
  EXPECT_EQ(to_string(large.size()), to_string(expected));  // beyond 2^64
}

/// MACs of one inverted residual block by hand.
std::int64_t block_macs(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t expansion, bool se,
                        std::int64_t side_in, std::int64_t side_out) {
  const std::int64_t hidden = in * expansion;
  const std::int64_t squeezed = make_divisible(static_cast<double>(hidden / 4), 4);
  return in * hidden * side_in * side_in + kernel * kernel * hidden * side_out * side_out +
         (se ? 2 * hidden * squeezed : 0) + hidden * out * side_out * side_out;
}

TEST(FeasibleSet, CountOfMobileCnnEqualsACountWithoutTheCostTable) {
  constexpr std::int64_t kLimit = 1'000'000;
  using Ways = std::vector<std::uint64_t>;  // by MACs / 4
  const auto add_block = [](const Ways& from, Ways& to, std::int64_t in, std::int64_t out, std::int64_t side_in,
                            std::int64_t side_out) {
    for (const std::int64_t kernel : {3, 5, 7})
      for (const std::int64_t expansion : {2, 3, 4})
        for (const bool se : {false, true}) {
          const auto macs = block_macs(in, out, kernel, expansion, se, side_in, side_out);
          ASSERT_EQ(macs % 4, 0);
          for (std::size_t m = static_cast<std::size_t>(macs / 4); m < to.size(); ++m)
            to[m] += from[m - static_cast<std::size_t>(macs / 4)];
        }
  };
  struct Stage {
    std::vector<std::int64_t> widths;
    int most_blocks;
    std::int64_t side_in, side_out;
  };
  std::map<std::int64_t, Ways> by_width;
  for (const std::int64_t stem : {8, 12, 16}) {
    by_width[stem].assign(kLimit / 4 + 1, 0);
    by_width[stem][static_cast<std::size_t>(9 * stem * 14 * 14 / 4)] = 1;
  }
  for (const Stage& stage :
       {Stage{{8, 12, 16}, 2, 14, 14}, Stage{{16, 24, 32}, 3, 14, 7}, Stage{{32, 48, 64}, 3, 7, 4}}) {
    std::map<std::int64_t, Ways> next;
    for (const auto width : stage.widths) {
      Ways blocks(kLimit / 4 + 1, 0);
      for (const auto& [in, ways] : by_width) add_block(ways, blocks, in, width, stage.side_in, stage.side_out);
      next[width] = blocks;
      for (int i = 1; i < stage.most_blocks; ++i) {
        Ways longer(kLimit / 4 + 1, 0);
        add_block(blocks, longer, width, width, stage.side_out, stage.side_out);
        blocks = std::move(longer);
        for (std::size_t m = 0; m < blocks.size(); ++m) next[width][m] += blocks[m];
      }
    }
    by_width = std::move(next);
  }
  std::uint64_t expected = 0;
  for (const auto& [width, ways] : by_width) {
    const std::int64_t rest = kLimit - (width * 128 * 4 * 4 + 128 * 10);
    for (std::size_t m = 0; m <= static_cast<std::size_t>(rest / 4); ++m) expected += ways[m];
  }

  const auto space = make_space("mobile_cnn");
  const FeasibleSet set(*space, space->default_input(), {.max_macs = kLimit, .max_params = {}});
  const CountRange count = set.count(), estimate = set.estimate();
  ASSERT_TRUE(count.is_exact());
  EXPECT_EQ(to_string(count.at_least), std::to_string(expected));
  EXPECT_LE(estimate.at_least, count.at_least);
  EXPECT_GE(estimate.at_most, count.at_most);
}

TEST(FeasibleSet, CountsAgreeWithTheShareOfUniformDraws) {
  constexpr int kDraws = 20'000;
  for (const auto& [name, limit] :
       {std::pair{"mobile_cnn_32", std::int64_t{20'000'000}}, {"mobile_cnn_224", 500'000'000}}) {
    SCOPED_TRACE(name);
    const auto space = make_space(name);
    const FeasibleSet everything(*space, space->default_input(), {});
    const FeasibleSet set(*space, space->default_input(), {.max_macs = limit, .max_params = {}});
    Rng rng(11);
    int within = 0;
    for (int i = 0; i < kDraws; ++i) within += set.contains(everything.draw(rng)) ? 1 : 0;
    const CountRange count = set.estimate();
    const auto size = static_cast<double>(everything.size());
    const double low = static_cast<double>(count.at_least) / size, high = static_cast<double>(count.at_most) / size;
    const double sigma = std::sqrt(std::max(high * (1 - high), 1.0 / kDraws) / kDraws);
    EXPECT_GT(within / double{kDraws}, low - 5 * sigma);
    EXPECT_LT(within / double{kDraws}, high + 5 * sigma);
    for (int i = 0; i < 2000; ++i) {
      const Architecture arch = set.draw(rng);
      ASSERT_LE(set.table().macs(arch), limit);
      ASSERT_EQ(space->canonical(arch), arch);
    }
  }
}

/// In the grid's regime, too, draws within a smaller budget are the share that the counts promise.
TEST(FeasibleSet, DrawsOnAGridAreUniform) {
  constexpr int kDraws = 40'000;
  const auto space = make_space("mobile_cnn");
  const auto& input = space->default_input();
  const FeasibleSet large(*space, input, {.max_macs = 2'000'000, .max_params = {}});
  const FeasibleSet small(*space, input, {.max_macs = 1'800'000, .max_params = {}});
  const double share = static_cast<double>(small.count().at_least) / static_cast<double>(large.count().at_least);
  Rng rng(5);
  int within = 0;
  for (int i = 0; i < kDraws; ++i) within += small.contains(large.draw(rng)) ? 1 : 0;
  EXPECT_NEAR(within / double{kDraws}, share, 5 * std::sqrt(share * (1 - share) / kDraws));
}

TEST(FeasibleSet, SameSeedGivesTheSameDraws) {
  const auto space = make_space("mobile_cnn");
  const FeasibleSet a(*space, space->default_input(), {.max_macs = 700'000, .max_params = 60'000});
  const FeasibleSet b(*space, space->default_input(), {.max_macs = 700'000, .max_params = 60'000});
  Rng first(9), second(9);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(a.draw(first), b.draw(second));
}

TEST(Budget, IsReadAndPrinted) {
  EXPECT_EQ(to_string(Budget{}), "no limit");
  EXPECT_EQ(to_string(Budget{4'000'000, 100'000}), "at most 4000000 MACs and at most 100000 parameters");
  EXPECT_EQ(parse_limits("2M, 400k,1.5G", "--max-macs"),
            (std::vector<std::int64_t>{2'000'000, 400'000, 1'500'000'000}));
  EXPECT_THROWS_WITH(parse_limits("2M,,4M", "--max-macs"), UsageError, "--max-macs");
  EXPECT_THROWS_WITH(parse_limits("", "--max-macs"), UsageError, "--max-macs");
  EXPECT_THROWS_WITH(parse_limits("0", "--max-macs"), UsageError, "--max-macs = 0; allowed: at least 1");
  EXPECT_THROWS_WITH(parse_limits("-4M", "--max-macs"), UsageError, "'-4M' is not a count");
  EXPECT_EQ(to_string(static_cast<BigCount>(1) << 100), "1267650600228229401496703205376");
}

}  // namespace
}  // namespace frontier
