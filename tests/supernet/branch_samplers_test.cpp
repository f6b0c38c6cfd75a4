// PC-DARTS, GDAS and DrNAS: what they hand to the trainer, and what they derive. samplers_test.cpp has DARTS.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <map>
#include <memory>
#include <regex>
#include <string>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "supernet/samplers/drnas.h"
#include "supernet/samplers/gdas.h"
#include "supernet/samplers/gumbel.h"
#include "supernet/samplers/pc_darts.h"
#include "support/branch_spaces.h"
#include "support/messages.h"

namespace frontier {
namespace {

using Space = std::shared_ptr<const SearchSpace>;

/// DARTS' cells, small.
Space cells() {
  static const Space space = make_space("darts(cells=3,channels=8,partial=4,search=true)");
  return space;
}

template <class S>
std::unique_ptr<S> make(const Space& space, const nlohmann::json& options = nlohmann::json::object(),
                        std::uint64_t seed = 0) {
  typename S::Options read;
  read_options(options, "sampler", read);
  return std::make_unique<S>(space, space->default_input(), read, Rng(seed));
}

/// The parameters, by the names that checkpoints have.
TensorMap parameters_of(Sampler& sampler) { return sampler.groups().front().store->tensors(); }

void set(Sampler& sampler, const std::string& name, const std::vector<float>& values) {
  sampler.groups().front().store->value(name).copy_(at::tensor(values));
}

void set_all(Sampler& sampler, float value) { sampler.groups().front().store->values().fill_(value); }

/// The subnet of the work that learns the logits.
Candidate on_logits(Sampler& sampler, Rng& rng, std::size_t works = 0, std::int64_t step = 0) {
  const auto work = sampler.next({step, 10, works, {}}, rng);
  EXPECT_EQ(work->learn, Learn::kGates);
  EXPECT_EQ(work->stream, Stream::kArchitecture);
  EXPECT_EQ(work->then_step, std::vector<std::string>{"architecture"});
  return work->subnets.front();
}

TEST(PcDarts, WeighsTheEdgesOfEveryNodeByASoftmaxOfTheirOwn) {
  const auto sampler = make<PcDartsSampler>(cells(), {{"warmup_share", 0}});
  Rng rng(1);
  for (const float beta : {0.0F, -1.0F}) {  // as they start, then all alike
    if (beta != 0) set_all(*sampler, beta);
    const Candidate subnet = on_logits(*sampler, rng);
    for (const std::string cell : {"normal", "reduce"})
      for (std::size_t node = 0; node < 4; ++node) {
        const at::Tensor& weights = subnet.gates->site(cell + ".node" + std::to_string(node) + ".inputs");
        ASSERT_EQ(weights.numel(), static_cast<std::int64_t>(node + 2));
        EXPECT_TRUE(weights.requires_grad());
        EXPECT_NEAR(weights.sum().item<double>(), 1, 1e-6);
        if (beta != 0) {
          EXPECT_LT((weights - 1.0 / static_cast<double>(node + 2)).abs().max().item<double>(), 1e-6);
        }
      }
  }
  EXPECT_EQ(parameters_of(*sampler).size(), 28U + 8);  // operations of every edge, edges of every node
  EXPECT_FALSE(sampler->unrolls());
}

TEST(PcDarts, TrainsWeightsAloneUntilItIsWarm) {
  const auto sampler = make<PcDartsSampler>(cells());  // 0.3 of 10 steps
  Rng rng(1);
  for (std::int64_t step = 0; step < 10; ++step) {
    const auto first = sampler->next({step, 10, 0, {}}, rng);
    EXPECT_EQ(first->learn, step < 3 ? Learn::kWeights : Learn::kGates) << step;
    EXPECT_EQ(sampler->next({step, 10, 1, {}}, rng).has_value(), step >= 3);
  }
}

const std::string kPublished =
    "Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0), ('dil_conv_3x3', 1), "
    "('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), ('dil_conv_3x3', 1)], normal_concat=range(2, 6), "
    "reduce=[('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_5x5', 2), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2)], reduce_concat=range(2, 6))";

TEST(PcDarts, DerivesTheEdgesAndOperationsOfTheGreatestProducts) {
  const Space space = cells();
  const Architecture wanted = space->parse(kPublished);
  for (const std::string edge_score : {"product", "edges"}) {
    const auto sampler = make<PcDartsSampler>(space, {{"edge_score", edge_score}});
    set_all(*sampler, 0);
    const auto& decisions = space->decisions();
    const Edges edges = edges_of(*space, space->default_input());
    for (const EdgeSite& site : edges.sites) {
      std::vector<float> beta(site.site.inputs, 0);
      for (std::size_t from = 0; from < site.site.inputs; ++from) {
        const std::size_t d = *site.operations[from];
        const std::string pair = site.subset ? decisions[*site.subset].options[wanted.choices[*site.subset]] : "0+1";
        const bool taken = pair.find(std::to_string(from)) != std::string::npos;
        std::vector<float> alpha(8, 0);
        alpha[7] = 3;  // none would win, were it an operation
        if (taken) alpha[wanted.choices[d]] = 1;
        if (taken) beta[from] = 1;
        set(*sampler, decisions[d].name, alpha);
      }
      set(*sampler, "edges." + site.site.name, beta);
    }
    EXPECT_EQ(space->to_string(*sampler->derive()), space->to_string(wanted)) << edge_score;
  }
}

TEST(PcDarts, TheWeightOfAnEdgeMayOutweighItsOperation) {
  const Space space = cells();
  const auto derived_pair = [&](const std::string& edge_score, bool normalised, float beta) -> std::string {
    nlohmann::json options = {{"edge_normalisation", normalised}, {"edge_score", edge_score}};
    const auto sampler = make<PcDartsSampler>(space, options);
    set_all(*sampler, 0);
    // Of the three edges of a node the third has the surest operation.
    set(*sampler, "normal.node1.from0", {0, 0, 0, 1, 0, 0, 0, 0});
    set(*sampler, "normal.node1.from1", {0, 0, 0, 1, 0, 0, 0, 0});
    set(*sampler, "normal.node1.from2", {0, 0, 0, 2, 0, 0, 0, 0});
    if (normalised) set(*sampler, "edges.normal.node1.inputs", {0, 0, beta});
    std::smatch found;  // canonical forms number nodes anew, so the third input need not be called 2
    const std::string text = space->to_string(*sampler->derive());
    EXPECT_TRUE(std::regex_search(text, found, std::regex("'sep_conv_3x3', 0.*?'sep_conv_3x3', ([0-9])"))) << text;
    return found[1] == "1" ? "0+1" : "0+2";
  };
  // softmax: 0.279 for a logit of 1 among eight, 0.514 for 2: the third edge loses where its weight is less than half.
  EXPECT_EQ(derived_pair("product", true, 0), "0+2");
  EXPECT_EQ(derived_pair("product", true, -0.5F), "0+2");
  EXPECT_EQ(derived_pair("product", true, -1), "0+1");
  EXPECT_EQ(derived_pair("edges", true, -0.5F), "0+1");
  EXPECT_EQ(derived_pair("product", false, 0), "0+2");
}

TEST(PcDarts, WithoutEdgeNormalisationEdgesAreAddedUp) {
  const auto sampler = make<PcDartsSampler>(cells(), {{"edge_normalisation", false}, {"warmup_share", 0}});
  EXPECT_EQ(parameters_of(*sampler).size(), 28U);
  Rng rng(1);
  const Candidate subnet = on_logits(*sampler, rng);
  EXPECT_TRUE(at::equal(subnet.gates->site("normal.node2.inputs"), at::ones({4})));
  EXPECT_THROWS_WITH(make<PcDartsSampler>(cells(), {{"edge_normalisation", false}, {"edge_score", "edges"}}),
                     UsageError, "no effect without edge normalisation");
  EXPECT_THROWS_WITH(make<PcDartsSampler>(make_space("mobile_cnn")), UsageError,
                     "sampler 'pc_darts' sums branches; 'mobile_cnn' has decisions about the size of layers");
}

TEST(PcDarts, OnNasBench201NoneMayBeDerived) {
  const Space space = make_space("nas_bench_201(partial=4)");
  const auto sampler = make<PcDartsSampler>(space, {{"warmup_share", 0}});
  set_all(*sampler, 0);
  set(*sampler, "edge0-2", {2, 0, 0, 0, 0});
  set(*sampler, "edge0-1", {0, 0, 2, 0, 0});
  set(*sampler, "edge1-2", {0, 0, 0, 2, 0});
  set(*sampler, "edge0-3", {0, 0, 0, 2, 0});
  set(*sampler, "edge1-3", {0, 0, 0, 0, 2});
  set(*sampler, "edge2-3", {0, 2, 0, 0, 0});
  EXPECT_EQ(space->to_string(*sampler->derive()),
            "|nor_conv_1x1~0|+|none~0|nor_conv_3x3~1|+|nor_conv_3x3~0|avg_pool_3x3~1|skip_connect~2|");
  Rng rng(1);
  EXPECT_EQ(on_logits(*sampler, rng).gates->site("node3").numel(), 3);
}

TEST(Gdas, ADrawHasTheGradientOfItsSoftmax) {
  // An example counted by hand.
  const at::Tensor logits = at::tensor({.2, -.1, 0., .3, -.4}, at::kDouble).requires_grad_();
  const at::Tensor noise = at::tensor({.5, -.2, .1, 0., .7}, at::kDouble);
  const at::Tensor drawn = straight_through(logits, noise, 1);
  EXPECT_TRUE(at::equal(drawn, at::tensor({1., 0., 0., 0., 0.}, at::kDouble)));
  drawn[0].backward();
  EXPECT_TRUE(
      at::allclose(logits.grad(), at::tensor({.212751, -.034672, -.051725, -.063177, -.063177}, at::kDouble), 0, 1e-6));
  // The softmax itself, from the Jacobian of the draw at another temperature.
  const at::Tensor again = logits.detach().clone().requires_grad_();
  straight_through(again, noise, 0.5)[3].backward();
  const auto soft = [&](const at::Tensor& l) { return at::softmax((at::log_softmax(l, 0) + noise) / 0.5, 0)[3]; };
  for (std::int64_t i = 0; i < 5; ++i) {
    at::Tensor up = logits.detach().clone(), down = up.clone();
    up[i] += 1e-6;
    down[i] -= 1e-6;
    EXPECT_NEAR(again.grad()[i].item<double>(), (soft(up) - soft(down)).item<double>() / 2e-6, 1e-8);
  }
}

TEST(Gdas, DrawsBranchesByTheirProbabilitiesAtAnyTemperature) {
  const Space space = std::make_shared<const SearchSpace>(testing_support::branch_space());
  for (const double temperature : {10.0, 0.1}) {
    const auto sampler = make<GdasSampler>(space, {{"temperature", temperature}, {"temperature_end", temperature}});
    set(*sampler, "first.op", {1, 0, -1, 0.5F});
    const at::Tensor p = at::softmax(at::tensor({1., 0., -1., 0.5}), 0);
    Rng rng(4);
    std::map<int, int> counts;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const auto work = sampler->next({0, 10, 0, {}}, rng);
      const SelectedOptions& selected = work->subnets.front().selection[0];
      ASSERT_TRUE(selected.gated);
      ASSERT_EQ(selected.options.size(), 1U);
      ++counts[selected.options.front()];
    }
    double chi_square = 0;
    for (int i = 0; i < 4; ++i) {
      const double expected = kDraws * p[i].item<double>();
      chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    EXPECT_LT(chi_square, 16.3) << temperature;  // 3 degrees of freedom, one in a thousand
  }
}

TEST(Gdas, TrainsWeightsFirstAndRunsOneOperationAnEdge) {
  const auto sampler = make<GdasSampler>(cells());
  Rng rng(2);
  const auto first = sampler->next({0, 10, 0, {}}, rng);
  EXPECT_EQ(first->learn, Learn::kWeights);
  const Candidate subnet = on_logits(*sampler, rng, 1);
  EXPECT_FALSE(sampler->next({0, 10, 2, {}}, rng).has_value());
  for (std::size_t d = 0; d < cells()->decisions().size(); ++d) {
    const bool is_edge = cells()->decisions()[d].kind == DecisionKind::kBranch;
    EXPECT_EQ(subnet.selection[d].options.size(), is_edge ? 1U : cells()->decisions()[d].options.size());
    EXPECT_EQ((*subnet.gates)[d].requires_grad(), is_edge);
  }
  EXPECT_TRUE(at::equal(subnet.gates->site("reduce.node3.inputs"), at::ones({5})));
}

TEST(Gdas, TheTemperatureFalls) {
  const Space space = std::make_shared<const SearchSpace>(testing_support::branch_space());
  const auto sampler = make<GdasSampler>(space);
  // At a temperature of 10 the gradient of a draw is spread out, at 0.1 it is nearly nothing.
  const auto gradient = [&](std::int64_t step) {
    Rng rng(3);
    sampler->groups().front().store->clear_gradients();
    const Candidate subnet = on_logits(*sampler, rng, 1, step);
    (*subnet.gates)[0].square().sum().backward();
    return sampler->groups().front().store->gradients().abs().sum().item<double>();
  };
  EXPECT_GT(gradient(0), 0);
  EXPECT_NE(gradient(0), gradient(9));
}

TEST(Drnas, DrawsLieOnTheSimplexWithTheMeanOfTheirDistribution) {
  const at::Tensor b = at::tensor({2., .5, 1., 3.}, at::kDouble);
  constexpr int kDraws = 20000;
  at::Tensor sum = at::zeros({4}, at::kDouble);
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const at::Tensor theta = sample_dirichlet(b, i);
    ASSERT_NEAR(theta.sum().item<double>(), 1, 1e-12);
    ASSERT_GE(theta.min().item<double>(), 0);
    sum += theta;
  }
  const at::Tensor mean = b / b.sum(), deviation = at::sqrt(mean * (1 - mean) / (b.sum() + 1));
  EXPECT_LT(((sum / kDraws - mean).abs() / deviation).max().item<double>(), 4 / std::sqrt(kDraws));
  EXPECT_TRUE(at::equal(sample_dirichlet(b, 7), sample_dirichlet(b, 7)));
}

TEST(Drnas, ThePathwiseDerivativeIsThatOfTheMean) {
  const at::Tensor b = at::tensor({2., .5, 1., 3.}, at::kDouble).requires_grad_();
  const at::Tensor c = at::tensor({1., -2., .5, 3.}, at::kDouble);
  constexpr int kDraws = 20000;
  at::Tensor sum = at::zeros({4}, at::kDouble), squares = at::zeros({4}, at::kDouble);
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    (sample_dirichlet(b, i) * c).sum().backward();
    sum += b.grad();
    squares += b.grad().square();
    b.mutable_grad().zero_();
  }
  const at::Tensor total = b.detach().sum(), expected = (c - (c * b.detach()).sum() / total) / total;
  const at::Tensor mean = sum / kDraws, error = at::sqrt((squares / kDraws - mean.square()) / kDraws);
  EXPECT_LT(((mean - expected).abs() / error).max().item<double>(), 4);
}

