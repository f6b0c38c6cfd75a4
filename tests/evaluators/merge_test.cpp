#include "search_spaces/merge.h"

#include <gmock/gmock.h>
#include <torch/types.h>

#include <algorithm>

#include "search_spaces/registry.h"
#include "supernet/program.h"
#include "supernet/supernet.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/runs.h"
#include "support/small_spaces.h"
#include "support/tensors.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)

std::vector<NetworkGraph> graphs_of(const SearchSpace& space, const std::vector<Architecture>& archs) {
  std::vector<NetworkGraph> graphs;
  for (const auto& arch : archs) graphs.push_back(space.build(arch, space.default_input()));
  return graphs;
}

std::size_t merged_size(const SearchSpace& space, const std::vector<Architecture>& archs) {
  return merge(graphs_of(space, archs)).graph.size();
}

TEST(Merge, KeepsEverySharedPrefixOnce) {
  // Options: skip, zero, conv3, depthwise5. A network has input, stem conv, norm and relu, three layers a convolution,
  // pool and classifier.
  const SearchSpace space = branch_space();
  EXPECT_EQ(merged_size(space, {{{2, 2}}}), 12U);
  EXPECT_EQ(merged_size(space, {{{2, 2}}, {{2, 2}}, {{2, 2}}}), 12U);
  EXPECT_EQ(merged_size(space, {{{2, 2}}, {{2, 3}}}), 12U + 5U);  // other from the second place on
  EXPECT_EQ(merged_size(space, {{{2, 2}}, {{3, 2}}}), 12U + 8U);  // equal layers, but of another input
  EXPECT_EQ(merged_size(space, {{{2, 2}}, {{0, 2}}}), 12U + 5U);
  EXPECT_EQ(merged_size(space, {{{2, 2}}, {{2, 0}}}), 12U + 2U);  // a shorter network within a longer one
  EXPECT_EQ(merged_size(space, {{{0, 2}}, {{2, 0}}}), 9U + 5U);   // skips leave nothing behind
  EXPECT_EQ(merged_size(space, {{{2, 1}}, {{2, 1}}, {{2, 0}}}), 10U + 2U);
  EXPECT_EQ(merged_size(space, {}), 0U);
}

TEST(Merge, TellsSlicesOfDifferentSizeApart) {
  const SearchSpace space = nested_space();
  const Architecture narrow = space.parse(R"({"width": "4", "depth": "0", "tail": "none"})");
  const Architecture wide = space.parse(R"({"width": "8", "depth": "0", "tail": "none"})");
  // Only the image is shared by stems of different width.
  EXPECT_EQ(merged_size(space, {narrow, wide}), 2 * merged_size(space, {narrow}) - 1);
  const Architecture k1 =
      space.parse(R"({"width": "4", "depth": "1", "block0.op": "conv", "block0.kernel": "1", "tail": "none"})");
  const Architecture k3 =
      space.parse(R"({"width": "4", "depth": "1", "block0.op": "conv", "block0.kernel": "3", "tail": "none"})");
  const std::size_t shared = merged_size(space, {narrow}) - 2;  // all but pool and classifier
  EXPECT_EQ(merged_size(space, {k1, k3}), 2 * merged_size(space, {k1}) - shared);
}

TEST(Merge, TellsAttentionApartByWhatChangesIt) {
  const auto size_of = [](std::vector<AttentionSpec> specs) {
    std::vector<NetworkGraph> graphs;
    for (const auto& spec : specs) {
      Builder b({4, 3, 2, 2});
      const Signal t = b.tokens("tokens", b.input());
      graphs.push_back(b.finish(b.attention("attention", t, t, t, spec)));
    }
    return merge(graphs).graph.size();
  };
  const AttentionSpec plain{.heads = 2};
  AttentionSpec relative{.heads = 2, .position = Position::kRelative, .grid_height = 3, .grid_width = 2};
  AttentionSpec turned = relative, nearer = relative;
  std::swap(turned.grid_height, turned.grid_width);
  nearer.max_distance = 1;
  EXPECT_EQ(size_of({plain, plain}), 3U);
  EXPECT_EQ(size_of({relative, relative}), 3U);
  EXPECT_EQ(size_of({plain, {.heads = 1}, {.heads = 2, .position = Position::kBias}, relative, turned, nearer}),
            2U + 6U);
  const auto pooled = [](std::vector<int> skips) {
    std::vector<NetworkGraph> graphs;
    for (const int skip : skips) {
      Builder b({4, 3, 1, 2});
      graphs.push_back(b.finish(b.token_pool(b.input(), skip)));
    }
    return merge(graphs).graph.size();
  };
  EXPECT_EQ(pooled({1, 2, 1}), 3U);
}

