#include "search_spaces/budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
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

bool allows(const Budget& budget, const Priced& priced) {
  const auto all = budget.all();
  return std::all_of(all.begin(), all.end(),
                     [&](const Limit& l) { return l.allows(l.price == "macs" ? priced.macs : priced.params); });
}

BigCount count_within(const std::vector<Priced>& all, const Budget& budget) {
  return static_cast<BigCount>(std::count_if(all.begin(), all.end(), [&](const auto& p) { return allows(budget, p); }));
}

/// Chi-square of uniform draws. With probability 1 - e^-14 (1e-6) it is below df + 2 sqrt(14 df) + 28 (Laurent and
/// Massart 2000, lemma 1).
void expect_uniform(const FeasibleSet& set, const std::vector<Priced>& all, int num_draws) {
  std::map<Architecture, int> seen;
  for (const auto& priced : all)
    if (allows(set.budget(), priced)) seen[priced.arch] = 0;
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
  std::vector<std::int64_t> ends(macs.begin(), macs.end());
  Rng windows(5);
  for (int i = 0; i < 60; ++i) {
    const auto [low, high] = std::minmax(ends[windows.below(ends.size())], ends[windows.below(ends.size())]);
    if (low <= most_macs->macs && high >= least_macs->macs) check({.limits = {{"macs", low, high}}});
    if (low <= most_macs->macs && i % 4 == 0)
      check({.max_params = (least_params->params + most_params->params) / 2, .limits = {{"macs", low, {}}}});
  }
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
  EXPECT_EQ(to_string(Budget{.max_macs = 9, .limits = {{"macs", 3, {}}, {"params", 4, {}}, {"bitops", {}, 7}}}),
            "from 3 to 9 MACs and at least 4 parameters and at most 7 bitops");
  EXPECT_EQ(parse_limits("2M, 400k,1.5G", "--max-macs"),
            (std::vector<std::int64_t>{2'000'000, 400'000, 1'500'000'000}));
  EXPECT_THROWS_WITH(parse_limits("2M,,4M", "--max-macs"), UsageError, "--max-macs");
  EXPECT_THROWS_WITH(parse_limits("", "--max-macs"), UsageError, "--max-macs");
  EXPECT_THROWS_WITH(parse_limits("0", "--max-macs"), UsageError, "--max-macs = 0; allowed: at least 1");
  EXPECT_THROWS_WITH(parse_limits("-4M", "--max-macs"), UsageError, "'-4M' is not a count");
  EXPECT_EQ(to_string(static_cast<BigCount>(1) << 100), "1267650600228229401496703205376");
}

using Scores = std::vector<std::vector<double>>;

Scores random_scores(const SearchSpace& space, Rng& rng, bool whole) {
  Scores scores;
  for (const auto& decision : space.decisions()) {
    auto& of_decision = scores.emplace_back();
    for (std::size_t i = 0; i < decision.options.size(); ++i)
      of_decision.push_back(whole ? static_cast<double>(rng.below(3)) : rng.normal());
  }
  return scores;
}

/// Sum over the decisions that have an effect.
double score_of(const CostTable& table, const Scores& scores, const Architecture& arch) {
  double sum = 0;
  for (std::size_t d = 0; d < scores.size(); ++d)
    if (table.activity()[d].at(arch) != 0) sum += scores[d][arch.choices[d]];
  return sum;
}

/// Every way of writing an architecture that leaves decisions without effect at option 0, in ascending order.
std::vector<Priced> enumerate_as_written(const SearchSpace& space) {
  const CostTable table = space.cost_table(space.default_input());
  std::vector<Priced> all;
  for (const auto& arch : all_choices(space)) {
    bool is_plain = space.meets_constraints(arch);
    for (std::size_t d = 0; d < arch.choices.size(); ++d)
      is_plain = is_plain && (arch.choices[d] == 0 || table.activity()[d].at(arch) != 0);
    if (is_plain) all.push_back({arch, table.macs(arch), table.params(arch)});
  }
  return all;
}

