#include "supernet/drop_path.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "supernet/supernet.h"
#include "supernet/trainer.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)

/// Three branches beside each other, one of which may be left out.
SearchSpace three_branches() {
  return SearchSpace("three_branches", {3, 4, 4, 2}, [](Builder& b, Signal x, std::int64_t classes) {
    const Signal kept = b.conv("kept", x, {.out = b.choose("width", {4, 8})});
    const Signal dropped = b.may_drop(b.conv("dropped", x, {.out = kept.shape.channels}));
    return b.linear("classifier", b.global_pool(b.add(kept, dropped)), classes);
  });
}

TEST(DropPath, LeavesOutSomeImagesAndKeepsTheExpectation) {
  const SearchSpace space = three_branches();
  const NetworkGraph graph = space.build(Selection(space.parse("8")), space.default_input());
  NetworkGraph::Vertex vertex = 0;
  int may_drop = 0;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (graph[v].may_drop) {
      ++may_drop;
      vertex = v;
      EXPECT_EQ(graph[v].name, "dropped");
    }
  ASSERT_EQ(may_drop, 1);
  constexpr std::int64_t kImages = 20'000;
  const at::Tensor output = at::ones({kImages, 2, 1, 1});
  for (const double rate : {0.0, 0.25, 0.8}) {
    DropPath drop(graph, rate, Rng(4));
    const at::Tensor kept = drop.after(vertex, output);
    EXPECT_NEAR(kept.mean().item<double>(), 1, 4 * std::sqrt(rate / (1 - rate) / kImages));
    EXPECT_NEAR((kept == 0).to(at::kDouble).mean().item<double>(), rate, 4 * std::sqrt(0.25 / kImages));
    EXPECT_TRUE(same_bits(kept.select(1, 0), kept.select(1, 1))) << "an image is left out as a whole";
    EXPECT_NEAR(kept.max().item<double>(), 1 / (1 - rate), 1e-6);
    DropPath again(graph, rate, Rng(4)), other(graph, rate, Rng(5));
    EXPECT_TRUE(same_bits(again.after(vertex, output), kept));
    EXPECT_EQ(same_bits(other.after(vertex, output), kept), rate == 0);
  }
  DropPath drop(graph, 0.5, Rng(4));
  EXPECT_TRUE(same_bits(drop.after(vertex + 1, output), output));
}

/// DARTS: every operation but the identity; what leads past a residual branch.
TEST(DropPath, SpacesSayWhatMayBeLeftOut) {
  const auto count = [](const std::string& name, const std::string& arch) {
    const auto space = make_space(name);
    const NetworkGraph graph = space->build(Selection(space->parse_as_written(arch)), space->default_input());
    int n = 0;
    for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) n += graph[v].may_drop ? 1 : 0;
    return n;
  };
  // One reduction cell of two nodes: skips of stride 2 are no identities, those of node 1 from node 0 are.
  const std::string one = "darts(cells=1,channels=8,nodes=2)";
  EXPECT_EQ(count(one, "reduce=skip_connect:0 sep_conv_3x3:1 skip_connect:2 max_pool_3x3:1"), 3);
  EXPECT_EQ(count(one, "reduce=none:0 sep_conv_3x3:1 skip_connect:2 dil_conv_3x3:0"), 2);
  const auto vit = make_space("autoformer_28");
  const FeasibleSet all(*vit, vit->default_input(), Budget{});
  const NetworkGraph graph = vit->build(Selection(all.most_macs().arch), vit->default_input());
  int attention = 0, dropped = 0;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    attention += graph[v].is("attention") ? 1 : 0;
    dropped += graph[v].may_drop ? 1 : 0;
  }
  EXPECT_EQ(dropped, 2 * attention);
}

/// The rate rises from 0, so the first step is that of a training without.
TEST(DropPath, RisesInTraining) {
  const auto trained = [](double rate, std::int64_t steps) {
    const auto space = std::make_shared<const SearchSpace>(three_branches());
    Supernet supernet(space, space->default_input(), Rng(3));
    TrainerOptions options;
    options.steps = 4;
    options.drop_path = rate;
    Classification task(0);
    const auto sampler = make_sampler("fixed", space, space->default_input(), {{"arch", "8"}}, Rng(0));
    Trainer trainer(supernet, *sampler, task, options, 7,
                    {{Stream::kTrain, [](std::int64_t step) {
                        const auto seed = static_cast<std::uint64_t>(step);
                        return TrainingBatch{normal_images({16, 3, 4, 4}, 100 + seed), random_labels(16, 2, seed), {}};
                      }}});
    for (std::int64_t i = 0; i < steps; ++i) trainer.step();
    return supernet.bank.weights().clone();
  };
  EXPECT_TRUE(same_bits(trained(0.5, 1), trained(0, 1)));
  EXPECT_FALSE(same_bits(trained(0.5, 2), trained(0, 2)));
  EXPECT_TRUE(same_bits(trained(0.5, 3), trained(0.5, 3)));
}

}  // namespace
}  // namespace frontier
