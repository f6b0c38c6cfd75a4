#include "common/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "common/errors.h"
#include "support/messages.h"

namespace frontier {
namespace {

TEST(Statistics, OfASampleWorkedOutByHand) {
  const std::vector<double> values{2, 4, 4, 4, 5, 5, 7, 9};  // mean 5, squares of differences 32
  EXPECT_DOUBLE_EQ(mean(values), 5);
  EXPECT_DOUBLE_EQ(standard_deviation(values), std::sqrt(32.0 / 7));
  EXPECT_DOUBLE_EQ(quantile(values, 0), 2);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 4.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 7.6);  // place 6.3: between 7 and 9
  EXPECT_DOUBLE_EQ(quantile(values, 1), 9);
}

TEST(Statistics, OfOneValueAndOfNone) {
  const std::vector<double> one{3};
  EXPECT_EQ(mean(one), 3);
  EXPECT_EQ(standard_deviation(one), 0);
  EXPECT_EQ(quantile(one, 0.3), 3);
  EXPECT_THROWS_WITH(mean({}), UsageError, "at least one value");
  EXPECT_THROWS_WITH(standard_deviation({}), UsageError, "at least one value");
  EXPECT_THROWS_WITH(quantile({}, 0.5), UsageError, "at least one value");
}

}  // namespace
}  // namespace frontier
