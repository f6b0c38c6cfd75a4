#include "search_spaces/dim.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "common/rng.h"
#include "support/messages.h"

namespace frontier {
namespace {

/// A random Dim over some of four decisions of 2, 3, 1 and 4 options.
Dim random_dim(Rng& rng) {
  static constexpr std::size_t kOptions[] = {2, 3, 1, 4};
  Dim sum = static_cast<std::int64_t>(rng.below(5));
  for (std::uint16_t d = 0; d < 4; ++d) {
    if (rng.below(2) == 0) continue;
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; i < kOptions[d]; ++i) values.push_back(static_cast<std::int64_t>(rng.below(9)) - 4);
    sum = rng.below(2) == 0 ? sum + Dim(d, values) : sum * Dim(d, values);
  }
  return sum;
}

TEST(Dim, ArithmeticEqualsArithmeticOnEveryArchitecture) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Dim a = random_dim(rng), b = random_dim(rng);
    const Dim sum = a + b, difference = a - b, product = a * b, quotient = a / b;
    const Dim equal = Dim::equal(a, b), greater = Dim::greater(a, b), either = Dim::either(a, b);
    const Dim square = a.map([](std::int64_t x) { return x * x; });
    for (std::uint16_t i = 0; i < 24; ++i) {
      const Architecture arch{{static_cast<std::uint16_t>(i % 2), static_cast<std::uint16_t>(i / 2 % 3), 0,
                               static_cast<std::uint16_t>(i / 6)}};
      const std::int64_t x = a.at(arch), y = b.at(arch);
      ASSERT_EQ(sum.at(arch), x + y);
      ASSERT_EQ(difference.at(arch), x - y);
      ASSERT_EQ(product.at(arch), x * y);
      ASSERT_EQ(quotient.at(arch), y == 0 ? 0 : x / y);
      ASSERT_EQ(equal.at(arch), x == y ? 1 : 0);
      ASSERT_EQ(greater.at(arch), x > y ? 1 : 0);
      ASSERT_EQ(either.at(arch), x != 0 || y != 0 ? 1 : 0);
      ASSERT_EQ(square.at(arch), x * x);
      ASSERT_LE(a.min(), x);
      ASSERT_GE(a.max(), x);
    }
  }
}

TEST(Dim, IsAConstantWhereAllEntriesAreEqual) {
  const Dim width(0, {8, 16});
  EXPECT_TRUE((width - width).is_constant());
  EXPECT_EQ((width - width).value(), 0);
  EXPECT_TRUE(Dim(3, {5}).is_constant());
  EXPECT_TRUE((width * Dim(0)).is_constant());
}

TEST(Dim, ListsItsDecisionsAscendingWhateverTheOrderOfTheOperands) {
  const Dim product = Dim(7, {1, 2}) * Dim(2, {3, 4, 5});
  EXPECT_EQ(product.decisions(), (std::vector<std::uint16_t>{2, 7}));
  EXPECT_EQ(product.first_decision(), 2);
  EXPECT_EQ(product.at(Architecture{{0, 0, 2, 0, 0, 0, 0, 1}}), 10);
  EXPECT_EQ(product, Dim(2, {3, 4, 5}) * Dim(7, {1, 2}));
}

TEST(Dim, RefusesTheValueOfATableAndTablesThatExplode) {
  EXPECT_THROWS_WITH(Dim(0, {1, 2}).value(), std::logic_error, "no single value");
  // Two numbers of seven ternary digits each, whose decisions alternate: every pair of values is a case of its own.
  const auto number = [](std::uint16_t first) {
    Dim sum = 0;
    for (std::uint16_t digit = 0; digit < 7; ++digit)
      sum = sum * Dim(3) + Dim(static_cast<std::uint16_t>(first + 2 * digit), {0, 1, 2});
    return sum;
  };
  const auto explode = [&] { return number(0) * number(1); };
  EXPECT_THROWS_WITH(explode(), std::logic_error, "too many decisions at once");
}

TEST(Dim, TakesABranchForEachCaseNotAProductOfAllThatAnyCaseNeeds) {
  // A depth of 1 to 20 blocks, each of one of 8 widths: what leaves the stage has the width of the last block.
  Dim width = 0;
  std::vector<std::int64_t> widths{4, 6, 8, 9, 11, 12, 14, 16};
  for (std::uint16_t depth = 0; depth < 20; ++depth) {
    std::vector<std::int64_t> is_last(20, 0);
    is_last[depth] = 1;
    width = width + Dim(0, is_last) * Dim(static_cast<std::uint16_t>(depth + 1), widths);
  }
  EXPECT_EQ(width.size(), 21U);
  // The place that asks for the second width is one for each of the first, whatever the depth.
  EXPECT_EQ((width * Dim(21, widths)).size(), 1U + 20 + 8);
  EXPECT_EQ(Dim::equal(width, Dim(21, widths)).size(), 1U + 20 + 8);
  Architecture arch;
  arch.choices.assign(22, 7);
  arch.choices[0] = 11;
  arch.choices[12] = 3;
  EXPECT_EQ(width.at(arch), 9);
}

TEST(Dim, SumsOfManyDecisionsAreSmallWhereFewValuesOccur) {
  Dim count = 0;
  for (std::uint16_t d = 0; d < 40; ++d) count = count + Dim(d, {0, 1});
  EXPECT_EQ(count.max(), 40);
  EXPECT_EQ(count.size(), 40U * 41 / 2);
}

TEST(MakeDivisible, FollowsTheReferenceCode) {  // _make_divisible of tensorflow/models' MobileNet
  EXPECT_EQ(make_divisible(32, 8), 32);
  EXPECT_EQ(make_divisible(33, 8), 32);
  EXPECT_EQ(make_divisible(36, 8), 40);
  EXPECT_EQ(make_divisible(3, 8), 8);
  EXPECT_EQ(make_divisible(11, 8), 16);  // 8 would be less than 90 % of 11
  EXPECT_EQ(make_divisible(32 * 0.75, 8), 24);
}

}  // namespace
}  // namespace frontier
