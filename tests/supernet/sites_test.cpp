#include <torch/autograd.h>
#include <torch/types.h>

#include <map>

#include "search_spaces/registry.h"
#include "supernet/program.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/runs.h"
#include "support/small_spaces.h"
#include "support/tensors.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Vertex = NetworkGraph::Vertex;
using Weights = std::map<std::string, at::Tensor, std::less<>>;

/// Two cells that share the weights of their sites: "all" adds both terms, "pair" two of three.
SearchSpace site_space() {
  return SearchSpace("sites", {3, 8, 8, 4}, [](Builder& b, Signal x, std::int64_t classes) {
    x = b.conv("stem", x, {.out = 6, .kernel = 3});
    for (const std::string cell : {"cell0", "cell1"}) {
      auto scope = b.scope(cell);
      const auto conv = [&](const char* name) { return [&b, x, name] { return b.conv(name, x, {.out = 6}); }; };
      const Signal y = b.sum_of("/all", 2, {{"0", conv("a")}, {"1", conv("b")}});
      const Signal z = b.sum_of("/pair", 2, {{"0", [x] { return x; }}, {"1", conv("c")}, {"2", conv("d")}});
      x = b.mix("/op", b.add(y, z), {{"skip", [](Signal s) { return s; }}, {"relu", [&](Signal s) {
                                                                              return b.activation(s, Activation::kReLU);
                                                                            }}});
    }
    return b.linear("classifier", b.global_pool(x), classes);
  });
}

/// The same network in ATen, of gates that weigh the two operations.
at::Tensor site_network(const WeightBank& bank, at::Tensor x, const at::Tensor& all, const at::Tensor& pair,
                        const at::Tensor& op) {
  const auto weight = [&](const std::string& name) { return bank.value(name + ".weight"); };
  x = at::conv2d(x, weight("stem"), {}, 1, 1);
  for (const std::string cell : {"cell0.", "cell1."}) {
    const auto conv = [&](const char* name) { return at::conv2d(x, weight(cell + name)); };
    const at::Tensor sum =
        all[0] * conv("a") + all[1] * conv("b") + pair[0] * x + pair[1] * conv("c") + pair[2] * conv("d");
    x = op[0] * sum + op[1] * sum.clamp_min(0);
  }
  return at::linear(x.mean(at::IntArrayRef{2, 3}), weight("classifier"), bank.value("classifier.bias"));
}

at::Tensor doubles(std::initializer_list<double> values) {
  return at::tensor(std::vector<double>(values), at::TensorOptions().dtype(at::kDouble));
}

Selection selecting(std::vector<SelectedOptions> options) { return Selection(std::move(options)); }

class Sites : public testing::Test {
 protected:
  at::Tensor run_soft(const Selection& selection, const Gates& gates) const {
    return logits(space_.build(selection, input_), bank_, images_, learning_gates(gates));
  }

  SearchSpace space_ = site_space();
  InputShape input_ = space_.default_input();
  NetworkGraph everything_ = space_.build_everything(input_);
  std::vector<Site> sites_ = sites_of(everything_);
  WeightBank bank_ = WeightBank(everything_, Rng(1), {.type = at::kDouble, .initializer = {}});
  at::Tensor images_ = normal_images({3, 3, 8, 8}, 1).to(at::kDouble);
  Selection everything_selected_ = Selection::everything(space_.decisions());
  at::Tensor pair_ = doubles({0.2, 0.3, 0.5}), op_ = doubles({0.6, 0.4});
  Gates gates_ = Gates(space_.decisions(), {pair_, op_});
};

TEST_F(Sites, WithoutWeightsOfTheirOwnTakeTheExpectationsOfTheirInputs) {
  // Pairs are 0+1, 0+2, 1+2.
  const at::Tensor expected = site_network(bank_, images_, doubles({1, 1}), doubles({0.5, 0.7, 0.8}), op_);
  EXPECT_LT(largest_difference(run_soft(everything_selected_, gates_), expected), 1e-12);
}

