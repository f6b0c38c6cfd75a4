#include "search_spaces/autoformer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using namespace testing_support;

/// The columns of a table of AutoFormer's subnets as the notation.
std::string notation(const std::string& embed_dim, const std::string& depth, const std::string& num_heads,
                     const std::string& mlp_ratio) {
  return "embed_dim=" + embed_dim + " depth=" + depth + " num_heads=" + num_heads + " mlp_ratio=" + mlp_ratio;
}

TEST(AutoFormer, ParametersAndMacsOfTheReleasedSubnets) {
  std::ifstream file(source_folder() / "tests/golden/autoformer.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["subnets"].size(), 3U);
  for (const auto& row : golden["subnets"]) {
    const auto space = make_space(row["space"].get<std::string>());
    SCOPED_TRACE(space->name());
    const Architecture arch = space->parse(
        notation(row["embed_dim"].dump(), row["depth"].dump(), row["num_heads"].dump(), row["mlp_ratio"].dump()));
    const Cost price = cost(space->build(arch, space->default_input()));
    EXPECT_EQ(price.params, row["params"].get<std::int64_t>());
    EXPECT_EQ(price.macs, row["macs"].get<std::int64_t>());
  }
}

TEST(AutoFormer, ParametersAndMacsEqualEveryRow) {
  const auto path = shared_data("goldens/autoformer.csv");
  if (!path) GTEST_SKIP() << "shared/data/goldens is not there";
  std::ifstream file(*path);
  std::string line;
  std::getline(file, line);
  ASSERT_EQ(line, "space,kind,embed_dim,depth,num_heads,mlp_ratio,params,macs_matmul_conv");
  int rows = 0;
  for (; std::getline(file, line); ++rows) {
    SCOPED_TRACE(line);
    const auto row = split(line, ',');
    const auto space = make_space("autoformer_" + row[0]);
    const Architecture arch = space->parse(notation(row[2], row[3], row[4], row[5]));
    const Cost price = cost(space->build(arch, space->default_input()));
    EXPECT_EQ(price.params, std::stoll(row[6]));
    EXPECT_EQ(price.macs, std::stoll(row[7]));
  }
  EXPECT_EQ(rows, 39);
}

/// What the network multiplies, written out layer by layer without a graph.
std::int64_t hand_count(std::int64_t tokens, std::int64_t patch_values, std::int64_t classes, std::int64_t head_dim,
                        std::int64_t embed, const std::vector<std::int64_t>& heads,
                        const std::vector<std::int64_t>& hidden) {
  std::int64_t macs = (tokens - 1) * patch_values * embed + embed * classes;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const std::int64_t width = heads[i] * head_dim;
    macs += tokens * embed * 3 * width + tokens * width * embed;  // queries, keys, values; projection
    macs += 2 * tokens * tokens * width;                          // logits and weighted sum of the values
    macs += 2 * tokens * tokens * width;                          // the same with the vectors of relative positions
    macs += 2 * tokens * embed * hidden[i];
  }
  return macs;
}

TEST(AutoFormer, MacsOfTheSmallSpaceAreAHandCount) {
  const SearchSpace space = autoformer(autoformer_28());
  const Architecture arch = space.parse("embed_dim=40 depth=3 num_heads=2,4,3 mlp_ratio=2,4,3");
  const Cost price = cost(space.build(arch, space.default_input()));
  EXPECT_EQ(price.macs, hand_count(50, 16, 10, 16, 40, {2, 4, 3}, {80, 160, 120}));
}

TEST(AutoFormer, HasThePapersChoices) {
  const struct {
    AutoFormerOptions (*options)();
    const char* size;
  } kSizes[] = {
      // 3 widths * the sum over depths d of (heads * ratios)^d
      {autoformer_tiny, "280804921344"},
      {autoformer_small, "77103263459313"},
      {autoformer_base, "6245364340204353"},
      {autoformer_28, "22113"},
  };
  for (const auto& each : kSizes) {
    const SearchSpace space = autoformer(each.options());
    const FeasibleSet all(space, space.default_input(), Budget{});
    EXPECT_EQ(to_string(all.size()), each.size) << space.name();
  }
}

