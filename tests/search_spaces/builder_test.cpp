#include "search_spaces/builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/graph/topological_sort.hpp>
#include <map>
#include <set>

#include "common/errors.h"
#include "search_spaces/cost.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/mobilenet_v2.h"
#include "support/small_spaces.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using testing_support::nested_space;
using testing_support::random_choices;

/// Edges point forwards, everything is used, slots are filled, shapes fit together.
void expect_sound(const NetworkGraph& graph) {
  std::set<std::string> weights;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const Layer& layer = graph[v];
    const auto inputs = graph.inputs(v);
    ASSERT_EQ(inputs.empty(), layer.is("input")) << layer.name;
    ASSERT_TRUE(graph.num_consumers(v) > 0 || v == graph.output() || layer.training_only)
        << layer.name << " is used by nothing";
    for (const auto input : inputs) ASSERT_LT(input, v);
    for (const Dim* dim : {&layer.output.channels, &layer.output.height, &layer.output.width, &layer.exists})
      ASSERT_GT(dim->value(), 0) << layer.name;
    if (layer.is("conv")) {
      const Shape& in = graph[inputs.front()].output;
      ASSERT_EQ(in.channels.value() % layer.number("groups"), 0) << layer.name;
      ASSERT_EQ(layer.output.channels.value() % layer.number("groups"), 0) << layer.name;
      const std::int64_t k = layer.number("kernel"), side = in.height.value();
      const std::int64_t reduced = k % 2 == 0 ? (side - k) / layer.number("stride") + 1
                                              : (side + layer.number("stride") - 1) / layer.number("stride");
      ASSERT_EQ(layer.output.height.value(), reduced) << layer.name;
    }
    if (layer.is("add")) {
      ASSERT_EQ(graph[inputs[0]].output, layer.output);
      ASSERT_EQ(graph[inputs[1]].output, layer.output);
    }
    if (layer.is("conv") || layer.is("batch_norm") || layer.is("linear")) {
      ASSERT_TRUE(weights.insert(layer.name).second) << layer.name << " appears twice";
    }
  }
}

TEST(Builder, MakesSoundGraphsOfEverySpace) {
  for (const auto& info : known_spaces()) {
    const auto space = make_space(info.name);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      SCOPED_TRACE(testing::Message() << info.name << " seed " << seed);
      Rng rng(seed);
      const NetworkGraph graph = space->build(space->canonical(random_choices(*space, rng)), space->default_input());
      expect_sound(graph);
      EXPECT_TRUE(graph[graph.output()].is("linear"));
      EXPECT_EQ(graph[graph.output()].output.channels.value(), space->default_input().classes);
      std::vector<NetworkGraph::Vertex> order;
      boost::topological_sort(graph.graph(), std::back_inserter(order));  // throws on a cycle
      EXPECT_EQ(order.size(), graph.size());
    }
  }
}

TEST(Builder, MixEmitsTheChosenBranchAloneOrAWeightedSum) {
  const SearchSpace space = *make_space("nas_bench_macro");
  const auto mixes = [&](const Selection& selection) {
    const NetworkGraph graph = space.build(selection, space.default_input());
    std::size_t count = 0;
    for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
      if (!graph[v].is("mix")) continue;
      ++count;
      EXPECT_EQ(graph.inputs(v).size(), selection[graph[v].indicators.front().first_decision()].options.size());
    }
    return count;
  };
  EXPECT_EQ(mixes(space.parse("22212220")), 0U);
  EXPECT_EQ(mixes(Selection::everything(space.decisions())), 8U);
  std::vector<SelectedOptions> one_soft(8, SelectedOptions{{1}, Combine::kSum});
  one_soft[3].options = {0, 2};
  EXPECT_EQ(mixes(Selection(one_soft)), 1U);
}

std::size_t count_of(const NetworkGraph& graph, std::string_view kind) {
  std::size_t count = 0;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) count += graph[v].is(kind) ? 1 : 0;
  return count;
}