/// @param all as written.
void expect_best_is_that_of(const SearchSpace& space, const std::vector<Priced>& all, const FeasibleSet& set,
                            const Scores& scores) {
  const Priced* expected = nullptr;
  double greatest = -std::numeric_limits<double>::infinity();
  for (const auto& priced : all) {
    const double score = score_of(set.table(), scores, priced.arch);
    if (!allows(set.budget(), priced) || score <= greatest || !set.contains(space.canonical(priced.arch))) continue;
    greatest = score;
    expected = &priced;
  }
  if (!expected) {
    EXPECT_THROWS_WITH(set.best(scores), UsageError, "is left: every one has an option whose score is -infinity");
    return;
  }
  const Architecture best = set.best(scores);
  EXPECT_EQ(best, space.canonical(expected->arch)) << score_of(set.table(), scores, best) << " instead of " << greatest;
}

void expect_best_equals_enumeration(const SearchSpace& space, std::uint64_t seeds) {
  SCOPED_TRACE(space.name());
  const auto all = enumerate_as_written(space);
  const FeasibleSet everything(space, space.default_input(), {});
  std::vector<std::int64_t> macs, params;
  for (const auto& priced : all) {
    macs.push_back(priced.macs);
    params.push_back(priced.params);
  }
  std::sort(macs.begin(), macs.end());
  std::sort(params.begin(), params.end());
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const auto [low, high] = std::minmax(macs[rng.below(macs.size())], macs[rng.below(macs.size())]);
    std::vector<Budget> budgets{{.max_macs = high},
                                {.limits = {{"macs", low, {}}}},
                                {.limits = {{"macs", low, high}}},
                                {.limits = {{"params", params[rng.below(params.size())], {}}, {"macs", low, high}}}};
    for (const bool whole : {false, true}) {  // whole: with many ties
      Scores scores = random_scores(space, rng, whole);
      expect_best_is_that_of(space, all, everything, scores);
      if (seed % 2 == 1)
        for (auto& of_decision : scores)
          if (rng.below(3) == 0) of_decision[rng.below(of_decision.size())] = -std::numeric_limits<double>::infinity();
      expect_best_is_that_of(space, all, everything, scores);
      for (const Budget& budget : budgets) {
        SCOPED_TRACE(to_string(budget));
        const FeasibleSet set(space, space.default_input(), budget);
        if (count_within(all, budget) > 0) expect_best_is_that_of(space, all, set, scores);
      }
    }
  }
}

TEST(FeasibleSet, BestIsThatOfEnumerationInSmallSpaces) {
  expect_best_equals_enumeration(nested_space(), 40);
  expect_best_equals_enumeration(shared_decision_space(), 40);
}

TEST(FeasibleSet, BestIsThatOfEnumerationOnBenchmarks) {
  expect_best_equals_enumeration(*make_space("nas_bench_macro"), 6);
  expect_best_equals_enumeration(*make_space("nas_bench_201"), 3);
}

/// Argmax of every decision alone would break them: two inputs of a node that are the same.
TEST(FeasibleSet, BestMeetsTheConstraintsOfDarts) {
  const auto space = make_space("darts");
  const FeasibleSet all(*space, space->default_input(), {});
  const Priced least = all.least_params(), most = all.most_params();
  const FeasibleSet window(*space, all.table(),
                           {.limits = {{"params", least.params + (most.params - least.params) / 3,
                                        least.params + (most.params - least.params) / 2}}});
  int broken = 0, kept = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Scores scores = random_scores(*space, rng, false);
    Architecture greedy;
    for (const auto& of_decision : scores)
      greedy.choices.push_back(
          static_cast<std::uint16_t>(std::max_element(of_decision.begin(), of_decision.end()) - of_decision.begin()));
    broken += space->meets_constraints(greedy) ? 0 : 1;
    const Architecture best = all.best(scores), best_within = window.best(scores);
    for (const auto& arch : {best, best_within}) {
      ASSERT_NO_THROW(space->validate(arch));
      ASSERT_EQ(space->canonical(arch), arch);
    }
    ASSERT_TRUE(window.contains(best_within));
    // With scores for decisions that always have an effect, argmax is right where it meets the constraints.
    Scores sure = scores;
    for (std::size_t d = 0; d < sure.size(); ++d)
      if (!all.table().activity()[d].is_constant()) {
        sure[d].assign(sure[d].size(), 0);
        greedy.choices[d] = 0;
      }
    if (!space->meets_constraints(greedy)) continue;
    ++kept;
    ASSERT_EQ(all.best(sure), space->canonical(greedy));
  }
  EXPECT_GT(kept, 0);
  EXPECT_GT(broken, 0) << "no seed tests anything";
}

