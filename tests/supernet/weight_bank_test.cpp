#include "supernet/weight_bank.h"

#include <torch/types.h>

#include <algorithm>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/small_spaces.h"
#include "support/tensors.h"
#include "support/token_spaces.h"

namespace frontier {
namespace {

using testing_support::nested_space;
using testing_support::same_bits;

const Parameter& find(const WeightBank& bank, const std::string& name) {
  const auto it = std::find_if(bank.parameters().begin(), bank.parameters().end(),
                               [&](const Parameter& p) { return p.name == name; });
  if (it == bank.parameters().end()) throw std::runtime_error("no " + name);
  return *it;
}

NetworkGraph everything(const SearchSpace& space) { return space.build_everything(space.default_input()); }

TEST(WeightBank, HoldsEveryParameterAtItsLargestShape) {
  const auto space = make_space("mobile_cnn");
  const WeightBank bank(everything(*space), Rng(0));
  using Shape = std::vector<std::int64_t>;
  // The widest of stem 16, stages 16, 32, 64, expansion 4, kernel 7, head 128, 10 classes.
  EXPECT_EQ(find(bank, "stem.weight").shape, (Shape{16, 1, 3, 3}));
  EXPECT_EQ(find(bank, "stem.bn.bias").shape, (Shape{16}));
  EXPECT_EQ(find(bank, "stage0.block0.expand.weight").shape, (Shape{64, 16, 1, 1}));
  EXPECT_EQ(find(bank, "stage1.block0.depthwise.weight").shape, (Shape{64, 1, 7, 7}));
  EXPECT_EQ(find(bank, "stage1.block0.squeeze_excite.reduce.weight").shape, (Shape{16, 64, 1, 1}));
  EXPECT_EQ(find(bank, "stage1.block0.squeeze_excite.reduce.bias").shape, (Shape{16}));
  EXPECT_EQ(find(bank, "stage2.block2.project.weight").shape, (Shape{64, 256, 1, 1}));
  EXPECT_EQ(find(bank, "head.weight").shape, (Shape{128, 64, 1, 1}));
  EXPECT_EQ(find(bank, "classifier.weight").shape, (Shape{10, 128}));
  EXPECT_EQ(find(bank, "classifier.bias").shape, (Shape{10}));
}

TEST(WeightBank, ParametersFillTheBufferAndDecayedOnesComeFirst) {
  for (const char* name : {"mobile_cnn", "nas_bench_macro"}) {
    const auto space = make_space(name);
    const WeightBank bank(everything(*space), Rng(0));
    std::int64_t offset = 0;
    for (const auto& p : bank.parameters()) {
      EXPECT_EQ(p.offset, offset) << p.name;
      const bool norm_or_bias = p.shape.size() == 1;
      EXPECT_EQ(p.offset >= bank.num_decayed(), norm_or_bias) << p.name;
      if (p.name.ends_with(".bias")) {
        EXPECT_TRUE(norm_or_bias);
      }
      offset += p.numel;
    }
    EXPECT_EQ(bank.num_scalars(), offset);
    EXPECT_EQ(bank.gradients().numel(), offset);
    EXPECT_EQ(bank.gradients().abs().max().item<double>(), 0);
  }
}

TEST(WeightBank, ConvolutionWeightsLieChannelsLast) {
  const auto space = make_space("mobile_cnn");
  const WeightBank bank(everything(*space), Rng(0));
  for (const auto& p : bank.parameters())
    if (p.shape.size() == 4) {
      EXPECT_TRUE(bank.parameter(p).is_contiguous(at::MemoryFormat::ChannelsLast)) << p.name;
    }
}

TEST(WeightBank, SlicesAreViewsOfTheFirstChannelsAndTheCentreOfKernels) {
  const auto space = make_space("mobile_cnn");
  const WeightBank bank(everything(*space), Rng(3));
  const std::string name = "stage1.block0.depthwise.weight";
  const at::Tensor whole = bank.parameter(find(bank, name));
  for (const std::int64_t k : {3, 5, 7}) {
    const at::Tensor slice = bank.slice(name, {24, 1, k, k});
    EXPECT_TRUE(same_bits(slice, whole.narrow(0, 0, 24).narrow(2, (7 - k) / 2, k).narrow(3, (7 - k) / 2, k)));
  }
  const at::Tensor expand = bank.slice("stage1.block0.expand.weight", {20, 8, 1, 1});
  EXPECT_TRUE(
      same_bits(expand, bank.parameter(find(bank, "stage1.block0.expand.weight")).narrow(0, 0, 20).narrow(1, 0, 8)));
  const at::Tensor linear = bank.slice("classifier.weight", {10, 100});
  EXPECT_TRUE(same_bits(linear, bank.parameter(find(bank, "classifier.weight")).narrow(1, 0, 100)));

  bank.slice(name, {2, 1, 3, 3}).fill_(7);
  EXPECT_EQ(whole[1][0][2][4].item<float>(), 7);
  EXPECT_NE(whole[1][0][1][4].item<float>(), 7);
  EXPECT_NE(whole[2][0][2][4].item<float>(), 7);
  EXPECT_EQ((bank.weights() == 7).sum().item<int>(), 18);
  bank.gradient_slice(name, {2, 1, 3, 3}).add_(1);
  EXPECT_EQ(bank.gradients().sum().item<double>(), 18);
  EXPECT_EQ(bank.gradient(find(bank, name))[0][0][2][2].item<float>(), 1);
}

TEST(WeightBank, HoldsTokensAndTablesOfOffsets) {
  using Shape = std::vector<std::int64_t>;
  const WeightBank tokens(everything(testing_support::token_space()), Rng(1));
  EXPECT_EQ(find(tokens, "norm.weight").shape, (Shape{12}));
  EXPECT_EQ(find(tokens, "tokens.class_token").shape, (Shape{12}));
  EXPECT_EQ(find(tokens, "tokens.position").shape, (Shape{12, 7}));
  for (const std::string axis : {"vertical", "horizontal"}) {
    EXPECT_EQ(find(tokens, "block1.attention.relative_key_" + axis).shape, (Shape{4, 4}));
    EXPECT_EQ(find(tokens, "block1.attention.relative_value_" + axis).shape, (Shape{4, 6}));
  }
  const WeightBank pyramid(everything(testing_support::pyramid_space()), Rng(1));
  EXPECT_EQ(find(pyramid, "biased.position_bias").shape, (Shape{2, 11, 11}));
  EXPECT_FALSE(pyramid.contains("plain.position_bias"));
}

TEST(WeightBank, TokensAndPositionsStartSmallAndDoNotDecay) {
  const SearchSpace space("wide", {3, 32, 32, 2}, [](Builder& b, Signal x, std::int64_t) {
    x = b.conv("patches", x, {.out = 64});
    x = b.attention("biased", x, x, x, {.heads = 8, .position = Position::kBias});
    x = b.tokens("tokens", x);
    return b.attention("relative", x, x, x, {.position = Position::kRelative, .grid_height = 32, .grid_width = 32});
  });
  const WeightBank bank(everything(space), Rng(1));
  for (const auto& p : bank.parameters()) {
    if (p.name == "patches.weight") continue;
    EXPECT_GE(p.offset, bank.num_decayed()) << p.name;
    const double n = static_cast<double>(p.numel);
    EXPECT_NEAR(bank.parameter(p).std().item<double>() / 0.02, 1, 5 / std::sqrt(2.0 * n)) << p.name;
    EXPECT_NEAR(bank.parameter(p).mean().item<double>() / 0.02, 0, 5 / std::sqrt(n)) << p.name;
  }
}

TEST(WeightBank, SmallerGridsTakeTheCentreOfATableOfOffsets) {
  const WeightBank bank(everything(testing_support::pyramid_space()), Rng(1));
  const at::Tensor whole = bank.parameter(find(bank, "biased.position_bias"));
  // A 3x3 grid has offsets -2 to 2; offset 0 is at 5 of the 6x6 grid's table.
  EXPECT_TRUE(
      same_bits(bank.slice("biased.position_bias", {1, 5, 5}), whole.narrow(0, 0, 1).narrow(1, 3, 5).narrow(2, 3, 5)));
  EXPECT_EQ(bank.slice("biased.position_bias", {2, 1, 1})[1][0][0].item<float>(), whole[1][5][5].item<float>());
  const WeightBank tokens(everything(testing_support::token_space()), Rng(1));
  const at::Tensor position = tokens.parameter(find(tokens, "tokens.position"));
  EXPECT_TRUE(same_bits(tokens.slice("tokens.position", {8, 5}), position.narrow(0, 0, 8).narrow(1, 0, 5)));
  EXPECT_TRUE(position.t().is_contiguous());
}

TEST(WeightBank, ExtractedNetworksLackAuxiliaryOutputs) {
  const SearchSpace space = testing_support::cell_space();
  const WeightBank bank(everything(space), Rng(1));
  const NetworkGraph graph = space.build(Architecture{{0, 0}}, space.default_input());
  EXPECT_TRUE(bank.contains("auxiliary.conv.bn.weight"));
  EXPECT_TRUE(WeightBank(graph, Rng(1)).contains("auxiliary.conv.bn.weight"));  // to train it alone
  const WeightBank own = bank.extract(graph);
  for (const auto& p : own.parameters()) EXPECT_FALSE(p.name.starts_with("auxiliary")) << p.name;
  EXPECT_EQ(own.num_scalars(), cost(graph).params);
  own.extract(graph);  // needs no more than it has
}

TEST(WeightBank, RefusesSlicesThatItDoesNotHave) {
  const SearchSpace space = nested_space();
  const WeightBank bank(everything(space), Rng(0));
  EXPECT_THROWS_WITH(bank.slice("stem.wait", {1}), std::logic_error, "no parameter 'stem.wait'");
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{9, 3, 3, 3}, {8, 4, 3, 3}, {8, 3, 5, 5}, {8, 3, 3}, {8, 3, 0, 3}, {-1, 3, 3, 3}, {}})
    EXPECT_THROWS_WITH(bank.slice("stem.weight", shape), std::logic_error, "'stem.weight' has no slice");
}

