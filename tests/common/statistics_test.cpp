#include "common/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/errors.h"
#include "support/messages.h"

namespace frontier {
namespace {

TEST(Statistics, OfASampleWorkedOutByHand) {
  const std::vector<double> values{2, 4, 4, 4, 5, 5, 7, 9};  // mean 5, squares of differences 32
  EXPECT_DOUBLE_EQ(mean(values), 5);
  EXPECT_DOUBLE_EQ(standard_deviation(values), std::sqrt(32.0 / 7));
  EXPECT_DOUBLE_EQ(standard_error(values), std::sqrt(32.0 / 7 / 8));
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

TEST(Statistics, AnAccuracyErrsByTheRootOfItsImages) {
  EXPECT_DOUBLE_EQ(accuracy_standard_error(0.9, 10000).value(), 0.003);  // sqrt(0.09 / 10000)
  EXPECT_DOUBLE_EQ(accuracy_standard_error(0.5, 1).value(), 0.5);
  EXPECT_EQ(accuracy_standard_error(1, 50), 0);
  // A percentage, and images that nobody counted.
  EXPECT_EQ(accuracy_standard_error(91.2, 100), std::nullopt);
  EXPECT_EQ(accuracy_standard_error(-0.1, 100), std::nullopt);
  EXPECT_EQ(accuracy_standard_error(0.5, 0), std::nullopt);
  EXPECT_EQ(accuracy_standard_error(0.5, std::nan("")), std::nullopt);
}

TEST(Statistics, OnlyAccuraciesOfKnownImagesHaveAStandardError) {
  using Values = std::map<std::string, double>;
  EXPECT_EQ(standard_errors({{"top1", 0.5}, {"top5", 1}, {"loss", 0.3}, {"images", 100}}),
            (Values{{"top1", 0.05}, {"top5", 0}}));
  EXPECT_EQ(standard_errors({{"top1", 0.9}, {"loss", 0.3}}), Values());
  EXPECT_EQ(standard_errors({{"images", 100}, {"latency_ms", 0.5}}), Values());
}

}  // namespace
}  // namespace frontier