TEST(Merge, LeavesAuxiliaryOutputsOut) {
  const SearchSpace space = cell_space();
  const MergedGraph merged = merge(graphs_of(space, all_choices(space)));
  for (NetworkGraph::Vertex v = 0; v < merged.graph.size(); ++v) EXPECT_FALSE(merged.graph[v].training_only);
}

TEST(Merge, KeepsInputsOutputsAndOrder) {
  const SearchSpace space = branch_space();
  const auto archs = all_choices(space);
  const auto graphs = graphs_of(space, archs);
  const MergedGraph merged = merge(graphs);
  ASSERT_EQ(merged.outputs.size(), archs.size());
  std::size_t sum = 0;
  for (std::size_t i = 0; i < archs.size(); ++i) {
    sum += graphs[i].size();
    // Walked from its output, the merged graph gives the network back.
    std::vector<std::pair<NetworkGraph::Vertex, NetworkGraph::Vertex>> open = {{merged.outputs[i], graphs[i].output()}};
    while (!open.empty()) {
      const auto [a, b] = open.back();
      open.pop_back();
      EXPECT_EQ(merged.graph[a].kind, graphs[i][b].kind);
      EXPECT_EQ(merged.graph[a].name, graphs[i][b].name);
      const auto x = merged.graph.inputs(a), y = graphs[i].inputs(b);
      ASSERT_EQ(x.size(), y.size());
      for (std::size_t k = 0; k < x.size(); ++k) {
        EXPECT_LT(x[k], a);
        open.emplace_back(x[k], y[k]);
      }
    }
  }
  EXPECT_LT(merged.graph.size(), sum / 2);
}

TEST(Merge, RefusesSoftNetworks) {
  const SearchSpace space = branch_space();
  std::vector<NetworkGraph> graphs;
  graphs.push_back(space.build(Selection::everything(space.decisions()), space.default_input()));
  EXPECT_THROWS_WITH(merge(graphs), std::logic_error, "soft selections are not merged");
}

TEST(Merge, MergedNetworksGiveTheSameBitsInEveryPass) {
  Threads threads(1);
  for (SearchSpace (*make)() :
       {branch_space, nested_space, all_layers_space, shared_decision_space, token_space, pyramid_space, cell_space}) {
    const auto space = std::make_shared<const SearchSpace>(make());
    const Supernet supernet(space, space->default_input(), Rng(4));
    for (const auto& p : supernet.bank.parameters()) supernet.bank.parameter(p).add_(normal_tensor(p.shape, 9, 0, 0.2));
    auto archs = all_choices(*space);
    Rng(5).shuffle(archs);
    archs.resize(std::min<std::size_t>(archs.size(), 24));
    const auto graphs = graphs_of(*space, archs);
    const MergedGraph merged = merge(graphs);
    const InputShape& in = space->default_input();
    const at::Tensor images = normal_images({4, in.channels, in.height, in.width}, 6);
    BatchNormStatistics together;
    const auto calibrated = outputs(merged.graph, supernet.bank, merged.outputs, images, calibrating(together));
    const auto evaluated = outputs(merged.graph, supernet.bank, merged.outputs, images, evaluating(together));
    for (std::size_t i = 0; i < archs.size(); ++i) {
      SCOPED_TRACE(space->name() + " " + space->to_string(archs[i]));
      BatchNormStatistics own;
      EXPECT_TRUE(same_bits(logits(graphs[i], supernet.bank, images, calibrating(own)), calibrated[i]));
      EXPECT_TRUE(same_bits(logits(graphs[i], supernet.bank, images, evaluating(own)), evaluated[i]));
    }
  }
}

}  // namespace
}  // namespace frontier