TEST(WeightBank, TheSeedAloneDecidesTheWeights) {
  const SearchSpace space = nested_space();
  const WeightBank a(everything(space), Rng(5)), b(everything(space), Rng(5)), c(everything(space), Rng(6));
  EXPECT_TRUE(same_bits(a.weights(), b.weights()));
  EXPECT_FALSE(same_bits(a.weights(), c.weights()));
}

TEST(WeightBank, StartsHeNormalWithUnitNormsAndNoBiases) {
  const auto space = make_space("nas_bench_macro");
  const WeightBank bank(everything(*space), Rng(1));
  const auto deviation = [&](const char* name) { return bank.parameter(find(bank, name)).std().item<double>(); };
  // Fan-outs: 1x1 to 1280 channels; depthwise 5x5: 25.  Deviations of n draws are within 5 / sqrt(2 n) of theirs.
  EXPECT_NEAR(deviation("head.weight") / std::sqrt(2.0 / 1280), 1, 5 / std::sqrt(2.0 * 256 * 1280));
  const std::string depthwise = "layer7.mb6_k5.depthwise.weight";
  EXPECT_NEAR(deviation(depthwise.c_str()) / std::sqrt(2.0 / 25), 1, 5 / std::sqrt(2.0 * 1536 * 25));
  EXPECT_NEAR(deviation("classifier.weight") / 0.01, 1, 5 / std::sqrt(2.0 * 12800));
  for (const auto& p : bank.parameters()) {
    if (p.name.ends_with(".bn.weight")) {
      EXPECT_TRUE(bank.parameter(p).eq(1).all().item<bool>()) << p.name;
    }
    if (p.name.ends_with(".bias")) {
      EXPECT_TRUE(bank.parameter(p).eq(0).all().item<bool>()) << p.name;
    }
  }
}

