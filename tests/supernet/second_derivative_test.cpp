#include "supernet/second_derivative.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <functional>
#include <span>
#include <string>
#include <thread>

#include "supernet/attention.h"
#include "supernet/layers.h"
#include "supernet/mixing.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::normal_images;
using testing_support::normal_tensor;
using testing_support::same_bits;
using testing_support::Threads;
using Tensors = std::vector<at::Tensor>;

struct Case {
  std::string name;     ///< as a refusal says it; empty where ATen alone is at work
  std::string variant;  ///< to tell cases apart
  std::function<at::Tensor(const Tensors&)> layer;
  Tensors inputs;
};

Tensors attention_inputs() {
  return {normal_images({2, 6, 2, 3}, 1), normal_images({2, 6, 2, 3}, 2), normal_images({2, 6, 2, 3}, 3)};
}

std::vector<Case> activation_cases() {
  std::vector<Case> cases;
  for (const auto act : {Activation::kReLU, Activation::kReLU6, Activation::kHSwish, Activation::kHSigmoid,
                         Activation::kSigmoid, Activation::kGELU}) {
    const std::string name(to_string(act)), refusal = act == Activation::kHSigmoid ? "a hard sigmoid" : "";
    cases.push_back({refusal,
                     name,
                     [act](const Tensors& x) { return apply_activation(x[0], act); },
                     {normal_images({2, 3, 4, 3}, 1, 0, 3)}});
    cases.push_back({"a batch norm",
                     name,
                     [act](const Tensors& x) { return batch_norm_train(x[0], x[1], x[2], act); },
                     {normal_images({3, 5, 3, 2}, 1, 1, 2), normal_tensor({5}, 2, 1, 0.5), normal_tensor({5}, 3)}});
    cases.push_back({refusal,
                     "scale_shift " + name,
                     [act](const Tensors& x) { return scale_shift(x[0], x[1], x[2], act); },
                     {normal_images({2, 4, 3, 3}, 1, 0, 2), normal_tensor({4}, 2), normal_tensor({4}, 3)}});
  }
  return cases;
}

std::vector<Case> convolution_cases() {
  const at::Tensor x = normal_images({2, 4, 5, 6}, 1), bias = normal_tensor({4}, 2);
  return {
      {"a depthwise convolution",
       "stride 2",
       [](const Tensors& t) { return convolution(t[0], t[1], t[2], 2, 1, 4); },
       {x, normal_tensor({4, 1, 3, 3}, 3), bias}},
      {"a 1x1 convolution",
       "with a bias",
       [](const Tensors& t) { return convolution(t[0], t[1], t[2], 1, 1, 1); },
       {x, normal_tensor({4, 4, 1, 1}, 3), bias}},
      {"",
       "convolution 3x3",
       [](const Tensors& t) { return convolution(t[0], t[1], t[2], 2, 2, 2); },
       {x, normal_tensor({4, 2, 3, 3}, 3), bias}},
  };
}

std::vector<Case> pixel_cases() {
  const at::Tensor x = normal_images({2, 4, 5, 6}, 1);
  return {
      {"a channel gate",
       "",
       [](const Tensors& t) { return channel_gate(t[0], t[1]); },
       {x, normal_tensor({2, 4, 1, 1}, 2)}},
      {"a global pool", "", [](const Tensors& t) { return global_pool(t[0]); }, {x}},
      {"", "global pool without a row", [](const Tensors& t) { return global_pool(t[0], 1); }, {x}},
      {"", "average pool", [](const Tensors& t) { return average_pool(t[0], 2, 2); }, {x}},
      {"", "max pool", [](const Tensors& t) { return max_pool(t[0], 3, 1); }, {x}},
      {"", "resize", [](const Tensors& t) { return resize(t[0], 7, 4); }, {x}},
      {"", "shift", [](const Tensors& t) { return shift(t[0]); }, {x}},
      {"",
       "moments",
       [](const Tensors& t) {
         const auto [mean, variance] = channel_moments(t[0]);
         return mean * variance;
       },
       {x}},
      {"a weighted sum",
       "",
       [](const Tensors& t) { return weighted_sum(std::span(t).first(3), t[3]); },
       {x, normal_images({2, 4, 5, 6}, 2), normal_images({2, 4, 5, 6}, 3), normal_tensor({3}, 4)}},
      {"a channel mask", "", [](const Tensors& t) { return masked(t[0], t[1]); }, {x, normal_tensor({4}, 2)}},
      {"a channel interpolation", "", [](const Tensors& t) { return interpolate_channels(t[0], 7); }, {x}},
  };
}

