#include "search_spaces/cost.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/files.h"
#include "common/options.h"
#include "search_spaces/registry.h"
#include "support/mobilenet_v2.h"
#include "support/shared_data.h"
#include "support/small_spaces.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;

void expect_table_equals_pass(const SearchSpace& space, const InputShape& input, int num_subnets) {
  const CostTable table = space.cost_table(input);
  for (int seed = 0; seed < num_subnets; ++seed) {
    SCOPED_TRACE(testing::Message() << space.name() << " " << to_string(input) << " seed " << seed);
    Rng rng(static_cast<std::uint64_t>(seed));
    const Architecture arch = random_choices(space, rng);
    const Cost pass = cost(space.build(arch, input));
    ASSERT_EQ(table.macs(arch), pass.macs);
    ASSERT_EQ(table.params(arch), pass.params);
    // Decisions without effect change nothing; a normal form may be cheaper, and has the table's price, too.
    const Architecture canonical = space.canonical(arch);
    if (space.has_normal_form()) {
      const Cost normal = cost(space.build(canonical, input));
      ASSERT_EQ(table.macs(canonical), normal.macs);
      ASSERT_EQ(table.params(canonical), normal.params);
      // NAS-Bench-101's representative decides which vertices get one channel more.
      if (!space.listed()) {
        ASSERT_LE(normal.macs, pass.macs);
      }
      continue;
    }
    ASSERT_EQ(table.macs(canonical), pass.macs);
    ASSERT_EQ(table.params(canonical), pass.params);
    ASSERT_EQ(cost(space.build(canonical, input)), pass);
  }
}

TEST(CostTable, EqualsTheCostPassForRandomSubnetsOfEverySpace) {
  for (const auto& info : known_spaces()) {
    const auto space = make_space(info.name);
    expect_table_equals_pass(*space, space->default_input(), 200);
  }
}

TEST(CostTable, EqualsTheCostPassForOtherInputs) {
  for (const auto& info : known_spaces()) expect_table_equals_pass(*make_space(info.name), {2, 37, 51, 7}, 20);
}

TEST(CostTable, EqualsTheCostPassForEveryChoiceOfSmallSpaces) {
  for (SearchSpace (*make)() : {nested_space, shared_decision_space, token_space, pyramid_space, cell_space}) {
    const SearchSpace space = make();
    const CostTable table = space.cost_table(space.default_input());
    for (const auto& arch : all_choices(space)) {
      const Cost pass = cost(space.build(arch, space.default_input()));
      ASSERT_EQ(table.macs(arch), pass.macs) << space.to_string(arch);
      ASSERT_EQ(table.params(arch), pass.params) << space.to_string(arch);
    }
  }
}

TEST(Cost, OfATinyNetIsWhatAHandCountGives) {
  // input 2x4x4 -> conv 3x3 to 4 channels, stride 2 (2x2) -> bn -> relu -> pool -> linear to 3
  const SearchSpace space("tiny", {2, 4, 4, 3}, [](Builder& b, Signal x, std::int64_t classes) {
    x = b.conv_bn("conv", x, {.out = 4, .kernel = 3, .stride = 2}, Activation::kReLU);
    return b.linear("classifier", b.global_pool(x), classes);
  });
  const NetworkGraph graph = space.build(Architecture{}, space.default_input());
  const Cost price = cost(graph);
  EXPECT_EQ(price.macs, 3 * 3 * 2 * 4 * 2 * 2 + 4 * 3);
  EXPECT_EQ(price.params, 3 * 3 * 2 * 4 + 2 * 4 + 4 * 3 + 3);
  EXPECT_EQ(price.activation_bytes, 4 * (16 + 16 + 16 + 4 + 3));
  EXPECT_EQ(price.peak_bytes, 4 * (32 + 16));  // input and the convolution's output
  std::int64_t macs = 0, params = 0;
  for (const auto& layer : layer_costs(graph)) {
    macs += layer.macs;
    params += layer.params;
  }
  EXPECT_EQ(macs, price.macs);
  EXPECT_EQ(params, price.params);
}

