#include "search_spaces/autoformer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/text.h"
#include "support/messages.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using namespace testing_support;

SearchSpace space_of(const std::string& size) {
  return autoformer(size == "tiny" ? autoformer_tiny() : size == "small" ? autoformer_small() : autoformer_base());
}

TEST(AutoFormer, ParametersAndMacsEqualEveryCountedNetwork) {
  const auto path = shared_data("goldens/autoformer.csv");
  if (!path) GTEST_SKIP() << "shared/data/goldens is not there";
  const auto rows = read_csv_gz(*path);  // space, kind, embed_dim, depth, num_heads, mlp_ratio, params, macs
  ASSERT_EQ(rows.size(), 40U);
  std::map<std::string, SearchSpace> spaces;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    SCOPED_TRACE(row[0] + ", row " + std::to_string(i));
    const SearchSpace& space = spaces.try_emplace(row[0], space_of(row[0])).first->second;
    const Architecture arch =
        space.parse("embed_dim=" + row[2] + " depth=" + row[3] + " num_heads=" + row[4] + " mlp_ratio=" + row[5]);
    const CostTable table = space.cost_table(space.default_input());
    EXPECT_EQ(table.params(arch), std::stoll(row[6]));
    EXPECT_EQ(table.macs(arch), std::stoll(row[7]));
  }
}

TEST(AutoFormer, ParametersOfTheReleasedNetworks) {
  std::ifstream file(source_folder() / "tests/golden/autoformer.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["networks"].size(), 3U);
  for (const auto& row : golden["networks"]) {
    const SearchSpace space = space_of(row["space"]);
    const Architecture arch = space.parse(row["arch"].get<std::string>());
    const Cost price = cost(space.build(arch, space.default_input()));
    EXPECT_EQ(price.params, row["params"].get<std::int64_t>()) << row["space"];
    EXPECT_EQ(price.macs, row["macs"].get<std::int64_t>()) << row["space"];
    EXPECT_EQ(space.parse(space.to_string(arch)), arch);
  }
}

TEST(AutoFormer, RefusesOtherTextNamingThePlace) {
  const SearchSpace space = autoformer(autoformer_28());
  EXPECT_NO_THROW(space.parse("embed_dim=32 depth=2 num_heads=[2, 4] mlp_ratio=[1.0, 3]"));
  EXPECT_THROWS_WITH(space.parse("embed_dim=32 depth=2 num_heads=2,5 mlp_ratio=1,3"), InvalidArchitecture,
                     "character 34 ('5'): block1.heads is one of 2, 3, 4");
  EXPECT_THROWS_WITH(space.parse("embed_dim=32 depth=3 num_heads=2,4 mlp_ratio=1,3"), InvalidArchitecture,
                     "num_heads has 2 entries; it needs 3, one for each block");
  EXPECT_THROWS_WITH(space.parse("embed_dim=32 depth=2 num_heads=2,4"), InvalidArchitecture, "lacks mlp_ratio");
}

TEST(AutoFormer, RefusesImagesSmallerThanAPatch) {
  const SearchSpace space = autoformer(autoformer_tiny());
  EXPECT_THROWS_WITH(space.cost_table({3, 8, 32, 10}), UsageError,
                     "'autoformer_tiny' needs images of at least 16x16 pixels, a patch");
}

}  // namespace
}  // namespace frontier
