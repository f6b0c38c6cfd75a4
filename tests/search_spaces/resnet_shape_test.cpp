#include "search_spaces/resnet_shape.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using namespace testing_support;

TEST(ResNetShape, ChoicesAreThePublishedTables) {  // TAS, section 3: what is kept of 16, 32, 64 and 256 channels
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(tas_widths(16), (List{4, 6, 8, 9, 11, 12, 14, 16}));
  EXPECT_EQ(tas_widths(32), (List{9, 12, 16, 19, 22, 25, 28, 32}));
  EXPECT_EQ(tas_widths(64), (List{19, 25, 32, 38, 44, 51, 57, 64}));
  EXPECT_EQ(tas_widths(256), (List{76, 102, 128, 153, 179, 204, 230, 256}));
  EXPECT_EQ(tas_depths(2), (List{1, 2}));
  EXPECT_EQ(tas_depths(3), (List{1, 2, 3}));
  EXPECT_EQ(tas_depths(5), (List{1, 3, 5}));
  EXPECT_EQ(tas_depths(9), (List{1, 3, 5, 7, 9}));
  EXPECT_EQ(tas_depths(18), (List{1, 3, 5, 7, 9, 11, 13, 15, 17, 18}));
  for (const int depth : {20, 32, 56, 110, 164}) {
    const SearchSpace space = resnet_shape(resnet_shape_cifar(depth));
    EXPECT_EQ(static_cast<int>(space.decisions().size()), depth - 1 + 3);  // a width a convolution, a depth a stage
  }
}

TEST(ResNetShape, MacsOfThePublishedConfigurations) {
  std::ifstream file(source_folder() / "tests/golden/tas.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["configurations"].size(), 11U);
  for (const auto& row : golden["configurations"]) {
    const auto name = row["space"].get<std::string>();
    SCOPED_TRACE(row["name"].get<std::string>());
    const bool imagenet = name.find("imagenet") != std::string::npos;
    const int depth = std::stoi(name.substr(name.rfind('_') + 1));
    const ResNetShapeOptions options = imagenet ? resnet_shape_imagenet(depth) : resnet_shape_cifar(depth);
    const SearchSpace space = resnet_shape(options);
    InputShape input = space.default_input();
    input.classes = row["classes"].get<std::int64_t>();
    const Architecture arch = space.parse("depths=" + row["depths"].dump() + " widths=" + row["widths"].dump());
    const auto depths = row["depths"].get<std::vector<std::int64_t>>(),
               widths = row["widths"].get<std::vector<std::int64_t>>();
    EXPECT_NEAR(static_cast<double>(tas_estimated_macs(options, input, depths, widths)) / 1e6,
                row["mmacs"].get<double>(), 5e-7);
    EXPECT_EQ(space.parse(space.to_string(arch)), arch);
    // What runs is the estimate where no stage is shortened, else what the paper's table prints.
    const std::int64_t macs = space.cost_table(input).macs(arch);
    EXPECT_EQ(cost(space.build(arch, input)).macs, macs);
    if (depths == options.blocks) {
      EXPECT_EQ(macs, tas_estimated_macs(options, input, depths, widths));
    }
    if (row.contains("paper_mmacs")) {
      EXPECT_NEAR(static_cast<double>(macs) / 1e6, row["paper_mmacs"].get<double>(), 0.5);
    }
  }
}

TEST(ResNetShape, MacsOfTheFullNetworks) {
  const struct {
    int depth;
    double mmacs;
  } kFull[] = {{20, 40.8132}, {32, 69.1247}, {56, 125.7478}, {110, 253.1498}, {164, 247.6467}};
  for (const auto& full : kFull) {
    const SearchSpace space = resnet_shape(resnet_shape_cifar(full.depth));
    const FeasibleSet all(space, space.default_input(), Budget{});
    // A convolution in the shortcut can cost more than the channels it replaces, so the dearest may be another.
    Architecture arch;
    for (const auto& decision : space.decisions())
      arch.choices.push_back(static_cast<std::uint16_t>(decision.options.size() - 1));
    EXPECT_NEAR(static_cast<double>(all.table().macs(arch)) / 1e6, full.mmacs, 5e-5) << full.depth;
    EXPECT_LT(all.least_macs().macs, all.table().macs(arch));
  }
}

TEST(ResNetShape, BudgetsOfResNet32HoldAndAreDrawnFrom) {
  const SearchSpace space = resnet_shape(resnet_shape_cifar(32));
  const FeasibleSet half(space, space.default_input(), Budget{.max_macs = 34'945'344});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const Architecture arch = half.draw(rng);
    ASSERT_LE(cost(space.build(arch, space.default_input())).macs, 34'945'344);
    ASSERT_EQ(space.canonical(arch), arch);
  }
}

