// What a comparison's numbers mean, worked out by hand.
#include "jobs/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/errors.h"
#include "support/messages.h"

namespace frontier {
namespace {

using Json = nlohmann::ordered_json;
using Place = std::pair<std::size_t, std::size_t>;

/// Two bins of two networks, two arms, three seeds, one budget.
MeasuredComparison sample() {
  MeasuredComparison all{.seeds = {0, 1, 2}, .dearest = 400, .bins = {}, .arms = {}, .own = {}};
  all.bins = {{100, 199, {"a", "b"}, {100, 150}}, {200, 400, {"c", "d"}, {200, 300}}};
  ComparedArm first{"uniform", "steps", 10, {}}, second{"cost_bins", "steps", 10, {}};
  // Means of the bins: 0.5 and 0.7; 0.6 and 0.7; 0.5 and 0.8.
  first.trainings = {{0, 1, "c/u0", 1000, 2, {0.4, 0.6, 0.6, 0.8}},
                     {1, 2, "c/u1", 1100, 3, {0.5, 0.7, 0.6, 0.8}},
                     {2, 3, "c/u2", 900, 4, {0.4, 0.6, 0.7, 0.9}}};
  // The same plus 0.01, 0.02 and 0.03 in the cheapest bin, and 0.3 of each in the dearest.
  second.trainings = {{0, 4, "c/b0", 1500, 2, {0.41, 0.61, 0.9, 1.0}},
                      {1, 5, "c/b1", 1500, 3, {0.52, 0.72, 0.9, 1.0}},
                      {2, 6, "c/b2", 1500, 4, {0.43, 0.63, 1.0, 1.0}}};
  all.arms = {first, second};
  return all;
}

TEST(EqualCost, StepsFollowFromTheCostOfOne) {
  EXPECT_EQ(steps_of_equal_cost(3000, 2e6, 2e6), 3000);
  EXPECT_EQ(steps_of_equal_cost(3000, 2e6, 4e6), 1500);
  EXPECT_EQ(steps_of_equal_cost(1000, 1, 3), 333);
  EXPECT_EQ(steps_of_equal_cost(1000, 1, 0.75), 1333);
  EXPECT_EQ(steps_of_equal_cost(2, 1, 100), 1) << "at least one";
}

TEST(SpreadOverBins, TakesAsManyOfEachAsItCan) {
  EXPECT_EQ(spread_over_bins(4, 4), (std::vector<Place>{{0, 0}, {1, 0}, {2, 0}, {3, 0}}));
  EXPECT_EQ(spread_over_bins(2, 4), (std::vector<Place>{{1, 0}, {3, 0}}));
  EXPECT_EQ(spread_over_bins(5, 2), (std::vector<Place>{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {1, 2}}));
  for (std::size_t bins = 1; bins < 12; ++bins)
    for (std::size_t per_bin = 1; per_bin < 6; ++per_bin)
      for (std::size_t count = 1; count <= bins * per_bin; ++count) {
        std::vector<std::size_t> taken(bins);
        for (const Place& place : spread_over_bins(count, bins)) {
          ASSERT_LT(place.first, bins);
          EXPECT_EQ(place.second, taken[place.first]++);
        }
        for (const std::size_t number : taken) {
          EXPECT_LE(number, per_bin) << count << " of " << bins;
          EXPECT_GE(number + 1, count / bins) << count << " of " << bins;
        }
      }
}

TEST(RelativeHypervolume, IsTheAreaBelowTheFront) {
  // 0.5 from a quarter of the cost on, 0.8 from three quarters on: 0.75 * 0.5 + 0.25 * 0.3.
  EXPECT_DOUBLE_EQ(relative_hypervolume({0.5, 0.8}, {100, 300}, 400), 0.45);
  EXPECT_DOUBLE_EQ(relative_hypervolume({0.5, 0.4, 0.8}, {100, 200, 300}, 400), 0.45) << "one is dominated";
  EXPECT_DOUBLE_EQ(relative_hypervolume({0.9}, {400}, 400), 0) << "the dearest adds nothing";
}

TEST(ComparisonDocument, HasMeansAndSpreadsOfEveryFigure) {
  const Json document = comparison_document(sample());
  ASSERT_EQ(document["results"].size(), 2U);
  const Json& first = document["results"][0];
  EXPECT_EQ(first["arm"], "uniform");
  EXPECT_FALSE(first.contains("differences"));
  EXPECT_EQ(first["relative_cost"], 1.0);
  const auto mean = [&](const char* name) { return first["metrics"][name]["mean"].get<double>(); };
  EXPECT_DOUBLE_EQ(mean("top1"), (0.6 + 0.65 + 0.65) / 3);
  EXPECT_DOUBLE_EQ(mean("top1_cheapest_bin"), 1.6 / 3);
  EXPECT_DOUBLE_EQ(mean("top1_dearest_bin"), 2.2 / 3);
  EXPECT_DOUBLE_EQ(mean("macs"), 1000);
  EXPECT_DOUBLE_EQ(mean("seconds"), 3);
  EXPECT_DOUBLE_EQ(first["metrics"]["macs"]["sd"].get<double>(), 100);
  // Of the first seed: 0.4 from 1/4 on, 0.6 from 3/8, 0.6 from 1/2, 0.8 from 3/4: 0.05 + 0.225 + 0.2.
  EXPECT_DOUBLE_EQ(first["metrics"]["hypervolume"]["values"][0].get<double>(), 0.125 * 0.4 + 0.375 * 0.6 + 0.25 * 0.8);
  EXPECT_DOUBLE_EQ(first["bins"][1]["mean"].get<double>(), 2.2 / 3);
  EXPECT_DOUBLE_EQ(first["bins"][1]["values"][2].get<double>(), 0.8);
  EXPECT_FALSE(first["metrics"].contains("kendall_tau"));
  EXPECT_EQ(first["trainings"][1]["checkpoint"], "c/u1");
  EXPECT_DOUBLE_EQ(document["results"][1]["relative_cost"].get<double>(), 1.5);
}

TEST(ComparisonDocument, PairsDifferencesBySeed) {
  const Json differences = comparison_document(sample())["results"][1]["differences"];
  const Json& cheapest = differences["top1_cheapest_bin"];  // 0.01, 0.02, 0.03: standard error 0.01 / sqrt 3
  EXPECT_NEAR(cheapest["mean"].get<double>(), 0.02, 1e-12);
  EXPECT_NEAR(cheapest["low"].get<double>(), 0.02 - 4.30265 * 0.01 / std::sqrt(3.0), 1e-6);
  EXPECT_NEAR(cheapest["high"].get<double>(), 0.02 + 4.30265 * 0.01 / std::sqrt(3.0), 1e-6);
  EXPECT_EQ(cheapest["verdict"], "not told apart");                // -0.005 to 0.045
  EXPECT_EQ(differences["top1_dearest_bin"]["verdict"], "ahead");  // 0.25, 0.25, 0.2
  EXPECT_EQ(differences["bins"][0], cheapest);
  EXPECT_FALSE(differences.contains("macs"));

  MeasuredComparison swapped = sample();
  std::swap(swapped.arms[0], swapped.arms[1]);
  const Json back = comparison_document(swapped)["results"][1]["differences"];
  EXPECT_EQ(back["top1_dearest_bin"]["verdict"], "behind");
  EXPECT_DOUBLE_EQ(back["top1_dearest_bin"]["high"].get<double>(),
                   -differences["top1_dearest_bin"]["low"].get<double>());
}

TEST(ComparisonDocument, HasNoIntervalOfOneSeed) {
  MeasuredComparison all = sample();
  all.seeds = {0};
  for (ComparedArm& arm : all.arms) arm.trainings.resize(1);
  const Json document = comparison_document(all);
  EXPECT_TRUE(document["results"][0]["metrics"]["top1"]["sd"].is_null());
  const Json& difference = document["results"][1]["differences"]["top1_cheapest_bin"];
  EXPECT_NEAR(difference["mean"].get<double>(), 0.01, 1e-12);
  for (const char* key : {"low", "high", "verdict"}) EXPECT_FALSE(difference.contains(key));
}

TEST(ComparisonDocument, RanksAgainstNetworksTrainedFromScratch) {
  MeasuredComparison all = sample();
  // Inherited, first seed: 0.4, 0.6, 0.8; own: 0.7, 0.9, 0.8: of three pairs two agree.
  all.own = {{0, 7, 500, 1, 0.7}, {1, 8, 500, 1, 0.9}, {3, 9, 500, 1, 0.8}};
  const Json document = comparison_document(all);
  EXPECT_DOUBLE_EQ(document["results"][0]["metrics"]["kendall_tau"]["values"][0].get<double>(), 1.0 / 3);
  EXPECT_EQ(document["own"][2]["arch"], "d");
  EXPECT_TRUE(document["results"][1]["differences"].contains("kendall_tau"));
  // Where one supernet gives all of them one accuracy there is no order, and no mean over the seeds.
  all.arms[1].trainings[1].top1 = {0.5, 0.5, 0.5, 0.5};
  const Json tied = comparison_document(all);
  EXPECT_FALSE(tied["results"][1]["metrics"].contains("kendall_tau"));
  EXPECT_FALSE(tied["results"][1]["differences"].contains("kendall_tau"));
}

TEST(ComparisonDocument, ComparesWithinABudget) {
  MeasuredComparison all = sample();
  for (ComparedArm arm : sample().arms) {
    arm.budget = "cost";
    arm.trainings[0].macs *= 2;
    all.arms.push_back(arm);
  }
  const Json results = comparison_document(all)["results"];
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[2]["relative_cost"], 1.0);
  EXPECT_DOUBLE_EQ(results[3]["relative_cost"].get<double>(), 6000.0 / 4000);
  EXPECT_FALSE(results[2].contains("differences"));
}

TEST(ComparisonDocument, RefusesASupernetThatLacksNumbers) {
  MeasuredComparison all = sample();
  all.arms[1].trainings[2].top1.pop_back();
  EXPECT_THROWS_WITH(comparison_document(all), Error, "not measured on all of the list");
}

}  // namespace
}  // namespace frontier
