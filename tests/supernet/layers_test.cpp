#include "supernet/layers.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "support/reference_attention.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::largest_difference;
using testing_support::normal_images;
using testing_support::normal_tensor;
using testing_support::pool_reference;
using testing_support::resize_reference;
using testing_support::same_bits;
using testing_support::Threads;

using Act = std::optional<Activation>;

const Act kActivations[] = {std::nullopt,          Activation::kReLU,    Activation::kReLU6, Activation::kHSwish,
                            Activation::kHSigmoid, Activation::kSigmoid, Activation::kGELU};

std::string shown(const Act& act) { return act ? std::string(to_string(*act)) : "none"; }

/// What a layer gives and what it hands back.
struct Passes {
  at::Tensor output;
  std::vector<at::Tensor> gradients;
};

template <class Layer>
Passes run(const Layer& layer, const std::vector<at::Tensor>& inputs, const at::Tensor& output_gradient) {
  std::vector<at::Tensor> leaves;
  for (const auto& input : inputs) leaves.push_back(input.detach().set_requires_grad(true));
  const at::Tensor y = layer(leaves);
  return {y.detach(), torch::autograd::grad({y}, leaves, {output_gradient})};
}

std::vector<at::Tensor> in_double(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> result;
  for (const auto& t : tensors) result.push_back(t.to(at::kDouble).contiguous());
  return result;
}

void expect_near(const Passes& seen, const Passes& expected, double tolerance) {
  EXPECT_LT(largest_difference(seen.output, expected.output),
            tolerance * std::max(1.0, expected.output.abs().max().item<double>()));
  ASSERT_EQ(seen.gradients.size(), expected.gradients.size());
  for (std::size_t i = 0; i < seen.gradients.size(); ++i)
    EXPECT_LT(largest_difference(seen.gradients[i], expected.gradients[i]),
              tolerance * std::max(1.0, expected.gradients[i].abs().max().item<double>()))
        << "gradient " << i;
}

at::Tensor batch_norm_reference(const std::vector<at::Tensor>& in, const Act& act) {
  const at::Tensor y = at::batch_norm(in[0], in[1], in[2], {}, {}, true, 0.0, kBatchNormEpsilon, false);
  return act ? apply_activation(y, *act) : y;
}

/// 0 where the normalised value is so near a kink of an activation that float32 may fall on its other side.
at::Tensor away_from_kinks(const std::vector<at::Tensor>& in) {
  const at::Tensor t = batch_norm_reference(in_double(in), std::nullopt);
  at::Tensor keep = at::ones_like(t);
  for (const double kink : {-3.0, 0.0, 3.0, 6.0}) keep *= (t - kink).abs().gt(2e-3);
  return keep.to(at::kFloat);
}

void check_batch_norm(at::IntArrayRef shape, double mean, double tolerance) {
  const std::int64_t channels = shape[1];
  std::uint64_t seed = 17;
  for (const auto& act : kActivations) {
    SCOPED_TRACE(testing::Message() << "shape " << shape << ", activation " << shown(act) << ", mean " << mean);
    const std::vector<at::Tensor> in = {normal_images(shape, ++seed, mean, 2),
                                        normal_tensor({channels}, ++seed, 1, 0.7),
                                        normal_tensor({channels}, ++seed, 0, 2)};
    const at::Tensor dy = normal_images(shape, ++seed) * away_from_kinks(in);
    const auto layer = [&](const std::vector<at::Tensor>& x) { return batch_norm_train(x[0], x[1], x[2], act); };
    const auto reference = [&](const std::vector<at::Tensor>& x) { return batch_norm_reference(x, act); };
    expect_near(run(layer, in, dy), run(reference, in_double(in), dy.to(at::kDouble)), tolerance);
  }
}

