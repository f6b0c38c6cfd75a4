#include "report/drawing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

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

TEST(Drawing, EdgesOfCellsAreBoxesWhileTheyAreFew) {
  const auto space = make_space("nas_bench_201");
  const auto names = [&](const char* arch) {
    return names_of(blocks_of(space->build(space->parse(arch), space->default_input())));
  };
  const auto dense =
      names("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|");
  EXPECT_EQ(dense.size(), 21U) << "input, stem, 15 cells, 2 reductions, the last norm and the classifier";
  EXPECT_EQ(dense[2], "stage0.cell0");
  const auto sparse = names("|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|");
  EXPECT_EQ(sparse[2], "stage0.cell0.edge0-3");
}

TEST(Drawing, LosesNoCost) {
  for (const auto& [name, summary] : known_spaces()) {
    const auto space = make_space(name);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      SCOPED_TRACE(name + " seed " + std::to_string(seed));
      Rng rng(seed);
      const auto graph = space->build(space->random(rng), space->default_input());
      const auto blocks = blocks_of(graph);
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
  EXPECT_EQ(html(std::string_view("\x00\x1b\x7f", 3)), "���");
  EXPECT_EQ(html("a\u202eb\u0085c\u2066\n\td"), "a�b�c�\n\td") << "what turns or hides the text around it";
  EXPECT_EQ(html("\xc3\"x"), "�&quot;x");  // a cut sequence must not swallow the quote
}

}  // namespace
}  // namespace frontier
