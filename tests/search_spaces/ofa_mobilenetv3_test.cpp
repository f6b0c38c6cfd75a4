#include "search_spaces/ofa_mobilenetv3.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "support/messages.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using namespace testing_support;

TEST(OfaMobileNetV3, ParametersAndMacsEqualEveryRecordedRun) {
  const auto path = shared_data("ofa_dynast/ofa_mbv3w10_runs.csv.gz");
  if (!path) GTEST_SKIP() << "shared/data/ofa_dynast is not there";
  const auto rows = read_csv_gz(*path);  // run, step, ks, e, d, r, params, macs, top1
  ASSERT_EQ(rows.size(), 2374U);
  const SearchSpace space = ofa_mobilenetv3(10);
  const CostTable costs = space.cost_table(space.default_input());
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    const Architecture arch = space.parse("ks=" + row[2] + " e=" + row[3] + " d=" + row[4] + " r=" + row[5]);
    ASSERT_EQ(costs.params(arch), std::stoll(row[6])) << "row " << i;
    ASSERT_EQ(costs.macs(arch), std::stoll(row[7])) << "row " << i;
  }
}

TEST(OfaMobileNetV3, ReadsListsAndPrintsThemCompactly) {
  const SearchSpace space = ofa_mobilenetv3(12);
  const std::string compact = "ks=35005700333377005500 e=34006600333344003300 d=22422 r=160";
  EXPECT_EQ(space.to_string(space.parse(compact)), compact);
  EXPECT_EQ(space.parse("d: [2,2,4,2,2]; r: 160; ks: [3,5,3,3, 5,7,7,7, 3,3,3,3, 7,7,3,3, 5,5,5,5]; "
                        "e: 3,4,3,3, 6,6,3,3, 3,3,3,3, 4,4,4,4, 3,3,3,3"),
            space.parse(compact));
}

TEST(OfaMobileNetV3, RefusesOtherTextNamingThePlace) {
  const SearchSpace space = ofa_mobilenetv3(10);
  const std::string ks = "ks=33333333333333333333", e = " e=33333333333333333333";
  EXPECT_THROWS_WITH(space.parse(ks + e + " d=22222 r=100"), InvalidArchitecture,
                     "character 58 ('100'): resolution is one of 128, 132");
  EXPECT_THROWS_WITH(space.parse(ks + e + " d=22252 r=224"), InvalidArchitecture,
                     "character 53 ('5'): stage3.depth is one of 2, 3, 4");
  EXPECT_THROWS_WITH(space.parse("ks=34333333333333333333" + e + " d=22222 r=224"), InvalidArchitecture,
                     "character 5 ('4'): stage0.block1.kernel is one of 3, 5, 7");
  EXPECT_THROWS_WITH(space.parse(ks + "3" + e + " d=22222 r=224"), InvalidArchitecture,
                     "ks has 21 entries; it needs 20");
  EXPECT_THROWS_WITH(space.parse(ks + e + " d=22222"), InvalidArchitecture, "lacks r; it needs ks, e, d, r");
  EXPECT_THROWS_WITH(space.parse(ks + e + " d=22222 r=224 r=128"), InvalidArchitecture, "is given once");
  EXPECT_THROWS_WITH(space.parse("3 " + ks), InvalidArchitecture, "character 1 ('3'): one of ks, e, d, r is expected");
  EXPECT_THROWS_WITH(space.parse(ks + e + " d=22222 r=224,128"), InvalidArchitecture, "r takes one value");
  EXPECT_THROWS_WITH(space.parse(ks + e + " d=22222 r="), InvalidArchitecture, "r has no value");
}

}  // namespace
}  // namespace frontier