TEST(FeasibleSet, BestOfLargeSpacesBeatsDrawsAndItsNeighbours) {
  for (const char* name : {"ofa_mobilenetv3", "elastic_vit", "autoformer_small", "mobile_cnn_224"}) {
    SCOPED_TRACE(name);
    const auto space = make_space(name);
    const FeasibleSet all(*space, space->default_input(), {});
    const std::int64_t least = all.least_macs().macs, span = all.most_macs().macs - least;
    const FeasibleSet window(*space, all.table(),
                             {.limits = {{"macs", least + span / 4, least + span / 4 + span / 50}}});
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      Rng rng(seed);
      const Scores scores = random_scores(*space, rng, false);
      const Architecture best = window.best(scores);
      ASSERT_TRUE(window.contains(best));
      ASSERT_EQ(space->canonical(best), best);
      const double score = score_of(window.table(), scores, best);
      for (int i = 0; i < 100; ++i) ASSERT_GE(score, score_of(window.table(), scores, window.draw(rng)));
      for (std::size_t d = 0; d < scores.size(); ++d)
        for (std::uint16_t option = 0; option < scores[d].size(); ++option) {
          Architecture other = best;
          other.choices[d] = option;
          if (!space->meets_constraints(other)) continue;
          other = space->canonical(other);
          if (window.contains(other)) {
            ASSERT_GE(score + 1e-12, score_of(window.table(), scores, other));
          }
        }
    }
  }
}

/// Whatever was limited before.
TEST(FeasibleSet, OfAnotherSetIsTheSameAsOfTheSpace) {
  for (const char* name : {"mobile_cnn", "nas_bench_201", "nas_bench_101"}) {
    SCOPED_TRACE(name);
    const auto space = make_space(name);
    const FeasibleSet all(*space, space->default_input(), {});
    const std::int64_t macs = (all.least_macs().macs + all.most_macs().macs) / 2;
    const std::int64_t params = (all.least_params().params + all.most_params().params) / 2;
    Rng rng(4);
    const Scores scores = random_scores(*space, rng, false);
    std::vector<Budget> budgets{{.max_params = params}, {.limits = {{"macs", macs / 2, macs}}}};
    if (!space->listed())
      budgets.insert(budgets.end(), {{}, {.max_macs = macs}, {.max_macs = macs, .max_params = params}});
    for (const Budget& before : budgets) {
      const FeasibleSet other(*space, all.table(), before);
      other.best(scores);
      for (const Budget& budget : budgets) {
        SCOPED_TRACE(to_string(before) + ", then " + to_string(budget));
        const FeasibleSet alone(*space, all.table(), budget), shared(other, budget);
        EXPECT_EQ(shared.budget(), budget);
        EXPECT_EQ(shared.best(scores), alone.best(scores));
        if (before != budgets[0]) continue;  // draws need tables of their own, which take a while
        Rng one(9), two(9);
        EXPECT_EQ(shared.draw(one), alone.draw(two));
      }
    }
    EXPECT_THROWS_WITH(FeasibleSet(all, {.max_macs = 5}), UsageError,
                       "max_macs = 5 is below the cheapest subnet of '" + std::string(name));
    const Architecture cheapest = all.least_macs().arch;
    EXPECT_THROWS_WITH(FeasibleSet(all, {.max_macs = 5}), UsageError, space->to_string(cheapest));
  }
}

TEST(FeasibleSet, BestOfAListedSpaceIsThatOfItsList) {
  const auto space = make_space("nas_bench_101");
  const FeasibleSet all(*space, space->default_input(), {});
  const auto members = space->listed()->members();
  Rng rng(2);
  const Scores scores = random_scores(*space, rng, false);
  double greatest = -std::numeric_limits<double>::infinity();
  for (const auto& arch : members) greatest = std::max(greatest, score_of(all.table(), scores, arch));
  EXPECT_DOUBLE_EQ(score_of(all.table(), scores, all.best(scores)), greatest);
  const FeasibleSet small(*space, all.table(), {.max_params = 3'000'000});
  EXPECT_TRUE(small.contains(small.best(scores)));
}