TEST_F(Sites, TakeTheirWeightsAndPassGradientsOn) {
  const std::vector<at::Tensor> leaves{doubles({0.7, -0.4}).set_requires_grad(true),
                                       doubles({1.5, 0.25, -2}).set_requires_grad(true)};
  const Gates gates = gates_.with_sites(sites_, {{"all", leaves[0]}, {"pair", leaves[1]}});
  const at::Tensor seen = run_soft(everything_selected_, gates);
  const at::Tensor expected = site_network(bank_, images_, leaves[0], leaves[1], op_);
  EXPECT_LT(largest_difference(seen, expected), 1e-12);
  const at::Tensor dy = normal_tensor({3, 4}, 5).to(at::kDouble);
  const auto of_seen = torch::autograd::grad({seen}, leaves, {dy}),
             of_expected = torch::autograd::grad({expected}, leaves, {dy});
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    EXPECT_LT(largest_difference(of_seen[i], of_expected[i]), 1e-12);
    EXPECT_GT(of_seen[i].abs().min().item<double>(), 1e-6);
  }
  EXPECT_EQ(bank_.gradients().count_nonzero().item<std::int64_t>(), 0);
  const at::Tensor without = logits(space_.build(everything_selected_, input_), bank_, images_, {.gates = &gates});
  EXPECT_FALSE(without.requires_grad());
  EXPECT_LT(largest_difference(without, expected), 1e-12);
}

/// PC-DARTS: gamma = softmax(beta), so that a gradient by beta has the sum 0.
TEST_F(Sites, EdgeNormalisationHasTheGradientOfItsSoftmax) {
  const at::Tensor beta = doubles({0.3, -0.2, 0.1}).set_requires_grad(true);
  const auto loss_at = [&](const at::Tensor& b) {
    const Gates gates = gates_.with_sites(sites_, {{"all", doubles({0.5, 0.5})}, {"pair", at::softmax(b, 0)}});
    return at::cross_entropy_loss(run_soft(everything_selected_, gates), random_labels(3, 4, 2));
  };
  const at::Tensor gradient = torch::autograd::grad({loss_at(beta)}, {beta}).front();
  EXPECT_NEAR(gradient.sum().item<double>(), 0, 1e-14);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto moved = [&](double by) {
      at::Tensor at = beta.detach().clone();
      at[i] += by;
      return loss_at(at).item<double>();
    };
    EXPECT_NEAR(gradient[i].item<double>(), (moved(1e-6) - moved(-1e-6)) / 2e-6, 1e-7);
    EXPECT_GT(std::abs(gradient[i].item<double>()), 1e-6);
  }
}

TEST_F(Sites, WeighWhatIsSelectedOfThem) {
  const Selection part = selecting({{{1}}, {{0, 1}}});  // terms 0 and 2
  const Gates gates =
      Gates(space_.decisions(), {at::Tensor(), op_}, part).with_sites(sites_, {{"pair", doubles({0.9, 5, -0.3})}});
  const at::Tensor expected = site_network(bank_, images_, doubles({1, 1}), doubles({0.9, 0, -0.3}), op_);
  EXPECT_LT(largest_difference(run_soft(part, gates), expected), 1e-12);
}

TEST_F(Sites, OfHardDecisionsMayHaveTheOnlyWeights) {
  const Selection part = selecting({{{1}}, {{1}, Combine::kSum, true}});
  const Gates gates = Gates(space_.decisions(), {at::Tensor(), doubles({0, 1})}, part);
  const Gates weighed = Gates().with_sites(sites_, {{"all", doubles({2, 3})}});
  EXPECT_EQ(weighed.options().dtype(), at::kDouble);
  EXPECT_FALSE(weighed[0].defined());
  const at::Tensor expected = site_network(bank_, images_, doubles({1, 1}), doubles({1, 0, 1}), doubles({0, 1}));
  EXPECT_LT(largest_difference(run_soft(part, gates), expected), 1e-12);
}

TEST_F(Sites, RefuseWeightsThatDoNotFitThem) {
  const auto with = [&](const Weights& weights) { return gates_.with_sites(sites_, weights); };
  EXPECT_THROWS_WITH(with({{"pairs", doubles({1, 1, 1})}}), std::logic_error,
                     "unknown site 'pairs'; did you mean 'pair'?");
  EXPECT_THROWS_WITH(with({{"pair", doubles({1, 1})}}), std::logic_error,
                     "the weights of site 'pair' have shape [2], not [3]");
  EXPECT_THROWS_WITH(with({{"pair", at::ones({3, 1}, at::kDouble)}}), std::logic_error,
                     "site 'pair' have shape [3, 1]");
  EXPECT_THROWS_WITH(with({{"pair", at::Tensor()}}), std::logic_error, "site 'pair' has weights that are undefined");
  EXPECT_THROWS_WITH(with({{"pair", at::ones({3})}}), std::logic_error, "the weights of site 'pair' are Float on cpu");
  const std::vector<Site> others{{"pair", 2}};
  const Gates gates = gates_.with_sites(others, {{"pair", doubles({1, 1})}});
  EXPECT_THROWS_WITH(run_soft(everything_selected_, gates), std::logic_error,
                     "site 'pair' has 3 inputs, and 2 weights");
}