TEST(Cost, OfAttentionIsWhatAHandCountGives) {
  // 6 channels on 2x3, tokens 7; 3 heads; values of 9 channels.
  const auto price = [](Position position) {
    const SearchSpace space("attention", {6, 2, 3, 2}, [&](Builder& b, Signal x, std::int64_t) {
      if (position == Position::kRelative) x = b.tokens("tokens", x);
      const Signal v = b.concat({x, b.truncate(x, 3)});
      return b.layer_norm(
          "norm",
          b.attention("attention", x, x, v,
                      {.heads = 3, .position = position, .grid_height = 2, .grid_width = 3, .max_distance = 4}));
    });
    return cost(space.build(Architecture{}, space.default_input()));
  };
  EXPECT_EQ(price(Position::kNone).macs, 6 * 6 * (6 + 9));
  EXPECT_EQ(price(Position::kNone).params, 2 * 9);
  EXPECT_EQ(price(Position::kBias).macs, 6 * 6 * (6 + 9));
  EXPECT_EQ(price(Position::kBias).params, 2 * 9 + 3 * (2 * 2 - 1) * (2 * 3 - 1));
  EXPECT_EQ(price(Position::kRelative).macs, 2 * 7 * 7 * (6 + 9));
  EXPECT_EQ(price(Position::kRelative).params, 2 * 9 + 6 + 6 * 7 + 2 * (2 * 4 + 2) * (2 + 3));
}

TEST(Cost, OfAuxiliaryOutputsIsNothing) {
  const auto price = [](bool auxiliary) {
    const SearchSpace space("auxiliary", {3, 4, 4, 2}, [&](Builder& b, Signal x, std::int64_t classes) {
      x = b.conv("stem", x, {.out = 8});
      if (auxiliary) b.auxiliary(0.4, [&] { return b.linear("auxiliary", x, classes); });
      return b.linear("classifier", b.global_pool(x), classes);
    });
    EXPECT_EQ(space.cost_table(space.default_input()).params(Architecture{}), 3 * 8 + 8 * 2 + 2);
    return cost(space.build(Architecture{}, space.default_input()));
  };
  EXPECT_EQ(price(true), price(false));
}

TEST(Cost, KeepsAResidualsInputAliveForThePeak) {
  // x 8x2x2 (128 bytes) lives until the addition: conv a to 16 (256), conv b to 8 (128), sum (128).
  const SearchSpace space("residual", {8, 2, 2, 2}, [](Builder& b, Signal x, std::int64_t) {
    return b.residual(x, b.conv("b", b.conv("a", x, {.out = 16}), {.out = 8}));
  });
  EXPECT_EQ(cost(space.build(Architecture{}, space.default_input())).peak_bytes, 128 + 256 + 128);
}

TEST(Cost, OfMobileNetV2IsThePublishedOne) {
  const auto path = source_folder() / "tests/golden/mobilenet_v2.json";
  const auto golden = parse_json(read_file(path), path.string());
  const SearchSpace space = mobilenet_v2();
  const Cost price = cost(space.build(Architecture{}, space.default_input()));
  EXPECT_NEAR(static_cast<double>(price.macs), golden.at("macs").get<double>(),
              golden.at("macs_tolerance").get<double>());
  EXPECT_EQ(price.params, golden.at("params").get<std::int64_t>());
  EXPECT_EQ(space.cost_table(space.default_input()).macs(Architecture{}), price.macs);
}

TEST(Cost, OfNasBenchMacroIsThePublishedOne) {
  const auto path = source_folder() / "tests/golden/nas_bench_macro.json";
  const auto golden = parse_json(read_file(path), path.string());
  const auto space = make_space("nas_bench_macro");
  for (const auto& row : golden.at("rows")) {
    const Architecture arch = space->parse(row.at("arch").get<std::string>());
    const Cost price = cost(space->build(arch, space->default_input()));
    EXPECT_EQ(price.macs, row.at("macs").get<std::int64_t>()) << row;
    EXPECT_EQ(price.params, row.at("params").get<std::int64_t>()) << row;
  }
}

TEST(Cost, OfAllNasBenchMacroNetworksIsThePublishedOne) {
  const auto file = shared_data("nb_macro/nb_macro.csv.gz");
  if (!file)
    GTEST_SKIP() << "nb_macro/nb_macro.csv.gz is not there; set FRONTIER_SHARED to the folder that holds data/";
  const auto rows = read_csv_gz(*file);
  ASSERT_EQ(rows.size(), 6562U);
  ASSERT_EQ(rows[0][0], "arch");
  ASSERT_EQ(rows[0][6], "params");
  ASSERT_EQ(rows[0][7], "flops");
  const auto space = make_space("nas_bench_macro");
  const CostTable table = space->cost_table(space->default_input());
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const Architecture arch = space->parse(rows[i][0]);
    ASSERT_EQ(space->to_string(arch), rows[i][0]);
    const Cost price = cost(space->build(arch, space->default_input()));
    ASSERT_EQ(price.params, std::stoll(rows[i][6])) << rows[i][0];
    ASSERT_EQ(price.macs, std::stoll(rows[i][7])) << rows[i][0];
    ASSERT_EQ(table.macs(arch), price.macs) << rows[i][0];
    ASSERT_EQ(table.params(arch), price.params) << rows[i][0];
  }
}

}  // namespace
}  // namespace frontier