/// A window of MACs that is some percent wide.
Budget window_of(const FeasibleSet& all, double place, double width) {
  const auto least = static_cast<double>(all.least_macs().macs), most = static_cast<double>(all.most_macs().macs);
  const double end = least + place * (most - least);
  return {.limits = {{"macs", std::llround(end * (1 - width)), std::llround(end)}}};
}

TEST(FeasibleSet, BestWithASlackIsWithinItOfEnumeration) {
  for (const SearchSpace& space :
       {nested_space(), shared_decision_space(), *make_space("nas_bench_macro"), *make_space("nas_bench_201")}) {
    SCOPED_TRACE(space.name());
    const auto all = enumerate_as_written(space);
    const FeasibleSet everything(space, space.default_input(), {});
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      Rng rng(seed);
      const Scores scores = random_scores(space, rng, false);
      const Budget budget = window_of(everything, 0.2 + 0.8 * rng.uniform(), 0.3);
      const FeasibleSet set(space, everything.table(), budget);
      double greatest = -std::numeric_limits<double>::infinity();
      for (const auto& priced : all)
        if (allows(budget, priced) && set.contains(space.canonical(priced.arch)))
          greatest = std::max(greatest, score_of(set.table(), scores, priced.arch));
      if (!std::isfinite(greatest)) continue;
      for (const double slack : {1e-3, 0.3, 100.0}) {
        const Architecture found = set.best(scores, slack);
        EXPECT_TRUE(set.contains(found));
        EXPECT_EQ(space.canonical(found), found);
        if (!space.has_normal_form()) {  // a normal form is written otherwise than what was scored
          EXPECT_GE(score_of(set.table(), scores, found) + 1e-9, greatest - slack);
        }
      }
    }
  }
}

TEST(FeasibleSet, BestWithASlackIsWithinItOfTheBest) {
  for (const char* name : {"mobile_cnn", "ofa_mobilenetv3", "autoformer_tiny"}) {
    SCOPED_TRACE(name);
    const auto space = make_space(name);
    const FeasibleSet all(*space, space->default_input(), {});
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      Rng rng(seed);
      const Scores scores = random_scores(*space, rng, seed % 3 == 0);
      const FeasibleSet set(*space, all.table(), window_of(all, 0.1 + 0.9 * rng.uniform(), 0.01 + 0.1 * rng.uniform()));
      if (set.estimate().at_least == 0) continue;
      const double greatest = score_of(set.table(), scores, set.best(scores));
      for (const double slack : {1e-3, 0.1, 3.0}) {
        const Architecture found = set.best(scores, slack);
        ASSERT_TRUE(set.contains(found));
        ASSERT_EQ(space->canonical(found), found);
        ASSERT_GE(score_of(set.table(), scores, found) + 1e-9, greatest - slack);
        ASSERT_EQ(set.best(scores, slack), found) << "another one the second time";
      }
      const std::int64_t most = set.most("params").params, slack = most / 100;
      const Priced nearly = set.most("params", slack);
      ASSERT_TRUE(set.contains(nearly.arch));
      ASSERT_GE(nearly.params, most - slack);
    }
  }
}

/// What a generator says that has learned next to nothing. By charges alone this took more than four million steps.
TEST(FeasibleSet, BestOfScoresThatAreNearlyEqualIsFoundWithinANarrowWindow) {
  const auto space = make_space("mobile_cnn_224");
  const FeasibleSet all(*space, space->default_input(), {});
  for (const double spread : {0.01, 0.1}) {
    Rng rng(0);
    Scores scores = random_scores(*space, rng, false);
    for (auto& of_decision : scores)
      for (double& score : of_decision) score = spread * score - std::log(static_cast<double>(of_decision.size()));
    for (int i = 1; i <= 20; ++i) {
      SCOPED_TRACE(testing::Message() << "spread " << spread << ", place " << i);
      const FeasibleSet window(*space, all.table(), window_of(all, i / 20.0, 0.03));
      const Architecture found = window.best(scores, 1e-3);
      ASSERT_TRUE(window.contains(found));
      const double score = score_of(window.table(), scores, found);
      ASSERT_GE(score + 1e-3 + 1e-9, score_of(window.table(), scores, window.best(scores)));
      for (int draw = 0; draw < 50; ++draw) ASSERT_GE(score + 1e-3, score_of(window.table(), scores, window.draw(rng)));
    }
  }
}

