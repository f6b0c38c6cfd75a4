#include "common/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "common/errors.h"
#include "support/messages.h"

namespace frontier {
namespace {

// From the authors' published C code of xoshiro256**, its state filled by splitmix64.
TEST(Rng, DrawsThePublishedSequence) {
  Rng rng(0);
  EXPECT_EQ(rng.next(), 0x99ec5f36cb75f2b4ULL);
  EXPECT_EQ(rng.next(), 0xbf6e1f784956452aULL);
  EXPECT_EQ(rng.next(), 0x1a5f849d4933e6e0ULL);
  EXPECT_EQ(Rng(42).next(), 0x15780b2e0c2ec716ULL);
}

TEST(Rng, BelowIsInRangeAndUniform) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Rng rng(seed);
    std::vector<int> counts(7);
    for (int i = 0; i < 7000; ++i) ++counts.at(rng.below(7));
    double chi_square = 0;
    for (const int count : counts) chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
    EXPECT_LT(chi_square, 35.0);  // 6 degrees of freedom: exceeded with probability 4e-6
  }
  Rng rng(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.below(1), 0U);
  const std::uint64_t large = (1ULL << 63) + 1;
  for (int i = 0; i < 100; ++i) EXPECT_LT(rng.below(large), large);
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(3);
  constexpr int kDraws = 100000;
  double sum = 0;
  double normal_sum = 0;
  double normal_squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    const double z = rng.normal();
    ASSERT_TRUE(std::isfinite(z));
    normal_sum += z;
    normal_squares += z * z;
  }
  // Five standard errors each.
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(normal_sum / kDraws, 0.0, 5 * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(normal_squares / kDraws, 1.0, 5 * std::sqrt(2.0 / kDraws));
}

TEST(Rng, SplitsAreDistinctAndLeaveTheSourceAlone) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Rng rng(seed);
    std::set<std::uint64_t> first;
    for (std::uint64_t i = 0; i < 100; ++i) first.insert(rng.split(i).next());
    EXPECT_EQ(first.size(), 100U) << "seed " << seed;
    EXPECT_EQ(rng, Rng(seed));
    EXPECT_EQ(rng.split(5), rng.split(5));
  }
}

TEST(Rng, DomainsShareNoStreamWithEachOtherOrWithSplits) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Rng rng(seed);
    std::set<std::uint64_t> first;
    for (const char* purpose : {"", "weights", "loader", "loader.architecture", "sampler", "split", "a", "b", "ab"})
      first.insert(rng.domain(purpose).next());
    for (std::uint64_t i = 0; i < 100; ++i) first.insert(rng.split(i).next());
    for (std::uint64_t other = seed + 1; other < seed + 10; ++other) first.insert(Rng(other).domain("loader").next());
    EXPECT_EQ(first.size(), 9U + 100U + 9U) << "seed " << seed;
    EXPECT_EQ(rng, Rng(seed));
    EXPECT_EQ(rng.domain("weights"), rng.domain("weights"));
  }
}

TEST(Rng, StateRoundTrips) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    for (std::uint64_t i = 0; i < seed; ++i) rng.next();
    Rng copy = Rng::from_state(rng.state());
    EXPECT_EQ(copy, rng) << "seed " << seed;
    EXPECT_EQ(copy.next(), rng.next());
  }
}

TEST(Rng, RefusesWhatIsNoState) {
  const std::string good = Rng(1).state();
  EXPECT_THROWS_WITH(Rng::from_state(""), UsageError, "64 hexadecimal digits");
  EXPECT_THROWS_WITH(Rng::from_state(good.substr(1)), UsageError, "is not a random state");
  EXPECT_THROWS_WITH(Rng::from_state(good + "0"), UsageError, "is not a random state");
  std::string bad = good;
  bad[20] = 'x';
  EXPECT_THROWS_WITH(Rng::from_state(bad), UsageError, "is not a random state");
}

TEST(Rng, ShuffleKeepsTheItemsAndReachesEveryOrder) {
  Rng rng(9);
  std::set<std::vector<int>> orders;
  for (int i = 0; i < 1000; ++i) {
    std::vector<int> items = {1, 2, 3, 4};
    rng.shuffle(items);
    EXPECT_EQ(std::accumulate(items.begin(), items.end(), 0), 10);
    orders.insert(items);
  }
  EXPECT_EQ(orders.size(), 24U);  // one missing: probability 24 (23/24)^1000 = 8e-18
}

}  // namespace
}  // namespace frontier