TEST(ResNetShape, ResNet164IsTooLargeToCountButNotToDrawFrom) {
  const SearchSpace space = resnet_shape(resnet_shape_cifar(164));
  const FeasibleSet all(space, space.default_input(), Budget{});
  EXPECT_EQ(all.size(), kBeyondCounting);
  EXPECT_FALSE(all.estimate().is_exact());
  // A uniform draw has the depth 18 of a stage nearly always: its blocks have the most choices.
  Rng rng(2);
  int full = 0;
  for (int i = 0; i < 20; ++i) full += all.draw(rng).choices[space.decision_index("stage0.depth")] == 9 ? 1 : 0;
  EXPECT_EQ(full, 20);  // the next depth has 1 / 512 of the subnets
  const FeasibleSet half(space, space.default_input(), Budget{.max_macs = 60'000'000});
  for (int i = 0; i < 10; ++i) {
    const Architecture arch = half.draw(rng);
    ASSERT_LE(cost(space.build(arch, space.default_input())).macs, 60'000'000);
    ASSERT_EQ(space.canonical(arch), arch);
  }
}

TEST(ResNetShape, NormsOfWidthsCostWhatSharedOnesDo) {
  for (const std::string name : {"resnet_shape_20", "resnet_shape_164", "resnet_shape_imagenet_18"}) {
    SCOPED_TRACE(name);
    const auto shared = make_space(name), per_width = make_space(name + "(norms=per_width)");
    const InputShape& input = shared->default_input();
    const CostTable table = shared->cost_table(input), of_widths = per_width->cost_table(input);
    Rng rng(1);
    for (int i = 0; i < 10; ++i) {
      const Architecture arch = shared->random(rng);
      EXPECT_EQ(per_width->canonical(arch), arch);
      EXPECT_EQ(of_widths.macs_and_params(arch), table.macs_and_params(arch));
      const NetworkGraph graph = per_width->build(arch, input);
      EXPECT_EQ(graph.size(), shared->build(arch, input).size());
      EXPECT_EQ(cost(graph), cost(shared->build(arch, input)));
      EXPECT_EQ(graph[2].name, "stem.bn." + shared->decisions()[0].options[arch.choices[0]]);
    }
  }
}

TEST(ResNetShape, RefusesOtherTextNamingThePlace) {
  const SearchSpace space = resnet_shape(resnet_shape_cifar(20));
  const std::string rest = "16,16,16,16,16,16,32,32,32,32,32,32,64,64,64,64,64";
  EXPECT_NO_THROW(space.parse("depths=3,3,3 widths=16," + rest + ",64"));
  EXPECT_THROWS_WITH(space.parse("depths=3,3,3 widths=16," + rest + ",63"), InvalidArchitecture,
                     "('63'): stage2.block2.conv_b.width is one of 19, 25");
  EXPECT_THROWS_WITH(space.parse("depths=3,4,3 widths=16," + rest + ",64"), InvalidArchitecture,
                     "character 10 ('4'): stage1.depth is one of 1, 2, 3");
  EXPECT_THROWS_WITH(space.parse("depths=3,3 widths=16," + rest + ",64"), InvalidArchitecture,
                     "depths has 2 entries; it needs 3");
  EXPECT_THROWS_WITH(space.parse("depths=3,3,3 widths=16," + rest), InvalidArchitecture,
                     "widths has 18 entries; it needs 19");
}

}  // namespace
}  // namespace frontier