TEST(FeasibleSet, BestRefusesScoresThatAreNone) {
  const SearchSpace space = nested_space();
  const FeasibleSet set(space, space.default_input(), {});
  Rng rng(1);
  Scores scores = random_scores(space, rng, false);
  EXPECT_THROWS_WITH(set.best(scores, -1), UsageError, "a slack of -1.000000; allowed: 0 or more");
  EXPECT_THROWS_WITH(set.best(scores, std::nan("")), UsageError, "a slack of nan");
  scores[0][1] = std::nan("");
  EXPECT_THROWS_WITH(set.best(scores), UsageError, "a score of 'width' is nan");
  scores[0] = {1, std::numeric_limits<double>::infinity()};
  EXPECT_THROWS_WITH(set.best(scores), UsageError, "a score of 'width' is inf");
  scores[0] = {1};
  EXPECT_THROWS_WITH(set.best(scores), UsageError, "1 scores for 'width', which has 2 options");
  scores[0].assign(2, -std::numeric_limits<double>::infinity());
  EXPECT_THROWS_WITH(set.best(scores), UsageError, "no subnet of 'nested' with no limit is left");
  scores.pop_back();
  EXPECT_THROWS_WITH(set.best(scores), UsageError, "the space has");
}

TEST(FeasibleSet, LeastAndMostAreThoseWithinTheWindow) {
  for (const SearchSpace& space : {nested_space(), shared_decision_space(), *make_space("nas_bench_macro")}) {
    SCOPED_TRACE(space.name());
    const auto all = enumerate(space);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      Rng rng(seed);
      const auto [low, high] = std::minmax(all[rng.below(all.size())].macs, all[rng.below(all.size())].macs);
      const Budget budget{.limits = {{"macs", low, high}}};
      std::vector<Priced> within;
      for (const auto& priced : all)
        if (allows(budget, priced)) within.push_back(priced);
      const auto [least, most] = std::minmax_element(within.begin(), within.end(),
                                                     [](const auto& a, const auto& b) { return a.params < b.params; });
      const FeasibleSet set(space, space.default_input(), budget);
      EXPECT_EQ(set.least("params").params, least->params);
      EXPECT_EQ(set.least("params").arch, least->arch);
      EXPECT_EQ(set.most("params").params, most->params);
      EXPECT_EQ(set.least("macs").macs, low);
      EXPECT_EQ(set.most("macs").macs, high);
    }
  }
}