/// A network of one width, kernel, expansion and depth.
SearchSpace width_space() {
  return SearchSpace("widths", {3, 8, 8, 4}, [](Builder& b, Signal x, std::int64_t classes) {
    const Dim width = b.choose("width", {4, 8}, DecisionKind::kWidth);
    x = b.conv_bn("stem", x, {.out = width, .kernel = 3}, Activation::kReLU);
    x = b.repeat("depth", {1, 2}, x, [&](int i, Signal in) {
      auto scope = b.scope("block" + std::to_string(i));
      return b.residual(in, b.inverted_residual(in, {.out = width, .expansion = b.choose("expansion", {2, 3})}));
    });
    return b.linear("classifier", b.global_pool(x), classes);
  });
}

TEST(Builder, MasksOpenWidthsWhereChannelsMeet) {
  const SearchSpace space = width_space();
  const InputShape& input = space.default_input();
  // Behind the stem, and of each block in front of its projection and its sum.
  EXPECT_EQ(count_of(space.build(Selection::everything(space.decisions()), input), "mask"), 5U);
  EXPECT_EQ(count_of(space.build(Architecture{{0, 1, 0, 1}}, input), "mask"), 0U);
  EXPECT_EQ(count_of(space.build_everything(input), "mask"), 0U);
  std::vector<SelectedOptions> only_depth(4, SelectedOptions{{0}, Combine::kSum});
  only_depth[1].options = {0, 1};
  EXPECT_EQ(count_of(space.build(Selection(only_depth), input), "mask"), 0U);
}

TEST(Builder, RefusesOptionsCombinedAsTheyCannotBe) {
  const SearchSpace space = width_space();
  const auto build = [&](std::size_t decision, Combine combine) {
    std::vector<SelectedOptions> options(4, SelectedOptions{{0}, Combine::kSum});
    options[decision] = {{0, 1}, combine};
    return space.build(Selection(options), space.default_input());
  };
  EXPECT_THROWS_WITH(build(0, Combine::kSum), std::logic_error,
                     "decision 'width' selects 2 options, combined by a sum, but they are numbers");
  EXPECT_THROWS_WITH(
      build(0, Combine::kInterpolate), std::logic_error,
      "conv 'block0.expand': decision 'width' is combined by interpolation, but its widths have no layers "
      "(norms) of their own here; combine it by masks");
  EXPECT_THROWS_WITH(build(1, Combine::kMask), std::logic_error,
                     "decision 'depth' selects 2 options, combined by masks, but they are layers");
  EXPECT_THROWS_WITH(build(1, Combine::kInterpolate), std::logic_error,
                     "combined by interpolation, which is for widths; combine layers by a sum");
  EXPECT_THROWS_WITH(build(2, Combine::kInterpolate), std::logic_error,
                     "combined by interpolation, which is for widths; combine other numbers by masks");
  build(0, Combine::kMask);
  build(1, Combine::kSum);
}

/// Every kind of site, with a decision and without.
SearchSpace site_space() {
  return SearchSpace("sites", {8, 8, 8, 4}, [](Builder& b, Signal x, std::int64_t classes) {
    const auto relu = [&] { return b.activation(x, Activation::kReLU); };
    x = b.mix("op", x, {{"skip", [](Signal y) { return y; }}, {"relu", [&](Signal) { return relu(); }}});
    auto scope = b.scope("inner");
    x = b.sum_of("/both", 2, {{"0", [&] { return x; }}, {"1", relu}});
    x = b.sum_of("two", 2, {{"0", [&] { return x; }}, {"1", relu}, {"2", [&] { return b.max_pool(x, 3, 1); }}});
    x = b.repeat("depth", {0, 1, 2}, x, [&](int, Signal) { return x = relu(); });
    const Dim width = b.choose("width", {4, 8}, DecisionKind::kWidth);
    const auto norm_of = [&](Signal y, std::int64_t w) { return b.batch_norm("bn." + std::to_string(w), y); };
    Signal y = b.each_width(b.conv("conv", x, {.out = width}), norm_of);
    y = b.residual(x, y);
    y = b.when("widen", Dim(1) - Dim::equal(width, 8), y, [&](Signal z) { return b.conv("widen", z, {.out = 8}); });
    return b.linear("classifier", b.global_pool(y), classes);
  });
}