/// One option of every decision, each with a gate.
Selection gated(const Architecture& arch) {
  std::vector<SelectedOptions> options;
  for (const auto choice : arch.choices) options.push_back({{choice}, Combine::kSum, true});
  return Selection(std::move(options));
}

TEST(GatedOptions, WithGatesOfOneAreTheHardNetwork) {
  Threads threads(1);
  std::vector<std::shared_ptr<const SearchSpace>> spaces;
  for (SearchSpace (*make)() : {nested_space, shared_decision_space, branch_space, token_space, site_space})
    spaces.push_back(std::make_shared<const SearchSpace>(make()));
  for (const char* name : {"mobile_cnn", "resnet_shape_20", "resnet_shape_20(norms=per_width)",
                           "darts(cells=3,channels=8,partial=2,search=true)"})
    spaces.push_back(make_space(name));
  for (const auto& space : spaces) {
    InputShape input = space->default_input();
    if (input.height > 12) input.height = input.width = input.height == 32 ? 8 : 12;
    WeightBank bank(space->build_everything(input), Rng(1), {.type = at::kDouble, .initializer = {}});
    const at::Tensor images = normal_images({4, input.channels, input.height, input.width}, 1).to(at::kDouble);
    const at::Tensor labels = random_labels(4, input.classes, 2);
    const auto run_and_learn = [&](const NetworkGraph& graph, const Gates* gates) {
      bank.gradients().zero_();
      const at::Tensor y = logits(graph, bank, images, training(gates));
      at::cross_entropy_loss(y, labels).backward();
      return y.detach();
    };
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      Rng rng(seed);
      const Architecture arch = space->random(rng);
      SCOPED_TRACE(space->name() + " " + space->to_string(arch));
      const at::Tensor expected = run_and_learn(space->build(arch, input), nullptr),
                       gradients = bank.gradients().clone();
      const Gates one_hot = Gates::one_hot(space->decisions(), arch, at::kDouble);
      std::vector<at::Tensor> values;
      for (std::size_t d = 0; d < arch.choices.size(); ++d) values.push_back(one_hot[d]);
      const Gates gates(space->decisions(), values, gated(arch));
      const at::Tensor seen = run_and_learn(space->build(gated(arch), input), &gates);
      EXPECT_LT(largest_difference(seen, expected), 1e-9);
      EXPECT_LT(largest_difference(bank.gradients(), gradients), 1e-9 + 1e-9 * gradients.abs().max().item<double>());
    }
  }
}

