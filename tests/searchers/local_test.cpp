#include "searchers/local.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "search_spaces/registry.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

/// A rugged landscape: a value that only the choices decide, many local optima.
double rugged(const Architecture& arch, std::uint64_t seed) {
  return Rng(seed).split(hash_value(arch)).uniform() + 0.02 * static_cast<double>(arch.choices.back());
}

/// By definition: the canonical subnets within the budget that one changed choice leads to.
std::set<Architecture> one_decision_away(const SearchSpace& space, const FeasibleSet& set, const Architecture& arch) {
  std::set<Architecture> found;
  for (std::size_t d = 0; d < arch.choices.size(); ++d) {
    if (set.table().activity()[d].at(arch) == 0) continue;
    for (std::size_t o = 0; o < space.decisions()[d].options.size(); ++o) {
      Architecture other = arch;
      other.choices[d] = static_cast<std::uint16_t>(o);
      other = space.canonical(other);
      if (other != arch && set.contains(other)) found.insert(other);
    }
  }
  return found;
}

void expect_climbs_as_defined(const SearchSpace& space, const Budget& budget) {
  const FeasibleSet set(space, space.default_input(), budget);
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(testing::Message() << space.name() << ", seed " << seed);
    LocalSearch searcher({&space, &set, 1});
    Rng rng(seed);
    const auto evaluate_next = [&] {
      const auto batch = searcher.ask(1, rng);
      if (!batch.empty()) searcher.tell(std::vector<Evaluated>{{batch[0], {rugged(batch[0], seed)}}});
      return batch.at(0);
    };
    // Three climbs; what one meets again from an earlier one has its value already and is not proposed.
    std::set<Architecture> evaluated;
    for (int climb = 0; climb < 3; ++climb) {
      const Architecture start = evaluate_next();
      ASSERT_TRUE(evaluated.insert(start).second);
      Architecture current = start;
      for (;;) {
        const auto around = one_decision_away(space, set, current);
        std::set<Architecture> expected, proposed;
        std::set_difference(around.begin(), around.end(), evaluated.begin(), evaluated.end(),
                            std::inserter(expected, expected.end()));
        while (proposed.size() < expected.size()) proposed.insert(evaluate_next());
        ASSERT_EQ(proposed, expected);
        evaluated.insert(proposed.begin(), proposed.end());
        const auto best = std::min_element(around.begin(), around.end(), [&](const auto& a, const auto& b) {
          return rugged(a, seed) < rugged(b, seed);
        });
        if (best == around.end() || rugged(*best, seed) >= rugged(current, seed)) break;
        current = *best;
      }
      for (const auto& other : one_decision_away(space, set, current))
        ASSERT_GT(rugged(other, seed), rugged(current, seed)) << "a local optimum";
      if (to_string(set.count().at_most) == std::to_string(evaluated.size())) break;
    }
  }
}

TEST(LocalSearch, ClimbsToLocalOptimaThatBruteForceConfirms) {
  expect_climbs_as_defined(*make_space("nas_bench_macro"), {});
  expect_climbs_as_defined(*make_space("nas_bench_macro"), {.max_macs = 60'000'000, .max_params = {}});
  expect_climbs_as_defined(testing_support::nested_space(), {});
  expect_climbs_as_defined(*make_space("nas_bench_201"), {});
}

TEST(LocalSearch, StartsFromTheBestOfWhatWasToldBefore) {
  const auto space = make_space("nas_bench_macro");
  const FeasibleSet set(*space, space->default_input(), {});
  LocalSearch searcher({space.get(), &set, 1});
  const Architecture best = space->parse("01201201");
  searcher.tell(std::vector<Evaluated>{{space->parse("00000000"), {0.5}}, {best, {0.1}}});
  Rng rng(1);
  const auto batch = searcher.ask(16, rng);
  const auto around = one_decision_away(*space, set, best);
  EXPECT_EQ(std::set<Architecture>(batch.begin(), batch.end()), around);
}

TEST(LocalSearch, ProposesNeighboursInRandomOrderAndDrawsWhileItWaits) {
  const auto space = make_space("nas_bench_macro");
  const FeasibleSet set(*space, space->default_input(), {});
  const auto first_of = [&](std::uint64_t seed) {
    LocalSearch searcher({space.get(), &set, 1});
    searcher.tell(std::vector<Evaluated>{{space->parse("11111111"), {0.5}}});
    Rng rng(seed);
    return searcher.ask(20, rng);
  };
  const auto batch = first_of(1);
  ASSERT_EQ(batch.size(), 20U);
  const auto around = one_decision_away(*space, set, space->parse("11111111"));
  for (std::size_t i = 0; i < 16; ++i) EXPECT_TRUE(around.contains(batch[i]));
  for (std::size_t i = 16; i < 20; ++i) EXPECT_FALSE(around.contains(batch[i])) << "a start of a later climb";
  EXPECT_NE(first_of(2), batch);
}

}  // namespace
}  // namespace frontier