TEST(BatchNormTrain, EqualsAtenInDouble) {
  Threads threads(1);
  for (const std::int64_t channels : {1, 3, 4, 8, 12, 16, 20, 24, 48, 65, 130})
    check_batch_norm({5, channels, 7, 6}, 0.5, 2e-5);
  check_batch_norm({1, 8, 28, 28}, 0, 2e-5);
  check_batch_norm({2, 16, 1, 1}, 0, 2e-4);
  check_batch_norm({37, 12, 14, 14}, -2, 2e-5);
}

TEST(BatchNormTrain, KeepsItsDigitsWhereTheMeanIsFarFromZero) {
  Threads threads(1);
  check_batch_norm({9, 16, 14, 14}, 500, 2e-3);
}

TEST(BatchNormTrain, TakesAnyLayoutOfInputAndGradient) {
  Threads threads(1);
  const std::vector<at::Tensor> in = {normal_images({4, 6, 5, 3}, 1), normal_tensor({6}, 2), normal_tensor({6}, 3)};
  const at::Tensor dy = normal_images({4, 6, 5, 3}, 4);
  const auto layer = [](const std::vector<at::Tensor>& x) {
    return batch_norm_train(x[0], x[1], x[2], Activation::kReLU);
  };
  const Passes last = run(layer, in, dy), first = run(layer, {in[0].contiguous(), in[1], in[2]}, dy.contiguous());
  EXPECT_TRUE(same_bits(last.output, first.output));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(last.gradients[i], first.gradients[i]));
  const at::Tensor strided = normal_images({4, 6, 5, 6}, 5).slice(3, 0, 6, 2);
  EXPECT_LT(largest_difference(batch_norm_train(strided, in[1], in[2], Activation::kReLU),
                               batch_norm_reference(in_double({strided, in[1], in[2]}), Activation::kReLU)),
            1e-5);
}

TEST(BatchNormTrain, NanStaysNanBehindEveryActivation) {
  Threads threads(1);
  at::Tensor x = normal_images({2, 4, 3, 3}, 1);
  x[1][2][0][0] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& act : kActivations) {
    const at::Tensor y = batch_norm_train(x, at::ones({4}), at::zeros({4}), act);
    EXPECT_TRUE(y.select(1, 2).isnan().all().item<bool>()) << shown(act);
    EXPECT_FALSE(y.select(1, 1).isnan().any().item<bool>()) << shown(act);
    EXPECT_TRUE(scale_shift(x, at::ones({4}), at::zeros({4}), act)[1][2][0][0].isnan().item<bool>()) << shown(act);
  }
}

TEST(ChannelMoments, EqualThoseInDoubleWhateverTheMean) {
  Threads threads(1);
  for (const double mean : {0.0, 3.0, -1000.0, 1e5}) {
    for (const std::int64_t channels : {1, 3, 8, 20, 48, 100}) {
      SCOPED_TRACE(testing::Message() << "mean " << mean << ", channels " << channels);
      const at::Tensor x = normal_images({33, channels, 9, 8}, static_cast<std::uint64_t>(channels), mean, 1.5);
      const auto [m, v] = channel_moments(x);
      const auto [variance, average] = at::var_mean(x.to(at::kDouble), at::IntArrayRef{0, 2, 3}, false);
      EXPECT_LT(largest_difference(m, average), 1e-6 + 1e-7 * std::abs(mean));
      EXPECT_LT(((v - variance) / variance).abs().max().item<double>(), 2e-5);
    }
  }
}

TEST(ChannelMoments, OneOutlyingCornerPixelDoesNotSpoilTheVariance) {
  Threads threads(1);
  at::Tensor x = normal_images({64, 8, 14, 14}, 5);
  x.select(0, 0).select(1, 0).select(1, 0).fill_(30);  // the first pixel, where sums are taken from
  const auto [m, v] = channel_moments(x);
  const auto [variance, average] = at::var_mean(x.to(at::kDouble), at::IntArrayRef{0, 2, 3}, false);
  EXPECT_LT(((v - variance) / variance).abs().max().item<double>(), 1e-3);
  EXPECT_LT(largest_difference(m, average), 1e-4);
}