TEST(WeightBank, ExtractCopiesTheSlicesOfASubnet) {
  const auto space = make_space("mobile_cnn");
  const WeightBank bank(everything(*space), Rng(2));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const NetworkGraph subnet = space->build(space->random(rng), space->default_input());
    const WeightBank own = bank.extract(subnet);
    EXPECT_EQ(own.num_scalars(), cost(subnet).params);
    for (const auto& p : own.parameters())
      EXPECT_TRUE(same_bits(own.parameter(p), bank.slice(p.name, p.shape))) << p.name;
    own.parameter(own.parameters().front()).fill_(99);
    EXPECT_FALSE(bank.weights().eq(99).any().item<bool>());
  }
}

TEST(WeightBank, TensorsAndLoadRoundTrip) {
  const SearchSpace space = nested_space();
  const WeightBank a(everything(space), Rng(1));
  WeightBank b(everything(space), Rng(2));
  b.load(a.tensors());
  EXPECT_TRUE(same_bits(a.weights(), b.weights()));
  for (const auto& [name, tensor] : a.tensors()) EXPECT_TRUE(tensor.is_contiguous()) << name;
}

TEST(WeightBank, RefusesTensorsThatDoNotFitAndStaysAsItWas) {
  const SearchSpace space = nested_space();
  WeightBank bank(everything(space), Rng(1));
  const at::Tensor before = bank.weights().clone();
  const auto good = WeightBank(everything(space), Rng(2)).tensors();
  const auto expect_refused = [&](const std::map<std::string, at::Tensor>& tensors, const std::string& message) {
    EXPECT_THROWS_WITH(bank.load(tensors), UsageError, message);
    EXPECT_TRUE(same_bits(bank.weights(), before)) << message;
  };
  auto tensors = good;
  tensors.erase("stem.weight");
  expect_refused(tensors, "lack parameter 'stem.weight'");
  tensors = good;
  tensors["stem.weight"] = at::zeros({8, 3, 3, 4});
  expect_refused(tensors, "'stem.weight' have another shape or type");
  tensors = good;
  tensors["stem.weight"] = tensors["stem.weight"].to(at::kDouble);
  expect_refused(tensors, "'stem.weight' have another shape or type");
  tensors = good;
  tensors["more.weight"] = at::zeros({1});
  expect_refused(tensors, "'more.weight'");
  expect_refused({}, "lack parameter");
}