TEST(Builder, NamesSitesAsDecisionsAndWhereNoneIsMade) {
  const SearchSpace space = site_space();
  EXPECT_EQ(sites_of(space.build_everything(space.default_input())), (std::vector<Site>{{"op", 2},
                                                                                        {"both", 2},
                                                                                        {"inner.two", 3},
                                                                                        {"inner.depth", 3},
                                                                                        {"inner.width", 2},
                                                                                        {"inner.residual", 2},
                                                                                        {"inner.widen", 2}}));
  for (const Architecture& arch : testing_support::all_choices(space))
    EXPECT_TRUE(sites_of(space.build(arch, space.default_input())).empty());
  const auto clash = [] {
    SearchSpace("clash", {}, [](Builder& b, Signal x, std::int64_t) {
      const Builder::Term same{"x", [&] { return x; }};
      const Signal two = b.sum_of("a", 2, {same, same});
      return b.add(two, b.sum_of("a", 3, {same, same, same}));
    });
  };
  EXPECT_THROWS_WITH(clash(), std::logic_error, "site 'a' is met with 2 and with 3 inputs");
}

TEST(Builder, SaysWhichInputsOfASiteAreThere) {
  const SearchSpace space = site_space();
  std::vector<SelectedOptions> options(space.decisions().size(), SelectedOptions{{0}});
  options[0].options = {0, 1};
  options[1].options = {1};                 // terms 0 and 2
  options[2] = {{2}, Combine::kSum, true};  // depth 2
  const NetworkGraph graph = space.build(Selection(options), space.default_input());
  std::map<std::string, std::vector<std::uint16_t>> inputs;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    if (!graph[v].site.name.empty()) inputs[graph[v].site.name] = graph[v].site_inputs;
  EXPECT_EQ(inputs, (std::map<std::string, std::vector<std::uint16_t>>{
                        {"op", {0, 1}}, {"both", {0, 1}}, {"inner.two", {0, 2}}, {"inner.depth", {2}}}));
  EXPECT_FALSE(Selection(options).is_hard());
}

TEST(Builder, PassesOneInKChannelsThroughTheBranches) {
  const auto layers = [](std::int64_t partial, int stride) {
    Builder b({8, 5, 5, 4});
    const Signal y = b.mix("op", b.input(),
                           {{"pool", [&](Signal x) { return b.max_pool(x, 3, stride); }},
                            {"zero", [&](Signal x) { return b.zero(x, x.shape.channels, stride); }}},
                           {.partial = partial});
    const std::int64_t side = stride == 2 ? 3 : 5;
    EXPECT_EQ(y.shape, (Shape{8, side, side}));
    const NetworkGraph graph = b.finish(y);
    std::map<std::string, int> counts;
    for (NetworkGraph::Vertex v = 1; v < graph.size(); ++v) ++counts[std::string(graph[v].kind->name)];
    return counts;
  };
  using Counts = std::map<std::string, int>;
  EXPECT_EQ(layers(1, 2), (Counts{{"max_pool", 1}, {"zero", 1}, {"mix", 1}}));
  Counts partial{{"max_pool", 1}, {"zero", 1}, {"mix", 1}, {"slice", 2}, {"concat", 1}, {"channel_shuffle", 1}};
  EXPECT_EQ(layers(4, 1), partial);
  partial["max_pool"] = 2;  // what passes by
  EXPECT_EQ(layers(4, 2), partial);
}