TEST(ChannelMoments, HaveGradientsWhereOneIsWanted) {
  Threads threads(1);
  const auto layer = [](const std::vector<at::Tensor>& in) {
    const auto [mean, variance] = channel_moments(in[0]);
    return mean * variance;
  };
  const std::vector<at::Tensor> in = {normal_images({5, 6, 4, 3}, 1, 2)};
  const at::Tensor dy = normal_tensor({6}, 2);
  const auto reference = [](const std::vector<at::Tensor>& x) {
    const at::Tensor mean = x[0].mean(at::IntArrayRef{0, 2, 3}, true);
    return mean.flatten() * (x[0] - mean).square().mean(at::IntArrayRef{0, 2, 3});
  };
  expect_near(run(layer, in, dy), run(reference, in_double(in), dy.to(at::kDouble)), 1e-5);
}

TEST(ChannelMoments, OfAConstantChannelAreExact) {
  const auto [m, v] = channel_moments(at::full({3, 5, 4, 4}, 0.1F));
  EXPECT_TRUE(same_bits(m, at::full({5}, 0.1F)));
  EXPECT_TRUE(same_bits(v, at::zeros({5})));
}

TEST(ScaleShift, EqualsItsFormulaAlsoInPlace) {
  Threads threads(1);
  for (const auto& act : kActivations) {
    for (const std::int64_t channels : {1, 3, 16, 24, 70}) {
      SCOPED_TRACE(testing::Message() << shown(act) << ", channels " << channels);
      const at::Tensor x = normal_images({3, channels, 5, 4}, 9, 0, 2);
      const at::Tensor scale = normal_tensor({channels}, 1), shift = normal_tensor({channels}, 2);
      at::Tensor expected = x.to(at::kDouble) * scale.reshape({1, -1, 1, 1}) + shift.reshape({1, -1, 1, 1});
      if (act) expected = apply_activation(expected, *act);
      at::Tensor y = scale_shift(x, scale, shift, act);
      EXPECT_LT(largest_difference(y, expected), 1e-5);
      EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
      at::Tensor in_place = x.clone(), contiguous = x.contiguous();
      scale_shift_(in_place, scale, shift, act);
      EXPECT_TRUE(same_bits(in_place, y));
      scale_shift_(contiguous, scale, shift, act);
      EXPECT_LT(largest_difference(contiguous, expected), 1e-5);
    }
  }
}

TEST(ScaleShift, HasGradientsWhereOneIsWanted) {
  Threads threads(1);
  for (const auto& act : kActivations) {
    SCOPED_TRACE(shown(act));
    const std::vector<at::Tensor> in = {normal_images({3, 6, 5, 4}, 9, 0, 2), normal_tensor({6}, 1),
                                        normal_tensor({6}, 2)};
    const at::Tensor dy = normal_images({3, 6, 5, 4}, 3);
    const auto layer = [&](const std::vector<at::Tensor>& x) { return scale_shift(x[0], x[1], x[2], act); };
    const auto reference = [&](const std::vector<at::Tensor>& x) {
      const at::Tensor y = x[0] * x[1].reshape({1, -1, 1, 1}) + x[2].reshape({1, -1, 1, 1});
      return act ? apply_activation(y, *act) : y;
    };
    expect_near(run(layer, in, dy), run(reference, in_double(in), dy.to(at::kDouble)), 1e-5);
  }
}

TEST(ApplyActivation, FusedAndAloneGiveTheSameBits) {
  Threads threads(1);
  at::NoGradGuard no_grad;
  const at::Tensor x = normal_images({3, 20, 5, 4}, 9, 0, 3);
  for (const auto& act : kActivations) {
    if (!act) continue;
    SCOPED_TRACE(shown(act));
    const at::Tensor fused = scale_shift(x, at::ones({20}), at::zeros({20}), act);
    EXPECT_TRUE(same_bits(fused, apply_activation(x, *act)));
    at::Tensor in_place = x.clone();
    apply_activation_(in_place, *act);
    EXPECT_TRUE(same_bits(fused, in_place));
  }
}