TEST(WeightBank, ASnapshotIsABankOfItsOwn) {
  const SearchSpace space = nested_space();
  WeightBank bank(everything(space), Rng(1));
  const WeightBank copy = bank.snapshot();
  const at::Tensor before = copy.weights().clone();
  EXPECT_TRUE(same_bits(bank.weights(), before));
  bank.weights().fill_(3);
  EXPECT_TRUE(same_bits(copy.weights(), before));
  EXPECT_TRUE(same_bits(copy.slice("stem.weight", {4, 3, 3, 3}), copy.value("stem.weight").narrow(0, 0, 4)));
  bank.copy_from(copy);
  EXPECT_TRUE(same_bits(bank.weights(), before));
}

TEST(WeightBank, TheElementTypeAndTheInitialiserAreOptions) {
  const SearchSpace space = nested_space();
  const WeightBank usual(everything(space), Rng(5)), wide(everything(space), Rng(5), {.type = at::kDouble});
  EXPECT_EQ(wide.type(), at::kDouble);
  EXPECT_TRUE(same_bits(wide.weights().to(at::kFloat), usual.weights()));
  const Architecture smallest{std::vector<std::uint16_t>(space.decisions().size(), 0)};
  EXPECT_EQ(wide.extract(space.build(smallest, space.default_input())).type(), at::kDouble);
  const WeightBank other(everything(space), Rng(5), {.initializer = "one"});
  EXPECT_EQ(other.weights().narrow(0, 0, other.num_decayed()).min().item<double>(), 1);
  const auto rest = [](const WeightBank& bank) {
    return bank.weights().slice(0, bank.num_decayed(), bank.num_scalars());
  };
  EXPECT_TRUE(same_bits(rest(other), rest(usual)));  // norms and biases keep theirs
  EXPECT_THROWS_WITH(WeightBank(everything(space), Rng(5), {.initializer = "xavier"}), UsageError,
                     "unknown initialiser 'xavier'");
}

}  // namespace
}  // namespace frontier
