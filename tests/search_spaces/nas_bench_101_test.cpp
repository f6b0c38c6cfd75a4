#include "search_spaces/nas_bench_101.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "search_spaces/budget.h"
#include "support/messages.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

TEST(NasBench101, CellsAndArchitecturesAreEachOthersInverse) {
  const SearchSpace space = nas_bench_101();
  for (const auto& cell : nas_bench_101_cells(5)) {
    const Architecture arch = nas_bench_101_architecture(cell);
    ASSERT_EQ(space.canonical(arch), arch) << to_string(cell);
    ASSERT_EQ(nas_bench_101_cell(arch).canonical(), cell);
    ASSERT_EQ(space.to_string(arch), to_string(cell));
    ASSERT_EQ(space.parse(to_string(cell)), arch);
    ASSERT_EQ(space.parse(space.to_json(arch).dump()), arch);
  }
}

TEST(NasBench101, RenumberedCellsAreOneArchitecture) {
  const SearchSpace space = nas_bench_101();
  // input to 1 and 2, both to the output; 3x3 and 1x1 in either order
  EXPECT_EQ(space.parse("0110000100010000:i31o"), space.parse("0110000100010000:i13o"));
  // a vertex that nothing reads
  EXPECT_EQ(space.parse("0100000100000000:i3po").choices, space.parse("010001000:i3o").choices);
}

TEST(NasBench101, ArchitecturesAsWrittenAreTheirTextsInverse) {
  const SearchSpace space = nas_bench_101();
  for (const char* text : {"0100:io", "001000000:ipo", "001000000:i1o", "010001000:i3o", "0100000100000000:i3po"}) {
    const Architecture written = space.parse_as_written(text);
    EXPECT_EQ(space.to_string_as_written(written), text);
    EXPECT_EQ(space.parse_as_written(space.to_string_as_written(written)), written);
  }
  EXPECT_EQ(space.to_string_as_written(space.parse_as_written("001000000:i3o")),
            "0100:io");  // nothing tells them apart
}

TEST(NasBench101, ListsAndDrawsCanonicalCells) {
  const SearchSpace space = nas_bench_101();
  const FeasibleSet all(space, space.default_input(), Budget{});
  EXPECT_EQ(to_string(all.size()), "423624");
  EXPECT_TRUE(all.count().is_exact());
  const FeasibleSet small(space, space.default_input(), Budget{.max_params = 1'000'000});
  Rng rng(3);
  for (int i = 0; i < 50; ++i) {
    const Architecture arch = small.draw(rng);
    ASSERT_EQ(space.canonical(arch), arch);
    ASSERT_LE(cost(space.build(arch, space.default_input())).params, 1'000'000);
  }
  EXPECT_THROWS_WITH(FeasibleSet(space, space.default_input(), Budget{.max_params = 10}), UsageError,
                     "is below the cheapest subnet of 'nas_bench_101'");
}

TEST(NasBench101, NoCellIsOutsideTheStatedCosts) {
  const SearchSpace space = nas_bench_101();
  const InputShape input = space.default_input();
  const FeasibleSet all(space, input, Budget{});
  const std::int64_t least_macs = all.least_macs().macs, most_macs = all.most_macs().macs,
                     least_params = all.least_params().params, most_params = all.most_params().params;
  EXPECT_EQ(least_params, 227'274);  // the range of the benchmark's trainable parameters
  EXPECT_EQ(most_params, 49'979'274);
  std::vector<Architecture> archs;
  for (const auto& cell : nas_bench_101_cells(5)) archs.push_back(nas_bench_101_architecture(cell));
  Rng rng(5);
  for (int i = 0; i < 3000; ++i) archs.push_back(all.draw(rng));
  for (const auto& arch : archs) {
    const Cost price = cost(space.build(arch, input));
    ASSERT_GE(price.macs, least_macs) << space.to_string(arch);
    ASSERT_LE(price.macs, most_macs) << space.to_string(arch);
    ASSERT_GE(price.params, least_params) << space.to_string(arch);
    ASSERT_LE(price.params, most_params) << space.to_string(arch);
  }
}

TEST(NasBench101, EveryNetworksWeightsAreInTheOutline) {
  const SearchSpace space = nas_bench_101();
  const NetworkGraph outline = space.build_everything(space.default_input());
  std::unordered_map<std::string, std::int64_t> channels;
  for (NetworkGraph::Vertex v = 0; v < outline.size(); ++v)
    if (outline[v].is("conv")) channels[outline[v].name] = outline[v].output.channels.max();
  Rng rng(7);
  const FeasibleSet all(space, space.default_input(), Budget{});
  for (int i = 0; i < 300; ++i) {
    const NetworkGraph graph = space.build(all.draw(rng), space.default_input());
    for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
      if (!graph[v].is("conv")) continue;
      ASSERT_TRUE(channels.contains(graph[v].name)) << graph[v].name;
      ASSERT_LE(graph[v].output.channels.value(), channels[graph[v].name]);
    }
  }
}

TEST(NasBench101, RefusesWhatIsNoCell) {
  const SearchSpace space = nas_bench_101();
  Architecture arch;
  arch.choices.assign(space.decisions().size(), 0);
  EXPECT_THROWS_WITH(space.validate(arch), InvalidArchitecture, "");
  EXPECT_FALSE(space.meets_constraints(arch));
  std::fill_n(arch.choices.begin(), 21, std::uint16_t{1});  // all 21 edges
  EXPECT_FALSE(space.meets_constraints(arch));
  EXPECT_THROWS_WITH(space.parse("010001000:i4o"), InvalidArchitecture, "character");
}

}  // namespace
}  // namespace frontier