void check_depthwise(std::int64_t images, std::int64_t channels, std::int64_t height, std::int64_t width,
                     std::int64_t kernel, int stride, at::ScalarType reference_type, int dilation = 1) {
  SCOPED_TRACE(testing::Message() << images << " images of " << channels << "x" << height << "x" << width << ", kernel "
                                  << kernel << ", stride " << stride << ", dilation " << dilation);
  const auto seed = static_cast<std::uint64_t>(1000 * kernel + 10 * height + channels);
  const std::vector<at::Tensor> in = {normal_images({images, channels, height, width}, seed),
                                      normal_tensor({channels, 1, kernel, kernel}, seed + 1)};
  const auto layer = [&](const std::vector<at::Tensor>& x) {
    return convolution(x[0], x[1], std::nullopt, stride, dilation, channels);
  };
  const auto reference = [&](const std::vector<at::Tensor>& x) {
    return at::conv2d(x[0], x[1], {}, stride, dilation * (kernel - 1) / 2, dilation, channels);
  };
  const at::Tensor dy =
      normal_images({images, channels, (height - 1) / stride + 1, (width - 1) / stride + 1}, seed + 2);
  std::vector<at::Tensor> plain;
  for (const auto& t : in) plain.push_back(t.to(reference_type).contiguous());
  expect_near(run(layer, in, dy), run(reference, plain, dy.to(reference_type).contiguous()), 2e-5);
}

TEST(DepthwiseConvolution, EqualsAtenForEveryKernelStrideSideAndChannelCount) {
  Threads threads(1);
  const std::int64_t sides[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 15, 28};
  const std::int64_t channel_counts[] = {2, 3, 4, 8, 12, 16, 20, 24, 48, 7};
  const std::int64_t batches[] = {1, 3, 17, 2, 19, 8};
  std::size_t turn = 0;
  for (const std::int64_t kernel : {1, 3, 5, 7, 9}) {
    for (const int stride : {1, 2, 3}) {
      for (const std::int64_t side : sides) {
        for (int repeat = 0; repeat < 2; ++repeat, ++turn) {
          const std::int64_t images = side >= 14 ? 1 + static_cast<std::int64_t>(turn % 3) : batches[turn % 6];
          check_depthwise(images, channel_counts[turn % 10], side, side, kernel, stride, at::kFloat);
        }
      }
    }
  }
}

TEST(DepthwiseConvolution, EqualsAtenInDoubleOnUnequalSidesAndManyImages) {
  Threads threads(1);
  for (const std::int64_t kernel : {3, 5, 7, 9}) {
    for (const int stride : {1, 2}) {
      check_depthwise(3, 12, 5, 28, kernel, stride, at::kDouble);
      check_depthwise(2, 5, 9, 1, kernel, stride, at::kDouble);
      check_depthwise(35, 4, 7, 6, kernel, stride, at::kDouble);
      check_depthwise(130, 3, 4, 4, kernel, stride, at::kDouble);
    }
  }
}

TEST(DepthwiseConvolution, EqualsAtenWithDilation) {
  Threads threads(1);
  const std::int64_t channel_counts[] = {2, 8, 13, 16, 4, 24};
  std::size_t turn = 0;
  for (const std::int64_t kernel : {1, 3, 5, 7, 9})
    for (const int stride : {1, 2, 3})
      for (const int dilation : {2, 3})
        for (const auto& [height, width] : {std::pair<std::int64_t, std::int64_t>{1, 3}, {4, 4}, {14, 14}, {28, 9}})
          check_depthwise(2, channel_counts[turn++ % 6], height, width, kernel, stride, at::kDouble, dilation);
}

TEST(DepthwiseConvolution, TakesSlicesOfLargerKernelsAndABias) {
  Threads threads(1);
  const at::Tensor bank = normal_tensor({16, 1, 7, 7}, 3), x = normal_images({2, 12, 9, 9}, 4);
  const at::Tensor slice = bank.narrow(0, 0, 12).narrow(2, 2, 3).narrow(3, 2, 3), bias = normal_tensor({12}, 5);
  const at::Tensor seen = convolution(x, slice, bias, 1, 1, 12);
  EXPECT_LT(
      largest_difference(seen, at::conv2d(x.to(at::kDouble), slice.to(at::kDouble), bias.to(at::kDouble), 1, 1, 1, 12)),
      1e-5);
}

