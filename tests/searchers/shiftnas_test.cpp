// The searcher that asks a generator; what holds of all searchers is in searchers_test.cpp.
#include "searchers/shiftnas.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/size_policy.h"

namespace frontier {
namespace {

using testing_support::SizePolicy;

double score_of(const FeasibleSet& set, const std::vector<std::vector<double>>& scores, const Architecture& arch) {
  double sum = 0;
  for (std::size_t d = 0; d < scores.size(); ++d)
    if (set.table().activity()[d].at(arch) != 0) sum += scores[d][arch.choices[d]];
  return sum;
}

TEST(ShiftNasSearcher, GivesTheLikeliestWithinThreePercentBelowTheBudget) {
  for (const char* name : {"mobile_cnn", "ofa_mobilenetv3", "autoformer_tiny"}) {
    const auto space = make_space(name);
    const SizePolicy policy(*space);
    const FeasibleSet all(*space, space->default_input(), {});
    const std::int64_t least = all.least_macs().macs, span = all.most_macs().macs - least;
    for (int i = 1; i <= 10; ++i) {
      const std::int64_t limit = least + i * span / 10;
      SCOPED_TRACE(std::string(name) + " at " + std::to_string(limit));
      const FeasibleSet set(*space, all.table(), {.max_macs = limit});
      ShiftNasSearcher searcher({space.get(), &set, 1, nullptr, &policy}, {});
      EXPECT_EQ(searcher.wanted_cost(), limit);
      Rng rng(1);
      const auto found = searcher.ask(1, rng);
      ASSERT_EQ(found.size(), 1U);
      const auto macs = static_cast<double>(all.table().macs(found[0]));
      ASSERT_LE(macs, static_cast<double>(limit));
      ASSERT_GE(macs, 0.97 * static_cast<double>(limit));
      ASSERT_EQ(space->canonical(found[0]), found[0]);
      EXPECT_EQ(policy.asked(), static_cast<double>(limit));
      const auto scores = policy.scores(static_cast<double>(limit), nullptr);
      const FeasibleSet window(
          *space, all.table(),
          {.limits = {{"macs", static_cast<std::int64_t>(0.97 * static_cast<double>(limit)) + 1, limit}}});
      EXPECT_GE(score_of(set, scores, found[0]) + ShiftNasSearcher::kSlack + 1e-9,
                score_of(set, scores, window.best(scores)));
    }
  }
}

TEST(ShiftNasSearcher, ProposesNewSubnetsOfTheSameCost) {
  const auto space = make_space("mobile_cnn");
  const SizePolicy policy(*space);
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 2'000'000});
  ShiftNasSearcher searcher({space.get(), &set, 2, nullptr, &policy}, {});
  Rng rng(1);
  std::set<Architecture> seen;
  for (const auto& arch : searcher.ask(100, rng)) {
    EXPECT_TRUE(seen.insert(arch).second);
    EXPECT_LE(set.table().macs(arch), 2'000'000);
    EXPECT_GE(set.table().macs(arch), 1'940'000);
  }
  EXPECT_EQ(seen.size(), 100U);
}

/// The cheapest of nas_bench_macro has 7,713,280 MACs, and few others are near it.
TEST(ShiftNasSearcher, FallsToCheaperOnesWhereTheWindowHoldsNothingNew) {
  const auto space = make_space("nas_bench_macro");
  const SizePolicy policy(*space);
  const std::int64_t limit = 12'000'000;
  const FeasibleSet set(*space, space->default_input(), {.max_macs = limit});
  ShiftNasSearcher searcher({space.get(), &set, 1, nullptr, &policy}, {.within = 0.001, .tries = 5});
  Rng rng(2);
  std::int64_t cheapest = limit;
  std::size_t found = 0;
  for (auto batch = searcher.ask(1, rng); !batch.empty(); batch = searcher.ask(1, rng)) {
    ++found;
    cheapest = std::min(cheapest, set.table().macs(batch[0]));
    // Nothing is cheaper than the share that the searcher says it has reached.
    const double share = searcher.save().at("share").get<double>();
    ASSERT_GE(static_cast<double>(set.table().macs(batch[0])), (1 - share) * static_cast<double>(limit));
  }
  EXPECT_EQ(cheapest, set.least_macs().macs);
  EXPECT_EQ(std::to_string(found), to_string(set.count().at_most)) << "all that the budget allows";
}

