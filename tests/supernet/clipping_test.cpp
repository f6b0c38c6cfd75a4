#include "supernet/clipping.h"

#include <torch/types.h>

#include <cmath>

#include "common/errors.h"
#include "common/options.h"
#include "support/messages.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::largest_difference;
using testing_support::normal_tensor;
using testing_support::same_bits;
using testing_support::Threads;

ParameterStore sample_store(std::uint64_t seed, at::ScalarType type = at::kFloat) {
  std::vector<Parameter> parameters = {
      {.name = "conv.weight", .shape = {6, 4, 3, 3}, .strides = {36, 1, 12, 4}, .num_centred = 2, .decays = true},
      {.name = "depthwise.weight", .shape = {6, 1, 3, 3}, .num_centred = 2, .decays = true},
      {.name = "gate.weight", .shape = {6, 1}},
      {.name = "norm.weight", .shape = {6}},
      {.name = "classifier.weight", .shape = {5, 8}, .decays = true},
      {.name = "classifier.bias", .shape = {5}},
      {.name = "logits", .shape = {4, 3}, .group = "architecture"}};
  for (auto& p : parameters) p.initializer = {"normal", 0.3};
  return ParameterStore(std::move(parameters), Rng(seed), type);
}

/// Gradients in some slices, of some of the parameters twice.
void add_gradients(ParameterStore& store, std::uint64_t seed) {
  Rng rng(seed);
  const auto add = [&](const char* name, const std::vector<std::int64_t>& shape) {
    store.add_gradient(store.region(name, shape), normal_tensor(shape, rng.next(), 0, 0.02));
  };
  add("conv.weight", {4, 2, 3, 3});
  add("conv.weight", {2, 3, 1, 1});
  add("depthwise.weight", {5, 1, 3, 3});
  add("gate.weight", {3, 1});
  add("norm.weight", {4});
  add("classifier.weight", {5, 4});
  add("classifier.bias", {5});
  add("logits", {4, 3});
}

double square_sum(const at::Tensor& flat, const GroupSpan& span) {
  double sum = 0;
  for (std::int64_t i = span.begin; i < span.end; ++i) sum += std::pow(flat[i].item<double>(), 2);
  return sum;
}

TEST(Clipping, GivesTheNormAndTheFactorOfOneGroup) {
  for (const auto type : {at::kFloat, at::kDouble})
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " type " << c10::toString(type));
      ParameterStore store = sample_store(seed, type);
      add_gradients(store, seed);
      const at::Tensor before = store.gradients().clone();
      for (const char* group : {"weights", "architecture"}) {
        const double norm = std::sqrt(square_sum(before, store.layout().group(group)));
        for (const double limit : {0.5 * norm, 2 * norm, 0.0}) {
          const GradientNorm seen = clip_gradients(store, {.norm = limit}, group);
          EXPECT_NEAR(seen.norm.item<double>(), norm, 1e-12 * norm);
          EXPECT_FLOAT_EQ(seen.scale.item<float>(), limit > 0 && limit < norm ? 0.5F : 1.0F);
        }
      }
      EXPECT_TRUE(same_bits(store.gradients(), before));
    }
}

TEST(Clipping, TheNormDoesNotDependOnTheNumberOfThreads) {
  ParameterStore store = sample_store(1);
  add_gradients(store, 1);
  const auto norm = [&](int threads) {
    const Threads limit(threads);
    return clip_gradients(store, {}, "weights").norm.item<double>();
  };
  EXPECT_EQ(norm(1), norm(3));
}

TEST(Clipping, NothingTouchedHasNormZero) {
  ParameterStore store = sample_store(1);
  const GradientNorm seen = clip_gradients(store, {.norm = 1}, "weights");
  EXPECT_EQ(seen.norm.item<double>(), 0);
  EXPECT_EQ(seen.scale.item<float>(), 1);
}

TEST(Clipping, WhatIsNotFiniteHasNoFactor) {
  for (const auto type : {at::kFloat, at::kDouble})
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()})
      for (const double limit : {0.0, 1.0}) {
        ParameterStore store = sample_store(1, type);
        add_gradients(store, 1);
        store.gradient("norm.weight")[2] = bad;
        const GradientNorm seen = clip_gradients(store, {.norm = limit, .adaptive = 0.01}, "weights");
        EXPECT_FALSE(std::isfinite(seen.norm.item<double>()));
        EXPECT_TRUE(std::isnan(seen.scale.item<float>()));
      }
}

/// Equation 3 of the paper, a unit at a time in double, over the touched box of each parameter.
at::Tensor adaptive_by_hand(const ParameterStore& store, const ClipOptions& options) {
  at::Tensor result = store.gradients().to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  for (const Region& region : store.touched()) {
    const Parameter& p = store.parameters()[region.parameter];
    if (p.group != "weights" || (p.name.starts_with("classifier") && !options.adaptive_except.empty())) continue;
    const at::Tensor w = store.layout().view(store.values(), region).to(at::kDouble);
    const at::Tensor g = store.layout().view(result, region);
    const bool whole = p.name == "norm.weight" || p.name == "gate.weight" || p.name == "classifier.bias";
    for (std::int64_t u = 0; u < (whole ? 1 : g.size(0)); ++u) {
      const at::Tensor weight = whole ? w : w[u], gradient = whole ? g : g[u];
      const double limit = options.adaptive * std::max(weight.norm().item<double>(), options.adaptive_floor);
      if (const double norm = gradient.norm().item<double>(); norm > limit) gradient.mul_(limit / norm);
    }
  }
  return result;
}

TEST(Clipping, AdaptiveClippingFollowsThePaper) {
  for (const auto type : {at::kFloat, at::kDouble})
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " type " << c10::toString(type));
      ClipOptions options{.adaptive = 0.05};
      if (seed % 2 == 1) options = {.adaptive = 0.02, .adaptive_floor = 2, .adaptive_except = {}};
      ParameterStore store = sample_store(seed, type);
      add_gradients(store, seed);
      const at::Tensor expected = adaptive_by_hand(store, options), before = store.gradients().clone();
      const GradientNorm seen = clip_gradients(store, options, "weights");
      EXPECT_LT(largest_difference(store.gradients(), expected), 1e-8);
      EXPECT_FALSE(same_bits(store.gradients(), before));
      EXPECT_NEAR(seen.norm.item<double>(), std::sqrt(square_sum(expected, store.layout().group("weights"))), 1e-7);
      EXPECT_TRUE(same_bits(store.gradient("logits"), store.layout().tensors(before).at("logits")));
    }
}

TEST(Clipping, OptionsAreReadStrictly) {
  const auto refused = [](const nlohmann::json& json, const std::string& message) {
    ClipOptions o;
    EXPECT_THROWS_WITH(read_options(json, "clip", o), UsageError, message);
  };
  refused({{"nrm", 5}}, "did you mean 'norm'?");
  refused({{"norm", -1}}, "clip.norm = -1 is out of range");
  refused({{"adaptive_floor", 0.1}}, "adaptive_floor but adaptive = 0 has no effect");
  refused({{"adaptive_except", {"head"}}}, "adaptive_except but adaptive = 0 has no effect");
  ClipOptions o;
  read_options(nlohmann::json{{"adaptive", 0.01}, {"adaptive_except", {"head", "stem"}}}, "clip", o);
  EXPECT_EQ(o.adaptive_except, (std::vector<std::string>{"head", "stem"}));
}

}  // namespace
}  // namespace frontier