TEST(Convolution, WhatIsNotDepthwiseEqualsAtenToo) {
  Threads threads(1);
  struct Case {
    std::int64_t in, out, kernel, groups;
    int stride, dilation;
  };
  for (const auto& c : {Case{6, 10, 3, 1, 2, 1}, Case{8, 8, 3, 8, 1, 2}, Case{8, 16, 3, 8, 1, 1},
                        Case{8, 12, 5, 4, 2, 1}, Case{1, 1, 3, 1, 1, 1}, Case{6, 4, 1, 1, 1, 1}}) {
    SCOPED_TRACE(testing::Message() << c.in << " to " << c.out << ", groups " << c.groups << ", dilation "
                                    << c.dilation);
    const at::Tensor x = normal_images({3, c.in, 9, 8}, 1);
    const at::Tensor w = normal_tensor({c.out, c.in / c.groups, c.kernel, c.kernel}, 2);
    const std::int64_t padding = c.dilation * (c.kernel - 1) / 2;
    EXPECT_LT(largest_difference(
                  convolution(x, w, std::nullopt, c.stride, c.dilation, c.groups),
                  at::conv2d(x.to(at::kDouble), w.to(at::kDouble), {}, c.stride, padding, c.dilation, c.groups)),
              2e-5);
  }
}

/// As on a GPU: what has no kernels of ours.
TEST(Convolution, OfSinglePixelsIsAMatrixProductWithItsGradients) {
  Threads threads(1);
  for (const int stride : {1, 2}) {
    const std::vector<at::Tensor> in =
        in_double({normal_images({3, 6, 9, 8}, 1), normal_tensor({16, 12, 1, 1}, 2).narrow(0, 0, 10).narrow(1, 0, 6),
                   normal_tensor({10}, 3)});
    const at::Tensor dy = normal_images({3, 10, stride == 1 ? 9 : 5, stride == 1 ? 8 : 4}, 4).to(at::kDouble);
    const auto layer = [&](const std::vector<at::Tensor>& x) { return convolution(x[0], x[1], x[2], stride, 1, 1); };
    const auto reference = [&](const std::vector<at::Tensor>& x) { return at::conv2d(x[0], x[1], x[2], stride); };
    expect_near(run(layer, in, dy), run(reference, in, dy), 1e-12);
    EXPECT_TRUE(layer(in).is_contiguous(at::MemoryFormat::ChannelsLast));
  }
}

TEST(ChannelGate, EqualsAProductWithItsGradients) {
  Threads threads(1);
  const auto layer = [](const std::vector<at::Tensor>& x) { return channel_gate(x[0], x[1]); };
  const auto reference = [](const std::vector<at::Tensor>& x) { return x[0] * x[1]; };
  for (const std::int64_t channels : {1, 3, 8, 20, 48}) {
    for (const std::int64_t side : {1, 7}) {
      const std::vector<at::Tensor> in = {normal_images({19, channels, side, side}, 1),
                                          normal_tensor({19, channels, 1, 1}, 2)};
      const at::Tensor dy = normal_images({19, channels, side, side}, 3);
      expect_near(run(layer, in, dy), run(reference, in_double(in), dy.to(at::kDouble)), 1e-5);
    }
  }
  const at::Tensor x = normal_images({2, 3, 4, 4}, 4), full = normal_images({2, 3, 4, 4}, 5);
  EXPECT_TRUE(same_bits(channel_gate(x, full), x * full));
}

