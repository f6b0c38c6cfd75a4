#include "supernet/mixing.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <functional>
#include <string>
#include <vector>

#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::largest_difference;
using testing_support::normal_images;
using testing_support::normal_tensor;
using testing_support::same_bits;
using testing_support::Threads;
using Tensors = std::vector<at::Tensor>;
using Layer = std::function<at::Tensor(const Tensors&)>;

/// The output, then the gradients by all inputs.
Tensors run(const Layer& layer, const Tensors& inputs, const at::Tensor& dy) {
  Tensors leaves;
  for (const auto& input : inputs) leaves.push_back(input.detach().set_requires_grad(true));
  Tensors results = {layer(leaves)};
  const Tensors gradients = torch::autograd::grad({results[0]}, leaves, {dy});
  results.insert(results.end(), gradients.begin(), gradients.end());
  return results;
}

Tensors in_double(const Tensors& tensors) {
  Tensors result;
  for (const auto& t : tensors) result.push_back(t.to(at::kDouble).contiguous());
  return result;
}

/// In float32 like the reference, and like the layer itself, in double.
void check(const Layer& layer, const Layer& reference, const Tensors& inputs, const at::Tensor& dy) {
  const Tensors seen = run(layer, inputs, dy), aten = run(layer, in_double(inputs), dy.to(at::kDouble)),
                expected = run(reference, in_double(inputs), dy.to(at::kDouble));
  EXPECT_TRUE(seen[0].is_contiguous(at::MemoryFormat::ChannelsLast));
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const double scale = std::max(1.0, expected[i].abs().max().item<double>());
    EXPECT_LT(largest_difference(seen[i], expected[i]), 1e-5 * scale) << "result " << i;
    EXPECT_LT(largest_difference(aten[i], expected[i]), 1e-12 * scale) << "result " << i << " in double";
  }
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "no refusal";
}

const std::vector<std::vector<std::int64_t>> kShapes = {{1, 1, 1, 1}, {2, 3, 5, 4}, {5, 16, 7, 7}, {9, 20, 28, 28}};

at::Tensor sum_of(const Tensors& x) { return weighted_sum(std::span(x).first(x.size() - 1), x.back()); }

Tensors mix_of(std::size_t n, at::IntArrayRef shape) {
  Tensors in;
  for (std::size_t i = 0; i < n; ++i) in.push_back(normal_images(shape, i));
  in.push_back(normal_tensor({static_cast<std::int64_t>(n)}, 50));
  return in;
}

TEST(WeightedSum, EqualsItsFormulaWithGradients) {
  Threads threads(1);
  const auto reference = [](const Tensors& x) {
    at::Tensor y = at::zeros_like(x[0]);
    for (std::size_t i = 0; i + 1 < x.size(); ++i) y = y + x[i] * x.back()[static_cast<std::int64_t>(i)];
    return y;
  };
  for (const auto& shape : kShapes) {
    for (const std::size_t n : {1, 2, 5, 8}) {
      SCOPED_TRACE(testing::Message() << n << " inputs of " << at::IntArrayRef(shape));
      check(sum_of, reference, mix_of(n, shape), normal_images(shape, 99));
    }
  }
}

TEST(WeightedSum, OfOneHotWeightsIsTheInputToTheBit) {
  Threads threads(1);
  Tensors in = mix_of(4, {3, 20, 9, 8});
  in.back() = at::zeros({4});
  in.back()[2] = 1;
  EXPECT_TRUE(same_bits(sum_of(in), in[2]));
}

TEST(WeightedSum, GivesTheGradientsAskedForAndTakesAnyLayout) {
  Threads threads(1);
  const Tensors in = mix_of(3, {2, 6, 5, 4});
  const at::Tensor dy = normal_images({2, 6, 5, 4}, 9);
  const Tensors all = run(sum_of, in, dy);
  for (std::size_t only = 0; only < in.size(); ++only) {
    Tensors leaves;
    for (const auto& t : in) leaves.push_back(t.contiguous().clone());
    leaves[only].set_requires_grad(true);
    const auto gradient = torch::autograd::grad({sum_of(leaves)}, {leaves[only]}, {dy.contiguous()});
    EXPECT_TRUE(same_bits(gradient[0], all[only + 1])) << "input " << only;
  }
}

TEST(WeightedSum, AddsUpTheGradientsOfAnInputThatComesTwice) {
  Threads threads(1);
  const at::Tensor x = normal_images({2, 3, 4, 4}, 1), dy = normal_images({2, 3, 4, 4}, 2), w = normal_tensor({2}, 3);
  const Tensors seen = run([](const Tensors& t) { return sum_of({t[0], t[0], t[1]}); }, {x, w}, dy);
  EXPECT_LT(largest_difference(seen[1], dy * (w[0] + w[1])), 1e-6);
}

