#include "search_spaces/cost_bins.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "search_spaces/registry.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

std::vector<SearchSpace> small_spaces() {
  std::vector<SearchSpace> spaces;
  spaces.push_back(testing_support::nested_space());
  spaces.push_back(testing_support::shared_decision_space());
  return spaces;
}

TEST(CostBins, TogetherHoldEverySubnetOnce) {
  for (const SearchSpace& space : small_spaces())
    for (const std::string price : {"macs", "params"})
      for (const std::string scale : {"linear", "log"})
        for (const std::int64_t wanted : {1, 3, 8, 100}) {
          const CostBins bins(space, space.default_input(), {price, wanted, scale});
          const CostTable table = space.cost_table(space.default_input());
          std::map<std::size_t, std::set<Architecture>> members;
          for (const Architecture& choices : testing_support::all_choices(space)) {
            const Architecture arch = space.canonical(choices);
            const std::int64_t paid = price == "macs" ? table.macs(arch) : table.params(arch);
            EXPECT_EQ(bins.price(arch), paid);
            EXPECT_TRUE(bins.window(bins.bin_of(arch)).allows(paid));
            members[bins.bin_of(arch)].insert(arch);
          }
          ASSERT_EQ(members.size(), bins.size()) << "no bin is empty";
          EXPECT_LE(bins.size(), static_cast<std::size_t>(wanted));
          EXPECT_EQ(bins.window(0).at_least, bins.least());
          EXPECT_EQ(bins.window(bins.size() - 1).at_most, bins.most());
          for (std::size_t bin = 0; bin < bins.size(); ++bin) {
            EXPECT_EQ(bins.subnets(bin).count().at_least, members[bin].size());
            EXPECT_GE(bins.centre(bin), static_cast<double>(*bins.window(bin).at_least) - 1);
            EXPECT_LE(bins.centre(bin), static_cast<double>(*bins.window(bin).at_most) + 1);
            if (bin > 0) {
              EXPECT_GT(*bins.window(bin).at_least, *bins.window(bin - 1).at_most);
            }
          }
        }
}

TEST(CostBins, PlacesAreEvenOnTheirScale) {
  const auto space = make_space("mobile_cnn");
  for (const std::string scale : {"linear", "log"}) {
    const CostBins bins(*space, space->default_input(), {"macs", 8, scale});
    ASSERT_EQ(bins.size(), 8U);
    EXPECT_EQ(bins.place(static_cast<double>(bins.least())), 0);
    EXPECT_EQ(bins.place(static_cast<double>(bins.most())), 1);
    for (std::size_t bin = 0; bin < 8; ++bin)
      EXPECT_NEAR(bins.place(bins.centre(bin)), (static_cast<double>(bin) + 0.5) / 8, 1e-9) << scale;
  }
}

TEST(CostBins, APriceThatNoSubnetHasIsOfTheNearestBin) {
  const SearchSpace space = testing_support::nested_space();
  const CostBins bins(space, space.default_input(), {"macs", 100, "linear"});
  ASSERT_LT(bins.size(), 100U);
  for (std::size_t bin = 0; bin + 1 < bins.size(); ++bin) {
    const std::int64_t end = *bins.window(bin).at_most, next = *bins.window(bin + 1).at_least;
    if (next - end < 4) continue;
    EXPECT_EQ(bins.bin_of(end + 1), bin);
    EXPECT_EQ(bins.bin_of(next - 1), bin + 1);
  }
  EXPECT_EQ(bins.bin_of(0), 0U);
  EXPECT_EQ(bins.bin_of(bins.most() + 1), bins.size() - 1);
}

TEST(CostBins, DrawsEverySubnetOfABinEquallyOften) {
  const SearchSpace space = testing_support::nested_space();
  const CostBins bins(space, space.default_input(), {"macs", 4, "linear"});
  Rng rng(1);
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    const auto members = static_cast<int>(bins.subnets(bin).count().at_least);
    std::map<Architecture, int> counts;
    const int draws = 60 * members;
    for (int i = 0; i < draws; ++i) ++counts[bins.draw(bin, rng)];
    ASSERT_EQ(counts.size(), static_cast<std::size_t>(members));
    double chi_square = 0;
    for (const auto& [arch, count] : counts) {
      EXPECT_EQ(bins.bin_of(arch), bin);
      chi_square += (count - 60.0) * (count - 60.0) / 60.0;
    }
    const double freedom = members - 1;
    EXPECT_LT(chi_square, freedom + 4 * std::sqrt(2 * freedom) + 8);
  }
}

TEST(CostBins, OfOneWidthOrOfOneRatio) {
  const auto space = make_space("mobile_cnn");
  const CostBins linear(*space, space->default_input(), {"macs", 8, "linear"});
  const CostBins log(*space, space->default_input(), {"macs", 8, "log"});
  EXPECT_EQ(linear.least(), 250096);  // docs/spaces
  EXPECT_EQ(linear.most(), 6043264);
  for (std::size_t bin = 0; bin + 1 < 8; ++bin) {
    const auto width = [](const Limit& w) { return static_cast<double>(*w.at_most + 1 - *w.at_least); };
    const auto ratio = [](const Limit& w) {
      return static_cast<double>(*w.at_most + 1) / static_cast<double>(*w.at_least);
    };
    EXPECT_NEAR(width(linear.window(bin)), (6043264 - 250096) / 8.0, 1);
    EXPECT_NEAR(ratio(log.window(bin)), std::pow(6043264.0 / 250096.0, 1 / 8.0), 1e-4);
  }
}

}  // namespace
}  // namespace frontier