TEST(GlobalPool, EqualsAMeanWithItsGradient) {
  Threads threads(1);
  const auto layer = [](const std::vector<at::Tensor>& x) { return global_pool(x[0]); };
  const auto reference = [](const std::vector<at::Tensor>& x) { return at::mean(x[0], at::IntArrayRef{2, 3}, true); };
  for (const std::int64_t channels : {1, 3, 8, 20, 130}) {
    for (const std::int64_t side : {1, 5, 28}) {
      const std::vector<at::Tensor> in = {normal_images({5, channels, side, side + 1}, 1, 3)};
      const at::Tensor dy = normal_tensor({5, channels, 1, 1}, 3);
      expect_near(run(layer, in, dy), run(reference, in_double(in), dy.to(at::kDouble)), 1e-5);
    }
  }
}

TEST(GlobalPool, LeavesOutTheFirstRowsWithTheirGradient) {
  Threads threads(1);
  const at::Tensor x = normal_images({3, 6, 10, 1}, 1), dy = normal_tensor({3, 6, 1, 1}, 2);
  const auto layer = [](const std::vector<at::Tensor>& in) { return global_pool(in[0], 2); };
  const auto reference = [](const std::vector<at::Tensor>& in) {
    return in[0].slice(2, 2).sum(at::IntArrayRef{2, 3}, true) / 8;
  };
  expect_near(run(layer, {x}, dy), run(reference, in_double({x}), dy.to(at::kDouble)), 1e-5);
}

TEST(Pools, AverageTheWindowsPixelsThatAreThereAndHaveCeilSides) {
  Threads threads(1);
  for (const std::int64_t k : {1, 2, 3, 4, 5}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      for (const std::int64_t side : {4, 7, 8, 9}) {
        SCOPED_TRACE(testing::Message() << "kernel " << k << ", stride " << stride << ", side " << side);
        const at::Tensor x = normal_images({2, 3, side, side + 1}, static_cast<std::uint64_t>(10 * k + side));
        const at::Tensor average = average_pool(x, k, stride), max = max_pool(x, k, stride);
        EXPECT_EQ(average.size(2), (side + stride - 1) / stride);
        EXPECT_EQ(average.size(3), (side + stride) / stride);
        EXPECT_LT(largest_difference(average, pool_reference(x.to(at::kDouble), k, stride, true)), 1e-6);
        EXPECT_TRUE(same_bits(max, pool_reference(x, k, stride, false)));
        const at::Tensor dy = normal_images(average.sizes(), 5);
        for (const bool mean : {true, false}) {
          const auto layer = [&](const std::vector<at::Tensor>& in) {
            return mean ? average_pool(in[0], k, stride) : max_pool(in[0], k, stride);
          };
          const auto reference = [&](const std::vector<at::Tensor>& in) {
            return pool_reference(in[0], k, stride, mean);
          };
          expect_near(run(layer, {x}, dy), run(reference, in_double({x}), dy.to(at::kDouble)), 1e-5);
        }
      }
    }
  }
}

TEST(Resize, EqualsTheCubicConvolutionAndKeepsTheLayout) {
  Threads threads(1);
  const at::Tensor x = normal_images({2, 3, 9, 7}, 1);
  for (const auto& [height, width] : {std::pair{18, 14}, std::pair{5, 11}, std::pair{9, 3}, std::pair{1, 1}}) {
    SCOPED_TRACE(testing::Message() << height << "x" << width);
    const auto layer = [&](const std::vector<at::Tensor>& in) { return resize(in[0], height, width); };
    const auto reference = [&](const std::vector<at::Tensor>& in) { return resize_reference(in[0], height, width); };
    const at::Tensor dy = normal_images({2, 3, height, width}, 2);
    expect_near(run(layer, {x}, dy), run(reference, in_double({x}), dy.to(at::kDouble)), 1e-5);
    EXPECT_TRUE(layer({x}).is_contiguous(at::MemoryFormat::ChannelsLast));
  }
  EXPECT_TRUE(same_bits(resize(x, 9, 7), x));
}