TEST(GatedOptions, HaveTheGradientOfWhatTheyMultiply) {
  const SearchSpace space = site_space();
  const InputShape input = space.default_input();
  const WeightBank bank(space.build_everything(input), Rng(1), {.type = at::kDouble, .initializer = {}});
  const Architecture arch{{1, 1}};  // terms 0 and 2; relu
  const NetworkGraph graph = space.build(gated(arch), input);
  std::vector<at::Tensor> values;
  for (const auto& decision : space.decisions()) {
    values.push_back(at::zeros({static_cast<std::int64_t>(decision.options.size())}, at::kDouble));
    values.back()[1] = 1;
    values.back().set_requires_grad(true);
  }
  const Gates gates(space.decisions(), values, gated(arch));
  for (std::size_t d = 0; d < values.size(); ++d) {
    SCOPED_TRACE(space.decisions()[d].name);
    // Of both cells: the layer that the gate is in, then its inputs.
    std::vector<Vertex> wanted{graph.output()};
    std::vector<std::size_t> layers;
    for (Vertex v = 0; v < graph.size(); ++v) {
      if (graph[v].site.name != space.decisions()[d].name) continue;
      layers.push_back(wanted.size());
      wanted.push_back(v);
      for (const Vertex in : graph.inputs(v)) wanted.push_back(in);
    }
    ASSERT_EQ(layers.size(), 2U);
    const auto seen =
        outputs(graph, bank, wanted, normal_images({3, 3, 8, 8}, 1).to(at::kDouble), learning_gates(gates));
    layers.push_back(wanted.size());
    const at::Tensor loss = at::cross_entropy_loss(seen[0], random_labels(3, 4, 2));
    double expected = 0;
    for (std::size_t l = 0; l + 1 < layers.size(); ++l) {
      const at::Tensor dy = torch::autograd::grad({loss}, {seen[layers[l]]}, {}, /*retain_graph=*/true).front();
      for (std::size_t in = layers[l] + 1; in < layers[l + 1]; ++in) expected += (dy * seen[in]).sum().item<double>();
    }
    EXPECT_GT(std::abs(expected), 1e-4);
    const at::Tensor gradient = torch::autograd::grad({loss}, {values[d]}).front();
    for (std::int64_t i = 0; i < gradient.size(0); ++i)
      EXPECT_NEAR(gradient[i].item<double>(), i == 1 ? expected : 0, 1e-12);
  }
}

TEST(GatedOptions, NeedGates) {
  const SearchSpace space = branch_space();
  const Architecture arch = space.parse("conv3,zero");
  EXPECT_FALSE(gated(arch).is_hard());
  EXPECT_THROWS_WITH(Gates(space.decisions(), std::vector<at::Tensor>(2), gated(arch)), std::logic_error,
                     "decision 'first.op' selects 1 options without gates");
}

/// A stem of 8 channels and one partial mix behind it.
class Partial : public testing::Test {
 protected:
  static SearchSpace space(std::int64_t partial, int stride) {
    return SearchSpace("partial", {3, 5, 7, 4}, [=](Builder& b, Signal x, std::int64_t classes) {
      x = b.conv("stem", x, {.out = 8, .kernel = 3});
      x = b.mix("op", x,
                {{"none", [&](Signal y) { return b.zero(y, y.shape.channels, stride); }},
                 {"pool", [&](Signal y) { return b.average_pool(y, 3, stride); }}},
                {.partial = partial});
      return b.linear("classifier", b.global_pool(x), classes);
    });
  }
  struct Values {
    at::Tensor in, out;
  };
  /// In front of the mix and behind all that it is made of.
  static Values values(const SearchSpace& space, const NetworkGraph& graph, const Gates* gates) {
    const WeightBank bank(space.build_everything(space.default_input()), Rng(1));
    Vertex in = 0, out = 0;
    for (Vertex v = 0; v < graph.size(); ++v) {
      if (graph[v].is("conv")) in = v;
      if (graph[v].is("global_pool")) out = graph.inputs(v).front();
    }
    const auto seen =
        outputs(graph, bank, std::vector<Vertex>{in, out}, normal_images({2, 3, 5, 7}, 1), {.gates = gates});
    return {seen[0], seen[1]};
  }
};

TEST_F(Partial, WhatPassesByIsThereToTheBit) {
  constexpr std::int64_t kPartial = 4;
  for (const int stride : {1, 2}) {
    const SearchSpace partial = space(kPartial, stride);
    const Architecture none{{0}};
    const Gates gates = Gates::one_hot(partial.decisions(), none);
    const InputShape& input = partial.default_input();
    for (const bool soft : {false, true}) {
      const NetworkGraph graph =
          partial.build(soft ? Selection::everything(partial.decisions()) : Selection(none), input);
      const auto [in, out] = values(partial, graph, soft ? &gates : nullptr);
      const at::Tensor rest = in.slice(1, 2);
      const at::Tensor passed = stride == 1 ? rest : at::max_pool2d(rest, 2, 2, 0, 1, /*ceil_mode=*/true);
      ASSERT_EQ(out.sizes(), (std::vector<std::int64_t>{2, 8, stride == 1 ? 5 : 3, stride == 1 ? 7 : 4}));
      for (std::int64_t j = 0; j < 2; ++j) {
        EXPECT_EQ(out.select(1, j * kPartial).count_nonzero().item<std::int64_t>(), 0);
        for (std::int64_t g = 1; g < kPartial; ++g)
          EXPECT_TRUE(same_bits(out.select(1, j * kPartial + g), passed.select(1, 2 * (g - 1) + j)));
      }
    }
  }
}

