#include "report/drawing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "report/cells.h"
#include "report/decisions.h"
#include "report/html.h"
#include "search_spaces/registry.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names_of(const std::vector<Block>& blocks) {
  std::vector<std::string> names;
  for (const Block& block : blocks) names.push_back(block.name);
  return names;
}

TEST(Drawing, GroupsLayersByScope) {
  const auto space = make_space("mobile_cnn");
  const auto graph = space->build(space->parse("8 | 8: k5e3s | 24: k7e4 k3e2 | 64: k3e2s"), space->default_input());
  const auto blocks = blocks_of(graph);
  EXPECT_THAT(names_of(blocks), ElementsAre("input", "stem", "stage0.block0", "stage1.block0", "stage1.block1",
                                            "stage2.block0", "head", "classifier"));
  EXPECT_EQ(blocks[1].what, "conv k3 s2");
  EXPECT_EQ(blocks[1].shape, "1→8 ch, 28×28→14×14");
  EXPECT_EQ(blocks[2].what, "k5 e3 se skip");
  EXPECT_EQ(blocks[2].shape, "8 ch, 14×14");
  EXPECT_EQ(blocks[3].what, "k7 e4");
  EXPECT_EQ(blocks[3].shape, "8→24 ch, 14×14→7×7");
  EXPECT_EQ(blocks[6].what, "conv k1 pool");
  EXPECT_EQ(blocks[7].what, "linear");
  for (std::size_t b = 1; b < blocks.size(); ++b) EXPECT_THAT(blocks[b].inputs, ElementsAre(b - 1));
}

TEST(Drawing, NamesTransformersAndLeavesAuxiliaryOutputsOut) {
  const SearchSpace tokens = testing_support::token_space();
  const auto blocks = blocks_of(tokens.build(Architecture{{1, 0, 1, 0, 0}}, tokens.default_input()));
  EXPECT_THAT(names_of(blocks), ElementsAre("input", "patches", "tokens", "block0", "block1", "norm", "classifier"));
  EXPECT_EQ(blocks[2].what, "tokens");
  EXPECT_EQ(blocks[3].what, "attention h2 skip");
  EXPECT_EQ(blocks[4].shape, "8 ch, 7×1");
  const SearchSpace cell = testing_support::cell_space();
  for (const auto& name : names_of(blocks_of(cell.build(Architecture{{0, 0}}, cell.default_input()))))
    EXPECT_EQ(name.find("auxiliary"), std::string::npos) << name;
}

/// The blocks of a network as the report draws them, cells folded.
std::vector<Block> blocks_with_cells(const SearchSpace& space, const Architecture& arch) {
  std::set<std::string> scopes;
  if (!cells_of(space, arch).empty()) scopes = cell_scopes(space.build_everything(space.default_input()));
  return blocks_of(space.build(arch, space.default_input()), scopes);
}

TEST(Drawing, CellsThatRepeatAreOneBox) {
  const auto space = make_space("nas_bench_201");
  const auto arch =
      space->parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|");
  const auto blocks = blocks_with_cells(*space, arch);
  EXPECT_THAT(names_of(blocks),
              ElementsAre("input", "stem", "stage0.cell0 to cell4", "stage1.reduction", "stage1.cell0 to cell4",
                          "stage2.reduction", "stage2.cell0 to cell4", "last", "classifier"));
  EXPECT_EQ(blocks[2].what, "5 × cell");
  EXPECT_EQ(blocks[2].repeats, 5U);
  EXPECT_EQ(blocks[2].shape, "16 ch, 32×32");
  EXPECT_THAT(blocks[3].inputs, ElementsAre(2));  // the pool beside the convolutions is a part of the reduction
  EXPECT_THAT(blocks[4].inputs, ElementsAre(3));
  EXPECT_EQ(cell_scopes(space->build_everything(space->default_input())).size(), 15U);
}

TEST(Drawing, CellsThatReduceAreToldFromOthers) {
  const auto space = make_space("darts(cells=8)");
  Rng rng(3);
  const auto blocks = blocks_with_cells(*space, space->random(rng));
  std::vector<std::string> cells;
  for (const Block& block : blocks)
    if (block.is_cell) cells.push_back(block.what);
  EXPECT_THAT(cells, ElementsAre("2 × cell", "reduction cell", "2 × cell", "reduction cell", "2 × cell"));
}