std::vector<Case> token_cases() {
  Tensors q = attention_inputs(), biased = q, relative = q;
  biased.push_back(normal_tensor({2, 3, 5}, 4));
  for (auto& t : relative) t = normal_images({2, 6, 7, 1}, static_cast<std::uint64_t>(t.numel()));
  for (std::uint64_t i = 0; i < 4; ++i) relative.push_back(normal_tensor({4, 3}, 10 + i));
  return {
      {"attention", "", [](const Tensors& t) { return attention(t[0], t[1], t[2], 2); }, q},
      {"", "attention with a bias", [](const Tensors& t) { return attention(t[0], t[1], t[2], 2, t[3]); }, biased},
      {"attention", "relative",
       [](const Tensors& t) {
         return relative_attention(t[0], t[1], t[2], 2, {t[3], t[4]}, {t[5], t[6]}, 2, 3);
       },
       relative},
      {"",
       "layer norm",
       [](const Tensors& t) { return layer_norm(t[0], t[1], t[2]); },
       {q[0], normal_tensor({6}, 2), normal_tensor({6}, 3)}},
      {"",
       "tokens",
       [](const Tensors& t) { return with_class_token(t[0], t[1], t[2]); },
       {q[0], normal_tensor({6}, 2), normal_tensor({6, 7}, 3)}},
  };
}

std::vector<Case> every_case() {
  std::vector<Case> cases;
  for (auto more : {activation_cases(), convolution_cases(), pixel_cases(), token_cases()})
    cases.insert(cases.end(), more.begin(), more.end());
  return cases;
}

Tensors leaves_of(const Tensors& inputs, at::ScalarType type) {
  Tensors leaves;
  for (const auto& input : inputs) leaves.push_back(input.detach().to(type).clone().set_requires_grad(true));
  return leaves;
}

/// First gradients of a loss that is curved in the layer's output, in such a form that they may be asked for more.
Tensors first_gradients(const Case& c, const Tensors& leaves) {
  const at::Tensor y = c.layer(leaves);
  const at::Tensor weight = normal_tensor(y.sizes(), 77).to(y.scalar_type());
  return torch::autograd::grad({(y.square() * weight).sum()}, leaves, {}, true, /*create_graph=*/true);
}

/// Product of the second derivative with fixed directions.
Tensors second_derivative(const Case& c, const Tensors& leaves) {
  const Tensors first = first_gradients(c, leaves);
  at::Tensor sum = at::zeros({}, first[0].options());
  for (std::size_t i = 0; i < first.size(); ++i)
    sum = sum + (first[i] * normal_tensor(first[i].sizes(), 40 + i).to(sum.scalar_type())).sum();
  return torch::autograd::grad({sum}, leaves, {}, true, false, /*allow_unused=*/true);
}

double sum_of_first(const Case& c, const Tensors& inputs) {
  const Tensors first = first_gradients(c, leaves_of(inputs, at::kDouble));
  double sum = 0;
  for (std::size_t i = 0; i < first.size(); ++i)
    sum += (first[i] * normal_tensor(first[i].sizes(), 40 + i).to(at::kDouble)).sum().item<double>();
  return sum;
}

TEST(SecondDerivative, EqualsFiniteDifferencesOfTheFirstForEveryLayer) {
  Threads threads(1);
  DifferentiableTwice twice;
  for (const Case& c : every_case()) {
    SCOPED_TRACE(c.name + " " + c.variant);
    const Tensors leaves = leaves_of(c.inputs, at::kDouble), seen = second_derivative(c, leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const at::Tensor direction = normal_tensor(leaves[i].sizes(), 60 + i).to(at::kDouble);
      const auto moved = [&](double by) {
        Tensors inputs = c.inputs;
        inputs[i] = inputs[i].to(at::kDouble) + direction * by;
        return sum_of_first(c, inputs);
      };
      constexpr double kStep = 1e-6;
      const double expected = (moved(kStep) - moved(-kStep)) / (2 * kStep);
      const double given = seen[i].defined() ? (seen[i] * direction).sum().item<double>() : 0;
      EXPECT_NEAR(given, expected, 2e-6 * std::max(1.0, std::abs(expected))) << "input " << i;
    }
  }
}