TEST(Builder, RefusesPartialChannelsThatDoNotFit) {
  Builder b({8, 12, 12, 4});
  const auto mix = [&](std::int64_t partial, int stride, std::int64_t channels) {
    return b.mix("op", b.input(), {{"zero", [&](Signal x) { return b.zero(x, channels, stride); }}},
                 {.partial = partial});
  };
  EXPECT_THROWS_WITH(mix(3, 1, 2), std::logic_error, "a mix of one in 3 channels at '': that does not divide");
  EXPECT_THROWS_WITH(mix(0, 1, 2), std::logic_error, "a mix of one in 0 channels at '': that does not divide");
  EXPECT_THROWS_WITH(mix(4, 3, 2), std::logic_error, "the branches neither keep the shape nor halve its sides");
  EXPECT_THROWS_WITH(mix(4, 1, 4), std::logic_error, "the branches neither keep the shape nor halve its sides");
  EXPECT_THROWS_WITH(b.slice(b.input(), 4, 5), std::logic_error, "slice '': the channels asked for are not those");
  EXPECT_THROWS_WITH(b.channel_shuffle(b.input(), 3), std::logic_error, "the groups do not divide the channels");
  EXPECT_THROWS_WITH(b.layer("interpolate_channels", "", {b.input()}, {{"channels", 7}}), std::logic_error,
                     "the input has more channels than it is to be brought to");
}

