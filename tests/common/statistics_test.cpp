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

TEST(KendallTau, CountsPairsAndCorrectsForTies) {
  const std::vector<double> rising{1, 2, 3, 4}, falling{4, 3, 2, 1}, swapped{1, 3, 2, 4}, tied{1, 1, 2, 3};
  EXPECT_EQ(kendall_tau(rising, rising), 1.0);
  EXPECT_EQ(kendall_tau(rising, falling), -1.0);
  EXPECT_DOUBLE_EQ(kendall_tau(rising, swapped).value(), 4.0 / 6);  // 5 pairs agree, 1 does not
  EXPECT_DOUBLE_EQ(kendall_tau(rising, tied).value(), 5 / std::sqrt(6.0 * 5));
  EXPECT_EQ(kendall_tau(rising, std::vector<double>{2, 2, 2, 2}), std::nullopt);
  EXPECT_EQ(kendall_tau(std::vector<double>{1}, std::vector<double>{1}), std::nullopt);
  EXPECT_THROWS_WITH(kendall_tau(rising, std::vector<double>{1}), UsageError, "of one length");
}

TEST(StudentT, HasThePublishedQuantiles) {
  // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: to three decimals.
  const std::map<std::size_t, double> two_sided_95{{1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},  {5, 2.571},
                                                   {9, 2.262},  {10, 2.228}, {29, 2.045}, {100, 1.984}};
  for (const auto& [degrees, value] : two_sided_95) {
    EXPECT_NEAR(student_t_quantile(0.975, degrees), value, 0.0005) << degrees;
    EXPECT_NEAR(student_t_quantile(0.025, degrees), -value, 0.0005) << degrees;
  }
  EXPECT_NEAR(student_t_quantile(0.995, 2), 9.925, 0.0005);
  EXPECT_NEAR(student_t_quantile(0.9, 1), 3.078, 0.0005);
  EXPECT_NEAR(student_t_quantile(0.5, 7), 0, 1e-12);
  EXPECT_NEAR(student_t_quantile(0.75, 1), 1, 1e-12);  // tan(pi / 4): the Cauchy distribution
  EXPECT_THROW(student_t_quantile(1, 3), UsageError);
  EXPECT_THROW(student_t_quantile(0.9, 0), UsageError);
}

TEST(StudentT, IntervalOfAMean) {
  const std::vector<double> values{1, 2, 3};  // mean 2, standard error 1 / sqrt 3
  const auto interval = mean_interval(values, 0.95);
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->low, 2 - 4.3027 / std::sqrt(3.0), 1e-4);
  EXPECT_NEAR(interval->high, 2 + 4.3027 / std::sqrt(3.0), 1e-4);
  EXPECT_FALSE(mean_interval(std::vector<double>{1}, 0.95));
}

}  // namespace
}  // namespace frontier