TEST(Shift, MovesByOneAndFillsWithZeros) {
  Threads threads(1);
  const at::Tensor x = normal_images({2, 3, 4, 5}, 1), y = shift(x);
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  for (std::int64_t h = 0; h < 4; ++h)
    for (std::int64_t w = 0; w < 5; ++w)
      EXPECT_TRUE(same_bits(y.select(2, h).select(2, w),
                            h < 3 && w < 4 ? x.select(2, h + 1).select(2, w + 1) : at::zeros({2, 3})));
  const Passes passes = run([](const auto& in) { return shift(in[0]); }, {x}, at::ones_like(x));
  EXPECT_EQ(passes.gradients[0].sum().item<double>(), 2 * 3 * 3 * 4);
  EXPECT_EQ(passes.gradients[0].select(2, 0).abs().sum().item<double>(), 0);
  EXPECT_TRUE(same_bits(shift(at::ones({1, 2, 1, 1})), at::zeros({1, 2, 1, 1})));
}

TEST(Convolution, DilatedDepthwiseOnesKeepLayoutAndSides) {
  Threads threads(1);
  for (const std::int64_t k : {3, 5}) {
    for (const int stride : {1, 2}) {
      SCOPED_TRACE(testing::Message() << "kernel " << k << ", stride " << stride);
      const std::vector<at::Tensor> in = {normal_images({3, 8, 9, 14}, 1), normal_tensor({8, 1, k, k}, 2)};
      const auto layer = [&](const std::vector<at::Tensor>& x) {
        return convolution(x[0], x[1], std::nullopt, stride, 2, 8);
      };
      // The taps spread out by hand: a dilated kernel is a larger one with zeros.
      const auto reference = [&](const std::vector<at::Tensor>& x) {
        at::Tensor spread = at::zeros({8, 1, 2 * k - 1, 2 * k - 1}, x[1].options());
        spread = spread.slice_scatter(
            at::zeros({8, 1, k, 2 * k - 1}, x[1].options()).slice_scatter(x[1], 3, std::nullopt, std::nullopt, 2), 2,
            std::nullopt, std::nullopt, 2);
        return at::conv2d(x[0], spread, {}, stride, k - 1, 1, 8);
      };
      const at::Tensor y = layer(in);
      EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
      EXPECT_EQ(y.size(2), (9 + stride - 1) / stride);
      EXPECT_EQ(y.size(3), (14 + stride - 1) / stride);
      const at::Tensor dy = normal_images(y.sizes(), 3);
      expect_near(run(layer, in, dy), run(reference, in_double(in), dy.to(at::kDouble)), 2e-5);
    }
  }
}

TEST(Layers, OneAndTwoThreadsGiveTheSameBits) {
  const at::Tensor x = normal_images({37, 20, 15, 14}, 1), dy = normal_images({37, 20, 15, 14}, 2);
  const at::Tensor gamma = normal_tensor({20}, 3), beta = normal_tensor({20}, 4), w = normal_tensor({20, 1, 5, 5}, 5);
  const at::Tensor gate = normal_tensor({37, 20, 1, 1}, 6);
  const auto everything = [&](int count) {
    Threads threads(count);
    std::vector<at::Tensor> results;
    const auto keep = [&](const Passes& passes) {
      results.push_back(passes.output);
      results.insert(results.end(), passes.gradients.begin(), passes.gradients.end());
    };
    keep(run([](const auto& in) { return batch_norm_train(in[0], in[1], in[2], Activation::kHSwish); },
             {x, gamma, beta}, dy));
    keep(run([](const auto& in) { return convolution(in[0], in[1], std::nullopt, 1, 1, 20); }, {x, w}, dy));
    keep(run([](const auto& in) { return channel_gate(in[0], in[1]); }, {x, gate}, dy));
    keep(run([](const auto& in) { return global_pool(in[0]); }, {x}, gate));
    const auto [mean, variance] = channel_moments(x);
    results.push_back(mean);
    results.push_back(variance);
    return results;
  };
  const auto one = everything(1), two = everything(2);
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i], two[i])) << "result " << i;
}

}  // namespace
}  // namespace frontier