TEST(FeasibleSet, DrawsUniformlyWithinAWindow) {
  for (const char* name : {"nas_bench_macro", "nas_bench_201"}) {
    SCOPED_TRACE(name);
    const auto space = make_space(name);
    const auto all = enumerate(*space);
    std::vector<std::int64_t> macs;
    for (const auto& priced : all) macs.push_back(priced.macs);
    std::sort(macs.begin(), macs.end());
    const FeasibleSet set(*space, space->default_input(),
                          {.limits = {{"macs", macs[macs.size() / 2], macs[macs.size() * 6 / 10]}}});
    expect_uniform(set, all, 40'000);
  }
}

/// ShiftNAS's bins and ElasticViT's banks: the share of a window's halves is that of their counts.
TEST(FeasibleSet, DrawsWithinWindowsOfLargeSpaces) {
  constexpr int kDraws = 4000;
  for (const char* name : {"ofa_mobilenetv3", "elastic_vit", "mobile_cnn", "resnet_shape_56"}) {
    SCOPED_TRACE(name);
    const auto space = make_space(name);
    const FeasibleSet all(*space, space->default_input(), {});
    const std::int64_t least = all.least_macs().macs, span = all.most_macs().macs - least;
    const std::int64_t low = least + span / 3, high = low + span / 20, middle = (low + high) / 2;
    const FeasibleSet window(*space, all.table(), {.limits = {{"macs", low, high}}});
    const FeasibleSet lower(*space, all.table(), {.limits = {{"macs", low, middle}}});
    Rng rng(17);
    int within = 0;
    for (int i = 0; i < kDraws; ++i) {
      const Architecture arch = window.draw(rng);
      ASSERT_TRUE(window.contains(arch));
      within += lower.contains(arch) ? 1 : 0;
    }
    const CountRange of_window = window.estimate(), of_lower = lower.estimate();
    ASSERT_LE(of_window.at_least, of_window.at_most);
    if (of_window.at_most == kBeyondCounting) continue;
    const double least_share = static_cast<double>(of_lower.at_least) / static_cast<double>(of_window.at_most);
    const double most_share = static_cast<double>(of_lower.at_most) / static_cast<double>(of_window.at_least);
    const double margin = 5 * 0.5 / std::sqrt(double{kDraws});
    EXPECT_GT(within / double{kDraws}, least_share - margin);
    EXPECT_LT(within / double{kDraws}, most_share + margin);
  }
}

TEST(FeasibleSet, CountOfAWindowIsTheDifferenceOfTwoCounts) {
  const auto space = make_space("mobile_cnn");
  const auto& input = space->default_input();
  const FeasibleSet window(*space, input, {.limits = {{"macs", 900'001, 1'000'000}}});
  const FeasibleSet below(*space, input, {.max_macs = 900'000}), upto(*space, input, {.max_macs = 1'000'000});
  ASSERT_TRUE(window.count().is_exact());
  EXPECT_EQ(to_string(window.count().at_least), to_string(upto.count().at_least - below.count().at_least));
}

TEST(FeasibleSet, HoldsFurtherPrices) {
  const SearchSpace space = nested_space();
  CostTable table = space.cost_table(space.default_input());
  // A latency: 5 for wide layers, 3 a block.
  const auto width = static_cast<std::uint16_t>(space.decision_index("width"));
  const auto depth = static_cast<std::uint16_t>(space.decision_index("depth"));
  table.add_price("latency_us", {Dim(width, {0, 5}), Dim(depth, {0, 3, 6})});
  EXPECT_EQ(table.price_names(), (std::vector<std::string>{"macs", "params", "latency_us"}));
  const std::size_t latency = table.price_index("latency_us");
  const auto all = enumerate(space);
  for (const Limit& limit : {Limit{"latency_us", {}, 6}, Limit{"latency_us", 5, 9}, Limit{"latency_us", 8, {}}}) {
    const Budget budget{.max_macs = all[all.size() / 2].macs, .limits = {limit}};
    SCOPED_TRACE(to_string(budget));
    const FeasibleSet set(space, table, budget);
    std::vector<Priced> within;
    for (const auto& priced : all)
      if (priced.macs <= *budget.max_macs && limit.allows(table.price(latency, priced.arch))) within.push_back(priced);
    ASSERT_FALSE(within.empty());
    EXPECT_EQ(to_string(set.count().at_least), std::to_string(within.size()));
    Rng rng(1);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(set.contains(set.draw(rng)));
  }
  EXPECT_THROWS_WITH(FeasibleSet(space, table, {.limits = {{"latency_us", 12, {}}}}), UsageError,
                     "min_latency_us = 12 is above the dearest subnet of 'nested': 11 latency_us (");
  EXPECT_THROWS_WITH(FeasibleSet(space, table, {.limits = {{"latency_us", {}, -1}}}), UsageError,
                     "max_latency_us = -1 is below the cheapest subnet of 'nested': 0 latency_us (");
  EXPECT_THROWS_WITH(FeasibleSet(space, table, {.limits = {{"latency_us", 7, 6}}}), UsageError,
                     "min_latency_us = 7 is above max_latency_us = 6");
  EXPECT_THROWS_WITH(FeasibleSet(space, table, {.limits = {{"latency", 7, {}}}}), UsageError, "latency_us");
  EXPECT_THROWS_WITH(table.add_price("params", {}), UsageError, "price 'params' exists already");
}

TEST(FeasibleSet, NamesTheNearestPricesWhereAWindowIsEmpty) {
  const auto space = make_space("nas_bench_macro");
  std::vector<std::int64_t> macs;
  for (const auto& priced : enumerate(*space)) macs.push_back(priced.macs);
  std::sort(macs.begin(), macs.end());
  macs.erase(std::unique(macs.begin(), macs.end()), macs.end());
  const std::size_t i = macs.size() / 2;
  ASSERT_GT(macs[i + 1] - macs[i], 1);
  const FeasibleSet none(*space, space->default_input(), {.limits = {{"macs", macs[i] + 1, macs[i + 1] - 1}}});
  EXPECT_EQ(to_string(none.count().at_most), "0");
  Rng rng(1);
  EXPECT_THROWS_WITH(none.draw(rng), UsageError, "the nearest below has " + std::to_string(macs[i]) + " MACs");
  EXPECT_THROWS_WITH(none.draw(rng), UsageError, "the nearest above has " + std::to_string(macs[i + 1]) + " MACs");
  EXPECT_THROWS_WITH(FeasibleSet(*space, space->default_input(), {.limits = {{"macs", macs.back() + 1, {}}}}),
                     UsageError,
                     "is above the dearest subnet of 'nas_bench_macro': " + std::to_string(macs.back()) + " MACs");
}

TEST(FeasibleSet, IsRestrictedToAllowedOptions) {
  for (const SearchSpace& space :
       {nested_space(), shared_decision_space(), *make_space("nas_bench_macro"), *make_space("nas_bench_201")}) {
    SCOPED_TRACE(space.name());
    const CostTable table = space.cost_table(space.default_input());
    const auto all = enumerate(space);
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      Rng rng(seed);
      std::vector<std::vector<std::uint16_t>> allowed;
      for (const auto& decision : space.decisions()) {
        auto& of_decision = allowed.emplace_back();
        for (std::uint16_t option = 0; option < decision.options.size(); ++option)
          if (rng.below(3) > 0) of_decision.push_back(option);
        if (of_decision.empty()) of_decision.push_back(0);
      }
      std::vector<Priced> left;
      for (const auto& priced : all) {
        bool is_allowed = true;
        for (std::size_t d = 0; d < allowed.size(); ++d)
          is_allowed = is_allowed && (table.activity()[d].at(priced.arch) == 0 ||
                                      std::count(allowed[d].begin(), allowed[d].end(), priced.arch.choices[d]) == 1);
        if (is_allowed) left.push_back(priced);
      }
      if (left.empty()) continue;
      CostTable restricted = table;
      restricted.restrict_to(allowed);
      const FeasibleSet set(space, restricted, {});
      ASSERT_EQ(to_string(set.count().at_least), std::to_string(left.size()));
      const auto by_macs = [](const Priced& a, const Priced& b) { return a.macs < b.macs; };
      EXPECT_EQ(set.least_macs().macs, std::min_element(left.begin(), left.end(), by_macs)->macs);
      EXPECT_EQ(set.most_macs().macs, std::max_element(left.begin(), left.end(), by_macs)->macs);
      if (!space.has_normal_form()) expect_best_is_that_of(space, left, set, random_scores(space, rng, false));
      for (int i = 0; i < 20; ++i) {
        const Architecture arch = set.draw(rng);
        ASSERT_TRUE(std::any_of(left.begin(), left.end(), [&](const Priced& p) { return p.arch == arch; }));
      }
    }
  }
  const SearchSpace space = nested_space();
  CostTable table = space.cost_table(space.default_input());
  std::vector<std::vector<std::uint16_t>> allowed(space.decisions().size(), std::vector<std::uint16_t>{0});
  allowed[0] = {2};
  EXPECT_THROWS_WITH(table.restrict_to(allowed), UsageError, "option 2 of 'width' is out of range");
  allowed[0] = {};
  EXPECT_THROWS_WITH(table.restrict_to(allowed), UsageError, "no option of 'width' is allowed");
  allowed.pop_back();
  EXPECT_THROWS_WITH(table.restrict_to(allowed), UsageError, "options are allowed for");
}

}  // namespace
}  // namespace frontier