TEST(SecondDerivative, IsTheSameInFloatWithTheGuard) {
  Threads threads(1);
  for (const Case& c : every_case()) {
    SCOPED_TRACE(c.name + " " + c.variant);
    DifferentiableTwice twice;
    const Tensors seen = second_derivative(c, leaves_of(c.inputs, at::kFloat)),
                  expected = second_derivative(c, leaves_of(c.inputs, at::kDouble));
    for (std::size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i].defined(), expected[i].defined());
      if (!seen[i].defined()) continue;
      EXPECT_LT((seen[i] - expected[i]).abs().max().item<double>(),
                2e-4 * std::max(1.0, expected[i].abs().max().item<double>()))
          << "input " << i;
    }
  }
}

/// Gradient of the sum of input `of`'s first gradient by input `by`; zeros where there is none.
at::Tensor second_derivative(const Case& c, at::ScalarType type, std::size_t of, std::size_t by) {
  const Tensors leaves = leaves_of(c.inputs, type), first = first_gradients(c, leaves);
  if (!first[of].requires_grad()) return at::zeros_like(leaves[by]);
  const auto second = torch::autograd::grad({first[of].sum()}, {leaves[by]}, {}, false, false, /*allow_unused=*/true);
  return second[0].defined() ? second[0] : at::zeros_like(leaves[by]);
}

/// Whether it refuses; if it does not, it must be right.
bool refuses(const Case& c, std::size_t of, std::size_t by) {
  at::Tensor seen;
  try {
    seen = second_derivative(c, at::kFloat, of, by);
  } catch (const std::runtime_error& e) {
    const std::string expected =
        "a second derivative through " + c.name + " is not available here; run with twice = true";
    EXPECT_NE(std::string(e.what()).find(expected), std::string::npos) << e.what();
    return true;
  }
  DifferentiableTwice twice;
  const at::Tensor expected = second_derivative(c, at::kDouble, of, by);
  EXPECT_LT((seen - expected).abs().max().item<double>(), 2e-4 * std::max(1.0, expected.abs().max().item<double>()));
  return false;
}

TEST(SecondDerivative, WithoutTheGuardIsRightOrRefusesByEveryInput) {
  Threads threads(1);
  for (const Case& c : every_case()) {
    std::size_t refused = 0;
    for (std::size_t of = 0; of < c.inputs.size(); ++of) {
      for (std::size_t by = 0; by < c.inputs.size(); ++by) {
        SCOPED_TRACE(testing::Message() << c.name << " " << c.variant << ", gradient of input " << of << " by " << by);
        refused += refuses(c, of, by);
      }
    }
    EXPECT_EQ(refused > 0, !c.name.empty()) << c.name << " " << c.variant;
  }
}

TEST(SecondDerivative, FirstGradientsKeepTheirBitsWhereARecordIsAskedFor) {
  Threads threads(1);
  for (const Case& c : every_case()) {
    SCOPED_TRACE(c.name + " " + c.variant);
    const Tensors leaves = leaves_of(c.inputs, at::kFloat), recorded = first_gradients(c, leaves);
    const at::Tensor y = c.layer(leaves);
    const Tensors plain = torch::autograd::grad({(y.square() * normal_tensor(y.sizes(), 77)).sum()}, leaves);
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(same_bits(recorded[i], plain[i])) << "input " << i;
  }
}

TEST(DifferentiableTwice, HoldsWhileItLivesAndOnThisThreadAlone) {
  EXPECT_FALSE(DifferentiableTwice::is_on());
  {
    DifferentiableTwice outer;
    EXPECT_TRUE(DifferentiableTwice::is_on());
    {
      DifferentiableTwice inner(false);
      EXPECT_FALSE(DifferentiableTwice::is_on());
    }
    EXPECT_TRUE(DifferentiableTwice::is_on());
    bool elsewhere = true;
    std::thread([&] { elsewhere = DifferentiableTwice::is_on(); }).join();
    EXPECT_FALSE(elsewhere);
  }
  EXPECT_FALSE(DifferentiableTwice::is_on());
}

}  // namespace
}  // namespace frontier