TEST(AutoFormer, BudgetsHoldAndAreDrawnFrom) {
  const SearchSpace space = autoformer(autoformer_tiny());
  const FeasibleSet set(space, space.default_input(), Budget{.max_params = 6'000'000});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const Architecture arch = set.draw(rng);
    ASSERT_LE(cost(space.build(arch, space.default_input())).params, 6'000'000) << "seed " << seed;
    ASSERT_EQ(space.canonical(arch), arch) << "seed " << seed;
  }
}

TEST(AutoFormer, WritesEntriesUpToTheDepthAndReadsRatiosAsNumbers) {
  const SearchSpace space = autoformer(autoformer_tiny());
  const std::string text =
      "embed_dim=216 depth=12 num_heads=3,3,3,3,3,3,3,3,3,3,4,3 mlp_ratio=3.5,3.5,3,3.5,3,3,4,4,3.5,4,3.5,4";
  EXPECT_EQ(space.to_string(space.parse(text)), text);
  EXPECT_EQ(space.parse("mlp_ratio: [3.5, 3.5, 3.0, 3.50, 3.0, 3.0, 4.0, 4.0, 3.5, 4.0, 3.5, 4.0]; depth: 12; "
                        "num_heads: 3 3 3 3 3 3 3 3 3 3 4 3, embed_dim: [216]"),
            space.parse(text));
  const auto json = space.to_json(space.parse(text));
  EXPECT_EQ(json["block0.mlp_ratio"], "3.5");
  EXPECT_FALSE(json.contains("block12.mlp_ratio"));
}

TEST(AutoFormer, RefusesOtherTextNamingThePlace) {
  const SearchSpace space = autoformer(autoformer_28());
  EXPECT_NO_THROW(space.parse(notation("32", "2", "2,3", "2,4")));
  EXPECT_THROWS_WITH(space.parse(notation("36", "2", "2,3", "2,4")), InvalidArchitecture,
                     "character 11 ('36'): embed_dim is one of 32, 40, 48");
  EXPECT_THROWS_WITH(space.parse(notation("32", "5", "2,3", "2,4")), InvalidArchitecture,
                     "character 20 ('5'): depth is one of 2, 3, 4");
  EXPECT_THROWS_WITH(space.parse(notation("32", "2", "2,3,4", "2,4")), InvalidArchitecture,
                     "num_heads has 3 entries; at depth 2 it needs 2");
  EXPECT_THROWS_WITH(space.parse(notation("32", "2", "2,3", "2")), InvalidArchitecture,
                     "mlp_ratio has 1 entries; at depth 2 it needs 2");
  EXPECT_THROWS_WITH(space.parse(notation("32", "2", "2,5", "2,4")), InvalidArchitecture,
                     "('5'): block1.num_heads is one of 2, 3, 4");
  EXPECT_THROWS_WITH(space.parse(notation("32", "2", "2,3", "2,3.50")), InvalidArchitecture,
                     "('3.50'): block1.mlp_ratio is one of 2, 3, 4");
  EXPECT_THROWS_WITH(space.parse(notation("32", "2", "2,3", "2,.")), InvalidArchitecture, "('.'): block1.mlp_ratio");
  EXPECT_THROWS_WITH(space.parse("embed_dim=32 depth=2 num_heads=2,2"), InvalidArchitecture, "lacks mlp_ratio");
}

TEST(AutoFormer, RefusesImagesSmallerThanAPatch) {
  const SearchSpace space = autoformer(autoformer_tiny());
  EXPECT_NO_THROW(space.cost_table({3, 16, 31, 10}));
  EXPECT_THROWS_WITH(space.cost_table({3, 32, 15, 10}), UsageError,
                     "autoformer_tiny cuts images into patches of 16x16 pixels; the image has 32x15");
}

}  // namespace
}  // namespace frontier