TEST(Drnas, TheAnchorIsADivergence) {
  EXPECT_NEAR(divergence_from_flat(at::tensor({2., 1., 1., 1., 1.}, at::kDouble)).item<double>(), .326105, 1e-6);
  EXPECT_NEAR(divergence_from_flat(at::ones({5}, at::kDouble)).item<double>(), 0, 1e-12);
  const auto decayed = make<DrnasSampler>(cells()), pulled = make<DrnasSampler>(cells(), {{"anchor", "kl"}});
  Rng rng(1);
  const auto work = pulled->next({0, 10, 0, {}}, rng);
  EXPECT_FALSE(decayed->penalty(*work, work->subnets.front()).defined());
  EXPECT_EQ(decayed->groups().front().options.optimizer.weight_decay, 1e-3);
  EXPECT_EQ(pulled->groups().front().options.optimizer.weight_decay, 0);
  set_all(*pulled, 0);
  EXPECT_NEAR(pulled->penalty(*work, work->subnets.front()).item<double>(), 0, 1e-9);
  set(*pulled, "normal.node0.from0", {1, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_NEAR(pulled->penalty(*work, work->subnets.front()).item<double>(),
              1e-3 * divergence_from_flat(at::tensor({2., 1., 1., 1., 1., 1., 1., 1.}, at::kDouble)).item<double>(),
              1e-8);
  EXPECT_THROWS_WITH(make<DrnasSampler>(cells(), {{"anchor", "kl"}, {"weight_decay", 0.1}}), UsageError,
                     "no effect with sampler.anchor = kl");
  EXPECT_THROWS_WITH(make<DrnasSampler>(cells(), {{"anchor_weight", 0.1}}), UsageError,
                     "no effect with sampler.anchor = decay");
}

TEST(Drnas, DerivesTheLargestMeans) {
  const Space space = std::make_shared<const SearchSpace>(testing_support::branch_space());
  const auto sampler = make<DrnasSampler>(space);
  set(*sampler, "first.op", {0, 1, 2, -3});
  set(*sampler, "second.op", {5, -1, 2, -3});
  EXPECT_EQ(sampler->derive(), (Architecture{{2, 0}}));
  const auto metrics = sampler->metrics();
  EXPECT_EQ(metrics.front().first, "entropy");
  double shares = 0;
  for (std::size_t i = 1; i < metrics.size(); ++i) shares += metrics[i].second;
  EXPECT_NEAR(shares, 1, 1e-9);
}

}  // namespace
}  // namespace frontier