TEST(Drawing, APoolBetweenCellsIsABoxOfItsOwn) {
  const auto space = make_space("nas_bench_101");
  const auto blocks =
      blocks_with_cells(*space, space->parse("0111100000100000010000000100000001000000010000000:i33333o"));
  EXPECT_THAT(names_of(blocks),
              ElementsAre("input", "stem", "stack0.module0 to module2", "pool", "stack1.module0 to module2", "pool",
                          "stack2.module0 to module2", "pool", "classifier"));
}

/// "0 op 1": from, what and to of every operation.
std::vector<std::string> operations_of(const CellPicture& cell) {
  std::vector<std::string> texts;
  for (const auto& operation : cell.operations) {
    std::string text;
    for (const std::size_t from : operation.from) text += cell.nodes[from] + " ";
    texts.push_back(text + operation.what + " " + cell.nodes[operation.to]);
  }
  return texts;
}

TEST(Cells, OfNasBench201HaveTheOperationsOfItsNotation) {
  const auto space = make_space("nas_bench_201");
  const auto cells =
      cells_of(*space, space->parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|"));
  ASSERT_EQ(cells.size(), 1U);
  EXPECT_EQ(cells[0].kind, "");
  EXPECT_THAT(cells[0].nodes, ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(operations_of(cells[0]),
              ElementsAre("0 nor_conv_3x3 1", "1 skip_connect 2", "1 avg_pool_3x3 3", "2 nor_conv_1x1 3"));
}

TEST(Cells, OfNasBench101HaveOperationsInTheirVertices) {
  const auto space = make_space("nas_bench_101");
  const auto cells = cells_of(*space, space->parse("0110000100010000:i3po"));
  ASSERT_EQ(cells.size(), 1U);
  EXPECT_EQ(cells[0].nodes.size(), 4U);
  EXPECT_EQ(cells[0].nodes.front(), "in");
  EXPECT_EQ(cells[0].nodes.back(), "out");
  EXPECT_EQ(cells[0].operations.size(), 3U);
}

TEST(Cells, OfDartsAreANormalAndAReductionCell) {
  const auto space = make_space("darts");
  Rng rng(1);
  const auto cells = cells_of(*space, space->random(rng));
  ASSERT_EQ(cells.size(), 2U);
  EXPECT_EQ(cells[0].kind, "normal");
  EXPECT_EQ(cells[1].kind, "reduce");
  for (const CellPicture& cell : cells) {
    EXPECT_THAT(cell.nodes, ElementsAre("-2", "-1", "0", "1", "2", "3", "out"));
    EXPECT_LE(cell.operations.size(), 9U) << "two for each of four nodes, and the output";
    EXPECT_THAT(operations_of(cell).back(), "0 1 2 3 concatenation out");
  }
}

TEST(Cells, AreNoneInSpacesOfChains) {
  for (const char* name : {"mobile_cnn", "ofa_mobilenetv3", "nas_bench_macro"}) {
    const auto space = make_space(name);
    Rng rng(1);
    EXPECT_TRUE(cells_of(*space, space->random(rng)).empty()) << name;
  }
}

TEST(Cells, AreDrawnWithEveryOperation) {
  const auto space = make_space("nas_bench_201");
  const auto cells =
      cells_of(*space, space->parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|"));
  const std::string svg = draw(cells[0], "<the> cell");
  EXPECT_THAT(svg, HasSubstr("<title>&lt;the&gt; cell</title>"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  const auto count = [&](const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = svg.find(part); at != std::string::npos; at = svg.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<rect class=\"box\""), 4U);
  EXPECT_EQ(count("<circle class=\"node"), 4U);
  EXPECT_EQ(count("<circle class=\"joint"), 4U);
  EXPECT_EQ(count(">nor_conv_1x1<"), 1U);
}

TEST(Decisions, AreCountedWhereTheyHaveAnEffect) {
  const auto space = make_space("mobile_cnn");
  const std::vector<std::string> archs = {"8 | 8: k5e3s | 24: k7e4 k3e2 | 64: k3e2s",
                                          "8 | 8: k3e3 | 24: k7e4 | 64: k3e2s"};
  const auto uses = decisions_of(*space, archs);
  const auto use = [&](const std::string& name) {
    const auto found = std::find_if(uses.begin(), uses.end(), [&](const DecisionUse& u) { return u.decision == name; });
    EXPECT_NE(found, uses.end()) << name;
    return found == uses.end() ? DecisionUse() : *found;
  };
  const DecisionUse kernel = use("stage0.block0.kernel");
  EXPECT_EQ(kernel.num_networks, 2U);
  ASSERT_EQ(kernel.options.size(), 2U);
  EXPECT_EQ(kernel.options[0].label, "3");
  EXPECT_EQ(kernel.options[0].count, 1U);
  EXPECT_EQ(kernel.options[1].label, "5");
  EXPECT_EQ(use("stage1.block1.kernel").num_networks, 1U) << "the second network has one block there";
  for (const DecisionUse& each : uses) {
    std::size_t sum = 0;
    for (const auto& option : each.options) sum += option.count;
    EXPECT_EQ(sum, each.num_networks) << each.decision;
  }
}

TEST(Drawing, LosesNoCost) {
  for (const auto& [name, summary] : known_spaces()) {
    const auto space = make_space(name);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      SCOPED_TRACE(name + " seed " + std::to_string(seed));
      Rng rng(seed);
      const Architecture arch = space->random(rng);
      const auto graph = space->build(arch, space->default_input());
      const auto blocks = seed % 2 == 0 ? blocks_of(graph) : blocks_with_cells(*space, arch);
      EXPECT_LE(blocks.size(), 64U);
      Cost sum;
      for (const Block& block : blocks) {
        sum.macs += block.macs;
        sum.params += block.params;
      }
      EXPECT_EQ(sum.macs, cost(graph).macs);
      EXPECT_EQ(sum.params, cost(graph).params);
    }
  }
}

TEST(Drawing, DrawsBranchesBesideTheBoxes) {
  const SearchSpace space("branches", {3, 8, 8, 10}, [](Builder& b, Signal x, std::int64_t classes) {
    x = b.conv_bn("stem", x, {.out = 8, .kernel = 3}, Activation::kReLU);
    Signal left = b.conv_bn("left", x, {.out = 8, .kernel = 3});
    Signal right = b.conv_bn("right", x, {.out = b.choose("width", {8}), .kernel = 5});
    return b.linear("classifier", b.global_pool(b.add(left, right)), classes);
  });
  const auto blocks = blocks_of(space.build(Architecture{{0}}, space.default_input()));
  ASSERT_THAT(names_of(blocks), ElementsAre("input", "stem", "left", "right", "classifier"));
  EXPECT_THAT(blocks[2].inputs, ElementsAre(1));
  EXPECT_THAT(blocks[3].inputs, ElementsAre(1, 2));  // its layers, and the sum with the left branch
  const std::string svg = draw(blocks, "<two> branches");
  EXPECT_THAT(svg, HasSubstr("<title>&lt;two&gt; branches</title>"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  std::size_t wires = 0;
  for (std::size_t at = svg.find("class=\"wire\""); at != std::string::npos; at = svg.find("class=\"wire\"", at + 1))
    ++wires;
  EXPECT_EQ(wires, 5U);
}

TEST(Html, EscapesWhatCouldEndItsContext) {
  EXPECT_EQ(html("<a href=\"x\" title='&'>"), "&lt;a href=&quot;x&quot; title=&#39;&amp;&#39;&gt;");
  EXPECT_EQ(html("k3 é →"), "k3 é →");
  EXPECT_EQ(html(std::string_view("\x00\x1b\x7f", 3)), "\\x00\\x1b\\x7f");
  EXPECT_EQ(html("\xc3\"x"), "\\xc3&quot;x");  // a cut sequence must not swallow the quote
  EXPECT_EQ(html("two\nlines\tand a tab\n"), "two\nlines\tand a tab\n");
}

TEST(Html, MakesTextVisibleThatTurnsOrHidesText) {
  EXPECT_EQ(html("a\xe2\x80\xae"
                 "b"),
            "a\\u202eb");
  EXPECT_EQ(html("a\xe2\x80\x8b"
                 "b"),
            "a\\u200bb");
}

}  // namespace
}  // namespace frontier