TEST(ShiftNasSearcher, AsksForTheDearestWhereNothingLimitsIt) {
  const auto space = make_space("mobile_cnn");
  const FeasibleSet all(*space, space->default_input(), {});
  const FeasibleSet beyond(*space, all.table(), {.max_macs = 10 * all.most_macs().macs});
  const SizePolicy policy(*space);
  for (const FeasibleSet* set : {&all, &beyond}) {
    ShiftNasSearcher searcher({space.get(), set, 1, nullptr, &policy}, {});
    EXPECT_EQ(searcher.wanted_cost(), all.most_macs().macs);
    Rng rng(0);
    EXPECT_EQ(searcher.ask(1, rng).at(0), all.most_macs().arch) << "the largest options are its likeliest";
  }
}

TEST(ShiftNasSearcher, AsksForTheCostThatLimitsOfTheOtherPriceLeave) {
  for (const char* name : {"mobile_cnn", "autoformer_tiny"}) {
    SCOPED_TRACE(name);
    const auto space = make_space(name);
    const FeasibleSet all(*space, space->default_input(), {});
    const std::int64_t params = (all.least_params().params + all.most_params().params) / 2;
    const FeasibleSet set(*space, all.table(), {.max_params = params});
    const SizePolicy policy(*space);
    ShiftNasSearcher searcher({space.get(), &set, 1, nullptr, &policy}, {});
    const std::int64_t most = set.most("macs").macs;
    EXPECT_GE(searcher.wanted_cost(), most);
    EXPECT_LE(searcher.wanted_cost(), most + all.most_macs().macs / 500);
    Rng rng(0);
    const Architecture found = searcher.ask(1, rng).at(0);
    EXPECT_TRUE(set.contains(found));
    EXPECT_GE(static_cast<double>(set.table().macs(found)), 0.96 * static_cast<double>(most));
    // And a generator of parameters is asked for parameters.
    const SizePolicy by_params(*space, "params");
    ShiftNasSearcher other({space.get(), &set, 1, nullptr, &by_params}, {});
    EXPECT_EQ(other.wanted_cost(), params);
    EXPECT_GE(static_cast<double>(set.table().params(other.ask(1, rng).at(0))), 0.97 * static_cast<double>(params));
  }
}

TEST(ShiftNasSearcher, KeepsALowerLimit) {
  const auto space = make_space("mobile_cnn");
  const SizePolicy policy(*space);
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 2'000'000, .limits = {{"macs", 1'995'000, {}}}});
  ShiftNasSearcher searcher({space.get(), &set, 1, nullptr, &policy}, {.within = 0.5});
  Rng rng(3);
  for (const auto& arch : searcher.ask(20, rng)) EXPECT_TRUE(set.contains(arch));
}

TEST(ShiftNasSearcher, TakesADrawWhereTheLikeliestWasMeasuredBefore) {
  const auto space = make_space("mobile_cnn");
  const SizePolicy policy(*space);
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 2'000'000});
  const SearchProblem problem{space.get(), &set, 1, nullptr, &policy};
  Rng rng(4);
  const Architecture likeliest = ShiftNasSearcher(problem, {}).ask(1, rng).at(0);
  ShiftNasSearcher searcher(problem, {});
  const Evaluated known{likeliest, {0.5}};
  searcher.tell(std::span(&known, 1));
  const Architecture other = searcher.ask(1, rng).at(0);
  EXPECT_NE(other, likeliest);
  EXPECT_GE(set.table().macs(other), 1'940'000);
}

TEST(ShiftNasSearcher, RefusesWhatHasNoGenerator) {
  const auto space = make_space("mobile_cnn");
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 2'000'000});
  EXPECT_THROWS_WITH(make_searcher("shiftnas", {space.get(), &set, 1}, nullptr), UsageError,
                     "asks a generator for subnets of a wanted cost, and what is searched has none; search a "
                     "checkpoint of `frontier train --sampler shiftnas`");
  const SizePolicy policy(*space);
  const SearchProblem problem{space.get(), &set, 1, nullptr, &policy};
  EXPECT_THROWS_WITH(make_searcher("shiftnas", problem, {{"within", 0}}), UsageError, "searcher.within = 0");
  EXPECT_THROWS_WITH(make_searcher("shiftnas", problem, {{"within", 1.5}}), UsageError, "searcher.within = 1.5");
  EXPECT_THROWS_WITH(make_searcher("shiftnas", problem, {{"tries", 0}}), UsageError, "searcher.tries = 0");
  const auto searcher = make_searcher("shiftnas", problem, nullptr);
  nlohmann::json state = searcher->save();
  state["share"] = 0;
  EXPECT_THROWS_WITH(searcher->load(state), UsageError, "saved search state: share = 0");
  state.erase("share");
  EXPECT_THROWS_WITH(searcher->load(state), UsageError, "saved search state is damaged");
}

}  // namespace
}  // namespace frontier