TEST_F(Partial, OfAllChannelsIsTheMixAlone) {
  const SearchSpace whole = space(1, 2);
  const NetworkGraph graph = whole.build(Selection::everything(whole.decisions()), whole.default_input());
  const Gates gates(whole.decisions(), {doubles({0.25, 0.75}).to(at::kFloat)});
  const auto [in, out] = values(whole, graph, &gates);
  const at::Tensor pooled = at::avg_pool2d(in, 3, 2, 1, false, /*count_include_pad=*/false);
  EXPECT_LT(largest_difference(out, 0.75 * pooled), 1e-6);
}

TEST_F(Partial, ShufflesAsTheFormulaSays) {
  const auto order = [](std::int64_t first, std::int64_t second) {
    Builder b({8, 1, 2, 4});
    Signal x = b.channel_shuffle(b.input(), first);
    if (second > 0) x = b.channel_shuffle(x, second);
    const Vertex wanted = x.vertex;
    const NetworkGraph graph = b.finish(b.linear("classifier", b.global_pool(x), 4));
    const at::Tensor channels = at::arange(8, at::kFloat).reshape({1, 8, 1, 1}).expand({1, 8, 1, 2});
    const at::Tensor y = outputs(graph, WeightBank(graph, Rng(1)), std::vector<Vertex>{wanted},
                                 channels.contiguous(at::MemoryFormat::ChannelsLast), {})
                             .front();
    EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
    std::vector<int> seen;
    for (std::int64_t c = 0; c < 8; ++c) seen.push_back(y[0][c][0][1].item<int>());
    return seen;
  };
  EXPECT_EQ(order(4, 0), (std::vector<int>{0, 2, 4, 6, 1, 3, 5, 7}));
  EXPECT_EQ(order(4, 2), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(order(1, 0), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

/// Gamma of 1 / (number of inputs) makes a node the mean of its mixed edges: the plain sum, scaled.
TEST(DartsSearch, SitesOfNodesWeighAllTheirEdges) {
  Threads threads(1);
  const auto space = make_space("darts(cells=3,channels=4,search=true)");
  const InputShape input{3, 8, 8, 10};
  const NetworkGraph everything = space->build_everything(input);
  const WeightBank bank(everything, Rng(1), {.type = at::kDouble, .initializer = {}});
  const NetworkGraph graph = space->build(Selection::everything(space->decisions()), input);
  std::vector<at::Tensor> uniform;
  for (const auto& decision : space->decisions()) {
    const auto n = static_cast<std::int64_t>(decision.options.size());
    uniform.push_back(at::full({n}, 1.0 / static_cast<double>(n), at::kDouble));
  }
  const Gates gates(space->decisions(), uniform);
  const at::Tensor images = normal_images({4, 3, 8, 8}, 1).to(at::kDouble);
  const auto weights = [&](double sum) {
    Weights all;
    for (const Site& site : sites_of(everything))
      if (site.name.ends_with("inputs")) {
        const auto n = static_cast<std::int64_t>(site.inputs);
        all[site.name] = at::full({n}, sum / static_cast<double>(n), at::kDouble);
      }
    return all;
  };
  const auto sites = sites_of(everything);
  const Gates two = gates.with_sites(sites, weights(2)), one = gates.with_sites(sites, weights(1));
  // Two of n inputs, each pair equally likely: every input counts 2 / n.
  const at::Tensor expected = logits(graph, bank, images, {.gates = &gates});
  EXPECT_LT(largest_difference(logits(graph, bank, images, {.gates = &two}), expected), 1e-12);
  // The first node alone, which reads what is not weighed before: half of it is the mean.
  const auto first = std::find_if(boost::vertices(graph.graph()).first, boost::vertices(graph.graph()).second,
                                  [&](Vertex v) { return graph[v].site.name == "normal.node0.inputs"; });
  const std::vector<Vertex> node{*first};
  EXPECT_LT(largest_difference(outputs(graph, bank, node, images, {.gates = &one}).front(),
                               outputs(graph, bank, node, images, {.gates = &two}).front() / 2),
            1e-12);
}

/// A convolution of open width with a norm of each width, and one that reads it.
SearchSpace width_space() {
  return SearchSpace("widths", {3, 6, 5, 4}, [](Builder& b, Signal x, std::int64_t classes) {
    const Dim width = b.choose("width", {3, 5, 8}, DecisionKind::kWidth);
    x = b.each_width(b.conv("a", x, {.out = width, .kernel = 3}),
                     [&](Signal y, std::int64_t w) { return b.batch_norm("a.bn." + std::to_string(w), y); });
    x = b.conv("b", b.activation(x, Activation::kReLU), {.out = 4});
    return b.linear("classifier", b.global_pool(x), classes);
  });
}

class Interpolation : public testing::Test {
 protected:
  Interpolation() {
    std::uint64_t seed = 1;
    for (const auto& p : bank_.parameters())
      if (p.shape.size() == 1) bank_.parameter(p).add_(normal_tensor(p.shape, ++seed, 0, 0.3));
    for (const auto& p : bank_.parameters()) leaves_[p.name] = bank_.parameter(p).clone().set_requires_grad(true);
  }

  /// sum over the options of p_i CWI(norm_i(first c_i channels)), to `widest`, by ATen.
  at::Tensor direct(const std::map<std::int64_t, at::Tensor>& p, std::int64_t widest) const {
    const auto weight = [&](const std::string& name) { return leaves_.at(name); };
    const at::Tensor y = at::conv2d(images_, weight("a.weight").slice(0, 0, widest), {}, 1, 1);
    at::Tensor sum;
    for (const auto& [width, gate] : p) {
      const std::string norm = "a.bn." + std::to_string(width);
      const at::Tensor z = at::batch_norm(y.slice(1, 0, width), weight(norm + ".weight"), weight(norm + ".bias"), {},
                                          {}, true, 0, 1e-5, false);
      const at::Tensor wide = at::adaptive_avg_pool1d(z.permute({0, 2, 3, 1}).flatten(1, 2), widest)
                                  .reshape({z.size(0), z.size(2), z.size(3), widest})
                                  .permute({0, 3, 1, 2});
      sum = sum.defined() ? sum + gate * wide : gate * wide;
    }
    const at::Tensor x = at::conv2d(sum.clamp_min(0), weight("b.weight").slice(1, 0, widest));
    return at::linear(x.mean(at::IntArrayRef{2, 3}), weight("classifier.weight"), weight("classifier.bias"));
  }

  static Selection of(std::vector<std::uint16_t> options) {
    return selecting({{std::move(options), Combine::kInterpolate}});
  }

  SearchSpace space_ = width_space();
  InputShape input_ = space_.default_input();
  WeightBank bank_ = WeightBank(space_.build_everything(input_), Rng(1), {.type = at::kDouble, .initializer = {}});
  std::map<std::string, at::Tensor> leaves_;
  at::Tensor images_ = normal_images({3, 3, 6, 5}, 1).to(at::kDouble);
};

TEST_F(Interpolation, IsTheFormulaForTwoWidths) {
  const std::vector<std::int64_t> widths{3, 5, 8};
  for (const auto& [i, j] : std::vector<std::pair<int, int>>{{0, 1}, {0, 2}, {1, 2}}) {
    SCOPED_TRACE(testing::Message() << widths[i] << " and " << widths[j]);
    at::Tensor p = at::zeros({3}, at::kDouble);
    p[i] = 0.3;
    p[j] = 0.6;
    p.set_requires_grad(true);
    const Selection selection = of({static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(j)});
    const NetworkGraph graph = space_.build(selection, input_);
    for (Vertex v = 0; v < graph.size(); ++v) EXPECT_FALSE(graph[v].is("mask"));
    const Gates gates(space_.decisions(), {p}, selection);
    const at::Tensor seen = logits(graph, bank_, images_, {.learn = Learn::kWeights | Learn::kGates, .gates = &gates});
    const at::Tensor expected = direct({{widths[i], p[i]}, {widths[j], p[j]}}, widths[j]);
    EXPECT_LT(largest_difference(seen, expected), 1e-12);
    const at::Tensor labels = random_labels(3, 4, 2);
    bank_.gradients().zero_();
    at::cross_entropy_loss(seen, labels).backward();
    const at::Tensor by_gates = p.grad().clone();
    p.mutable_grad().reset();
    for (auto& [name, leaf] : leaves_) leaf.mutable_grad().reset();
    at::cross_entropy_loss(expected, labels).backward();
    EXPECT_LT(largest_difference(by_gates, p.grad()), 1e-12);
    EXPECT_GT(by_gates.abs().max().item<double>(), 1e-4);
    for (const auto& parameter : bank_.parameters()) {
      const at::Tensor& by_weight = leaves_.at(parameter.name).grad();
      const at::Tensor own = bank_.gradient_slice(parameter.name, parameter.shape);
      EXPECT_LT(largest_difference(own, by_weight.defined() ? by_weight : at::zeros_like(own)), 1e-12)
          << parameter.name;
    }
    // Costs stay expectations: the convolution behind reads 0.3 c_i + 0.6 c_j channels.
    for (Vertex v = 0; v < graph.size(); ++v) {
      if (graph[v].name != "b") continue;
      EXPECT_NEAR(soft::expectation(layer_macs(graph, v), gates).item<double>(),
                  4.0 * 6 * 5 * (0.3 * static_cast<double>(widths[i]) + 0.6 * static_cast<double>(widths[j])), 1e-9);
    }
  }
}

TEST_F(Interpolation, OfOneHotGatesIsThatWidthBroughtToTheLargest) {
  const Selection selection = of({0, 2});
  const NetworkGraph graph = space_.build(selection, input_);
  const at::Tensor one = at::ones({}, at::kDouble);
  for (const std::uint16_t option : std::vector<std::uint16_t>{0, 2}) {
    const Gates all = Gates::one_hot(space_.decisions(), Architecture{{option}}, at::kDouble);
    const Gates gates(space_.decisions(), {all[0]}, selection);
    const at::Tensor seen = logits(graph, bank_, images_, {.gates = &gates});
    EXPECT_LT(largest_difference(seen, direct({{option == 0 ? 3 : 8, one}}, 8)), 1e-12);
    const at::Tensor hard = logits(space_.build(Architecture{{option}}, input_), bank_, images_, {});
    // The largest is itself; a narrower one is read by other weights than in its own network.
    EXPECT_EQ(largest_difference(seen, hard) < 1e-12, option == 2);
  }
}

TEST_F(Interpolation, OfOneWidthIsTheHardNetwork) {
  for (const std::uint16_t option : std::vector<std::uint16_t>{0, 1, 2}) {
    const Architecture arch{{option}};
    const at::Tensor hard = logits(space_.build(arch, input_), bank_, images_, {});
    const Gates one_hot = Gates::one_hot(space_.decisions(), arch, at::kDouble);
    const Selection gated = selecting({{{option}, Combine::kInterpolate, true}});
    const Gates gates(space_.decisions(), {one_hot[0]}, gated);
    EXPECT_TRUE(same_bits(logits(space_.build(of({option}), input_), bank_, images_, {}), hard));
    EXPECT_LT(largest_difference(logits(space_.build(gated, input_), bank_, images_, {.gates = &gates}), hard), 1e-12);
  }
}

TEST_F(Interpolation, NeedsNormsOfEachWidth) {
  const auto build = [](const char* name) {
    const auto space = make_space(name);
    Selection all = Selection::everything(space->decisions());
    std::vector<SelectedOptions> options(all.decisions().begin(), all.decisions().end());
    for (std::size_t d = 0; d < options.size(); ++d)
      if (space->decisions()[d].kind == DecisionKind::kWidth) options[d] = {{1, 4}, Combine::kInterpolate};
    return space->build(Selection(std::move(options)), {3, 8, 8, 10});
  };
  EXPECT_THROWS_WITH(build("resnet_shape_20"), std::logic_error,
                     "conv 'stage0.block0.conv_a': decision 'stem.width' is combined by interpolation, but its widths "
                     "have no layers (norms) of their own here; combine it by masks");
  const NetworkGraph graph = build("resnet_shape_20(norms=per_width)");
  std::int64_t interpolations = 0;
  for (Vertex v = 0; v < graph.size(); ++v) {
    EXPECT_FALSE(graph[v].is("mask"));
    interpolations += graph[v].is("interpolate_channels");
  }
  EXPECT_EQ(interpolations, 2 * (19 + 9));  // two widths of every convolution, those of shortcuts included
}

}  // namespace
}  // namespace frontier