TEST(WeightedSum, RefusesUnequalShapesAndWeightsThatDoNotFit) {
  const at::Tensor x = at::zeros({2, 8, 4, 4}), narrow = at::zeros({2, 4, 4, 4});
  EXPECT_EQ(refusal([&] {
              sum_of({x, x, narrow, at::ones({3})});
            }),
            "a weighted sum needs inputs of one shape; input 0 is [2, 8, 4, 4], input 2 is [2, 4, 4, 4]: mask or "
            "interpolate their channels first");
  EXPECT_EQ(refusal([&] { sum_of({x, x, at::ones({3})}); }), "a weighted sum of 2 inputs needs weights [2], not [3]");
  EXPECT_EQ(refusal([&] { sum_of({at::ones({0})}); }), "a weighted sum needs at least one input");
}

TEST(Masked, EqualsAProductWithItsGradients) {
  Threads threads(1);
  for (const auto& shape : kShapes) {
    SCOPED_TRACE(testing::Message() << at::IntArrayRef(shape));
    check([](const Tensors& x) { return masked(x[0], x[1]); },
          [](const Tensors& x) {
            return x[0] * x[1].reshape({1, -1, 1, 1});
          },
          {normal_images(shape, 1), normal_tensor({shape[1]}, 2)}, normal_images(shape, 3));
  }
}

TEST(Masked, GivesTheGradientsAskedFor) {
  Threads threads(1);
  const Tensors in = {normal_images({3, 6, 5, 4}, 1), normal_tensor({6}, 2)};
  const at::Tensor dy = normal_images({3, 6, 5, 4}, 3);
  const auto layer = [](const Tensors& x) { return masked(x[0], x[1]); };
  const Tensors all = run(layer, in, dy);
  for (std::size_t only = 0; only < 2; ++only) {
    Tensors leaves = {in[0].clone(), in[1].clone()};
    leaves[only].set_requires_grad(true);
    EXPECT_TRUE(same_bits(torch::autograd::grad({layer(leaves)}, {leaves[only]}, {dy})[0], all[only + 1]));
  }
}

TEST(Masked, RefusesAMaskOfAnotherShape) {
  EXPECT_EQ(refusal([] {
              masked(at::zeros({2, 8, 4, 4}), at::ones({4}));
            }),
            "a channel mask for an activation [2, 8, 4, 4] has shape [8], not [4]");
}

/// The rule written out, one channel at a time.
at::Tensor interpolated(const at::Tensor& x, std::int64_t out) {
  Tensors channels;
  for (std::int64_t t = 0; t < out; ++t) {
    const std::int64_t begin = t * x.size(1) / out, end = ((t + 1) * x.size(1) + out - 1) / out;
    channels.push_back(x.slice(1, begin, end).mean(1));
  }
  return at::stack(channels, 1);
}

TEST(InterpolateChannels, EqualsTheMeansOfItsWindowsWithGradients) {
  Threads threads(1);
  for (const auto& [in, out] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {4, 2}, {2, 4}, {3, 2}, {1, 7}, {7, 1}, {19, 64}, {64, 19}, {11, 12}, {12, 11}, {102, 256}}) {
    SCOPED_TRACE(testing::Message() << in << " to " << out);
    check([out = out](const Tensors& x) { return interpolate_channels(x[0], out); },
          [out = out](const Tensors& x) { return interpolated(x[0], out); }, {normal_images({3, in, 5, 4}, 1)},
          normal_images({3, out, 5, 4}, 2));
  }
}

TEST(InterpolateChannels, KeepsEqualWidthsAndConstants) {
  Threads threads(1);
  const at::Tensor x = normal_images({2, 4, 3, 3}, 1);
  EXPECT_TRUE(interpolate_channels(x, 4).is_same(x));
  const at::Tensor twice = interpolate_channels(x, 8);
  for (std::int64_t c = 0; c < 8; ++c) EXPECT_TRUE(same_bits(twice.select(1, c), x.select(1, c / 2)));
  EXPECT_TRUE(same_bits(interpolate_channels(at::full({2, 6, 3, 3}, 0.7F), 4), at::full({2, 4, 3, 3}, 0.7F)));
}

TEST(InterpolateChannels, RefusesNoChannels) {
  EXPECT_EQ(refusal([] {
              interpolate_channels(at::zeros({1, 2, 3, 3}), 0);
            }),
            "channels cannot be interpolated to 0 of them; at least 1 is needed");
}

TEST(Mixing, OneAndTwoThreadsGiveTheSameBits) {
  const std::vector<std::int64_t> shape = {37, 20, 15, 14};
  const Tensors in = mix_of(3, shape);
  const at::Tensor dy = normal_images(shape, 9), wide = normal_images({37, 31, 15, 14}, 10);
  const auto everything = [&](int count) {
    Threads threads(count);
    Tensors results = run(sum_of, in, dy);
    for (const auto& more :
         {run([](const Tensors& x) { return masked(x[0], x[1]); }, {in[0], normal_tensor({20}, 11)}, dy),
          run([](const Tensors& x) { return interpolate_channels(x[0], 31); }, {in[0]}, wide)})
      results.insert(results.end(), more.begin(), more.end());
    return results;
  };
  const Tensors one = everything(1), two = everything(2);
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i], two[i])) << "result " << i;
}

}  // namespace
}  // namespace frontier