/// The refusal of the soft network of everything; the space itself is fine.
std::string soft_refusal(const NetworkFunction& network) {
  const SearchSpace space("refused", {8, 12, 12, 4}, network);
  try {
    space.build(Selection::everything(space.decisions()), space.default_input());
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

TEST(Builder, RefusesSoftLayersWithoutAMeaning) {
  const auto side = [](Builder& b, Signal x, std::int64_t) {
    const Dim resolution = b.choose("resolution", {6, 8});
    return b.conv("a", b.resize(x, resolution, 8), {.out = 4});
  };
  EXPECT_EQ(soft_refusal(side),
            "resize '': its height depends on decision 'resolution', and a soft network runs at one size; select one "
            "option of it");
  const auto unequal = [](Builder& b, Signal x, std::int64_t) {
    return b.mix("pool", x,
                 {{"none", [](Signal y) { return y; }}, {"max", [&](Signal y) { return b.max_pool(y, 2, 2); }}});
  };
  EXPECT_EQ(soft_refusal(unequal),
            "mix '': its height depends on decision 'pool', and a soft network runs at one size; select one option of "
            "it");
  const auto even = [](Builder& b, Signal x, std::int64_t) {
    return b.conv("a", x, {.out = 4, .kernel = b.choose("kernel", {3, 4})});
  };
  EXPECT_THAT(soft_refusal(even), testing::StartsWith("conv 'a': its kernel is open and may be even"));
  const auto grouped = [](Builder& b, Signal x, std::int64_t) {
    return b.conv("a", x, {.out = b.choose("width", {4, 8}), .groups = 2});
  };
  EXPECT_THAT(soft_refusal(grouped), testing::StartsWith("conv 'a': the channels of a group are open"));
  const auto heads = [](Builder& b, Signal x, std::int64_t) {
    return b.attention("a", x, x, b.conv("v", x, {.out = b.choose("width", {4, 8})}), {.heads = 2});
  };
  EXPECT_THAT(soft_refusal(heads), testing::StartsWith("attention 'a': the channels of a head are open"));
  const auto joined = [](Builder& b, Signal x, std::int64_t) {
    return b.concat({b.conv("a", x, {.out = b.choose("width", {4, 8})}), x});
  };
  EXPECT_THAT(soft_refusal(joined), testing::StartsWith("concat '': the width of an input that others follow is open"));
  const auto last = [](Builder& b, Signal x, std::int64_t) {
    return b.concat({x, b.conv("a", x, {.out = b.choose("width", {4, 8})})});
  };
  EXPECT_EQ(soft_refusal(last), "");
  const auto part = [](Builder& b, Signal x, std::int64_t) {
    return b.slice(b.conv("a", x, {.out = b.choose("width", {4, 8})}), 0, 4);
  };
  EXPECT_THAT(soft_refusal(part), testing::StartsWith("slice '': the channels of its input are open"));
  const auto shuffled = [](Builder& b, Signal x, std::int64_t) {
    return b.channel_shuffle(b.conv("a", x, {.out = b.choose("width", {4, 8})}), 2);
  };
  EXPECT_THAT(soft_refusal(shuffled), testing::StartsWith("channel_shuffle '': its channels are open"));
  const auto widths = [](Builder& b, Signal x, std::int64_t) {
    const Dim a = b.choose("a", {4, 8}), c = b.choose("c", {1, 2});
    return b.each_width(b.conv("conv", x, {.out = a * c}), [](Signal y, std::int64_t) { return y; });
  };
  EXPECT_THROWS_WITH(SearchSpace("widths", {}, widths), std::logic_error,
                     "layers of each width at '': the width depends on more than one decision");
  const auto cut = [](Builder& b, Signal x, std::int64_t) {
    return b.truncate(b.conv("a", x, {.out = b.choose("width", {4, 8})}), b.choose("cut", {4, 16}));
  };
  EXPECT_THAT(soft_refusal(cut), testing::StartsWith("truncate '': more channels asked for than the widest input has"));
}

TEST(Builder, SaysWhatDecisionsAreAbout) {
  const SearchSpace widths = width_space();
  const auto decisions = widths.decisions();
  EXPECT_EQ(decisions[0].kind, DecisionKind::kWidth);
  EXPECT_EQ(decisions[0].values, (std::vector<std::int64_t>{4, 8}));
  EXPECT_EQ(decisions[1].kind, DecisionKind::kDepth);
  EXPECT_EQ(decisions[1].values, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(decisions[2].kind, DecisionKind::kOther);
  EXPECT_EQ(decisions[2].values, (std::vector<std::int64_t>{2, 3}));
  const auto cells = make_space("darts"), former = make_space("autoformer_28");
  for (const auto& decision : cells->decisions()) {
    EXPECT_EQ(decision.kind, decision.name.ends_with("inputs") ? DecisionKind::kSubset : DecisionKind::kBranch);
    EXPECT_TRUE(decision.values.empty()) << decision.name;
  }
  EXPECT_EQ(former->decisions()[former->decision_index("block0.mlp_ratio")].values,
            (std::vector<std::int64_t>{2, 4, 6}));
  const auto kind_of = [](const char* space, const char* decision) {
    const auto made = make_space(space);
    return made->decisions()[made->decision_index(decision)].kind;
  };
  EXPECT_EQ(kind_of("mobile_cnn", "stage0.block0.kernel"), DecisionKind::kKernel);
  EXPECT_EQ(kind_of("mobile_cnn", "stage0.block0.se"), DecisionKind::kBranch);
  EXPECT_EQ(kind_of("resnet_shape_20", "stage0.block0.conv_a.width"), DecisionKind::kWidth);
  EXPECT_EQ(kind_of("elastic_vit", "attention0.v_scale"), DecisionKind::kOther);
  const auto clash = [] {
    SearchSpace("clash", {}, [](Builder& b, Signal x, std::int64_t) {
      return b.conv("a", x,
                    {.out = b.choose("width", {8, 16}), .kernel = b.choose("width", {8, 16}, DecisionKind::kKernel)});
    });
  };
  EXPECT_THROWS_WITH(clash(), std::logic_error, "declared twice with different options or kinds");
}

TEST(Builder, DeclaresDecisionsInOrderOfFirstUseWithTheirScopes) {
  const SearchSpace space = nested_space();
  std::vector<std::string> names;
  for (const auto& decision : space.decisions()) names.push_back(decision.name);
  EXPECT_EQ(names, (std::vector<std::string>{"width", "depth", "block0.op", "block0.kernel", "block1.op",
                                             "block1.kernel", "tail", "tail_depth", "tail0.kernel", "tail1.kernel"}));
}

TEST(Builder, RefusesWhatWouldShareWeightsByAccident) {
  const auto twice = [] {
    SearchSpace("twice", {},
                [](Builder& b, Signal x, std::int64_t) { return b.conv("a", b.conv("a", x, {.out = 8}), {.out = 8}); });
  };
  EXPECT_THROWS_WITH(twice(), std::logic_error, "two layers are named 'a'");
  const auto clash = [] {
    SearchSpace("clash", {}, [](Builder& b, Signal x, std::int64_t) {
      x = b.conv("a", x, {.out = b.choose("width", {8, 16})});
      return b.conv("b", x, {.out = b.choose("width", {8, 32})});
    });
  };
  EXPECT_THROWS_WITH(clash(), std::logic_error, "declared twice with different options");
  const auto mismatch = [] {
    SearchSpace("mismatch", {},
                [](Builder& b, Signal x, std::int64_t) { return b.add(x, b.conv("a", x, {.out = 8})); });
  };
  EXPECT_THROWS_WITH(mismatch(), std::logic_error, "differ in shape");
}

TEST(Builder, RefusesSelectionsThatDoNotFit) {
  const SearchSpace space = nested_space();
  const auto& input = space.default_input();
  EXPECT_THROWS_WITH(space.build(Architecture{{0, 0}}, input), InvalidArchitecture, "has 2 decisions");
  std::vector<SelectedOptions> options(space.decisions().size(), SelectedOptions{{0}, Combine::kSum});
  options[1].options = {2, 1};
  EXPECT_THROWS_WITH(space.build(Selection(options), input), InvalidArchitecture, "'depth' must name options 0 to 2");
  options[1].options = {3};
  EXPECT_THROWS_WITH(space.build(Selection(options), input), InvalidArchitecture, "'depth' must name options 0 to 2");
  options[1].options = {};
  EXPECT_THROWS_WITH(space.build(Selection(options), input), InvalidArchitecture, "'depth' must name options 0 to 2");
}

std::vector<std::int64_t> sides(const Signal& x) {
  return {x.shape.channels.value(), x.shape.height.value(), x.shape.width.value()};
}

TEST(Builder, InfersTheShapesOfTokensResizedAndCutLayers) {
  using Sides = std::vector<std::int64_t>;
  Builder b({6, 10, 7, 5});
  const Signal x = b.input();
  EXPECT_EQ(sides(b.layer_norm("norm", x)), (Sides{6, 10, 7}));
  EXPECT_EQ(sides(b.resize(x, 20, 3)), (Sides{6, 20, 3}));
  EXPECT_EQ(b.resize(x, 10, 7).vertex, x.vertex);
  EXPECT_EQ(sides(b.shift(x)), (Sides{6, 10, 7}));
  EXPECT_EQ(sides(b.truncate(x, 4)), (Sides{4, 10, 7}));
  EXPECT_EQ(b.truncate(x, 6).vertex, x.vertex);
  EXPECT_EQ(sides(b.max_pool(x, 2, 2)), (Sides{6, 5, 4}));
  const Signal v = b.conv("v", x, {.out = 8});
  EXPECT_EQ(sides(b.attention("attention", x, x, v, {.heads = 2})), (Sides{8, 10, 7}));
  const Signal t = b.tokens("tokens", x);
  EXPECT_EQ(sides(t), (Sides{6, 71, 1}));
  EXPECT_EQ(sides(b.token_pool(t)), (Sides{6, 1, 1}));
}

TEST(Builder, RefusesTokenLayersThatDoNotFit) {
  Builder b({6, 4, 4, 5});
  const Signal x = b.input(), narrow = b.truncate(x, 3), small = b.max_pool(x, 2, 2), t = b.tokens("tokens", x);
  EXPECT_THROWS_WITH(b.attention("a", x, narrow, x, {}), std::logic_error, "attention 'a': queries, keys and values");
  EXPECT_THROWS_WITH(b.attention("a", x, x, small, {}), std::logic_error, "differ in shape");
  EXPECT_THROWS_WITH(b.attention("a", x, x, x, {.heads = 4}), std::logic_error, "heads do not divide the channels");
  EXPECT_THROWS_WITH(b.attention("a", narrow, narrow, x, {.heads = 2}), std::logic_error, "heads do not divide");
  const auto relative = [&](Signal s, int height, int width, int distance) {
    return b.attention(
        "r", s, s, s,
        {.position = Position::kRelative, .grid_height = height, .grid_width = width, .max_distance = distance});
  };
  EXPECT_THROWS_WITH(relative(x, 4, 4, 14), std::logic_error, "need a class token, the sides of the grid");
  EXPECT_THROWS_WITH(relative(t, 4, 3, 14), std::logic_error, "need a class token, the sides of the grid");
  EXPECT_THROWS_WITH(relative(t, 4, 4, 0), std::logic_error, "a distance of at least 1");
  EXPECT_THROWS_WITH(b.token_pool(x), std::logic_error, "no sequence of more than 1 tokens");
  EXPECT_THROWS_WITH(b.token_pool(t, 17), std::logic_error, "no sequence of more than 17 tokens");
  EXPECT_THROWS_WITH(b.truncate(x, 7), std::logic_error, "more channels asked for");
  relative(t, 4, 4, 14);
  EXPECT_THROWS_WITH(relative(t, 4, 4, 14), std::logic_error, "two layers are named 'r'");
}

TEST(Builder, KeepsLayersOfAuxiliaryOutputsApart) {
  Builder b({3, 8, 8, 5});
  const Signal x = b.conv("stem", b.input(), {.out = 4});
  Signal inside;
  b.auxiliary(0.5, [&] { return inside = b.linear("auxiliary", b.global_pool(x), 5); });
  EXPECT_THROWS_WITH(b.global_pool(inside), std::logic_error, "is for training alone");
  EXPECT_THROWS_WITH(b.finish(inside), std::logic_error, "is for training alone");
  EXPECT_THROWS_WITH(b.auxiliary(1, [&] { return x; }), std::logic_error, "no layers of its own");
  const NetworkGraph graph = b.finish(b.linear("classifier", b.global_pool(x), 5));
  ASSERT_EQ(graph.auxiliaries().size(), 1U);
  EXPECT_EQ(graph.auxiliaries()[0].vertex, inside.vertex);
  EXPECT_EQ(graph.auxiliaries()[0].weight, 0.5);
  EXPECT_EQ(cost(graph).params, 4 * 3 + 4 * 5 + 5);
  EXPECT_THAT(to_dot(graph, ""), testing::HasSubstr("style=dashed, label=\"linear\\nauxiliary"));
  Builder nested({3, 8, 8, 5});
  EXPECT_THROWS_WITH(nested.auxiliary(1,
                                      [&] {
                                        nested.auxiliary(1, [&] { return nested.input(); });
                                        return Signal{};
                                      }),
                     std::logic_error, "within another");
}

TEST(Builder, NamesAttentionInTheDot) {
  const SearchSpace space = testing_support::token_space();
  const std::string dot = to_dot(space.build(Architecture{{1, 0, 0, 0, 0}}, space.default_input()), "");
  for (const char* label :
       {"attention h2 relative\\nblock0.attention", "tokens\\ntokens", "gelu", "layer_norm\\nblock0.norm1"})
    EXPECT_THAT(dot, testing::HasSubstr(label));
}

TEST(Builder, DrawsEveryLayerOfTheDot) {
  const SearchSpace space = testing_support::mobilenet_v2();
  const NetworkGraph graph = space.build(Architecture{}, space.default_input());
  const std::string dot = to_dot(graph, "a \"title\"");
  EXPECT_THAT(dot, testing::HasSubstr("digraph \"a \\\"title\\\"\""));
  EXPECT_THAT(dot, testing::HasSubstr("block3.depthwise"));
  EXPECT_EQ(static_cast<std::size_t>(std::count(dot.begin(), dot.end(), '[')), graph.size() + 1);  // "node [" as well
}

TEST(Builder, TruncateKeepsTheFirstChannels) {
  Builder b({8, 4, 4, 10});
  const Signal cut = b.truncate(b.input(), 3);
  EXPECT_EQ(cut.shape, (Shape{3, 4, 4}));
  EXPECT_EQ(b.truncate(cut, 3).vertex, cut.vertex);
  EXPECT_THROWS_WITH(b.truncate(cut, 4), std::logic_error, "more channels asked for than the input has");
  const NetworkGraph graph = b.finish(cut);
  EXPECT_EQ(cost(graph).params, 0);
  EXPECT_EQ(cost(graph).macs, 0);
}

}  // namespace
}  // namespace frontier
