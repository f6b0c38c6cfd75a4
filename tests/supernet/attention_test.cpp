#include "supernet/attention.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "support/reference_attention.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Tensors = std::vector<at::Tensor>;
using Function = std::function<at::Tensor(const Tensors&)>;

Tensors with_gradients(const Function& function, const Tensors& inputs, const at::Tensor& dy) {
  Tensors leaves;
  for (const auto& input : inputs) leaves.push_back(input.detach().set_requires_grad(true));
  const at::Tensor y = function(leaves);
  Tensors results = torch::autograd::grad({y}, leaves, {dy});
  results.push_back(y.detach());
  return results;
}

/// Output and all gradients of a layer in float32 against the reference's in double.
void expect_equal(const Function& layer, const Function& reference, const Tensors& inputs) {
  Tensors exact;
  for (const auto& input : inputs) exact.push_back(input.to(at::kDouble).contiguous());
  at::Tensor y;
  {
    at::NoGradGuard no_grad;
    y = layer(inputs);
  }
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  const at::Tensor dy = normal_images(y.sizes(), 77);
  const Tensors seen = with_gradients(layer, inputs, dy),
                expected = with_gradients(reference, exact, dy.to(at::kDouble));
  EXPECT_LT(largest_difference(y, expected.back()), 1e-5);
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_LT(largest_difference(seen[i], expected[i]), 1e-5 * (1 + expected[i].abs().max().item<double>())) << i;
}

struct Size {
  std::int64_t heads, key, value, height, width;
};
const Size kSizes[] = {{1, 4, 4, 1, 1}, {2, 4, 4, 3, 5}, {3, 5, 7, 4, 2}, {4, 8, 8, 1, 6}, {2, 16, 16, 7, 7}};

Tensors queries_keys_values(const Size& s, std::int64_t height, std::int64_t width) {
  return {normal_images({3, s.heads * s.key, height, width}, 1), normal_images({3, s.heads * s.key, height, width}, 2),
          normal_images({3, s.heads * s.value, height, width}, 3)};
}

testing::Message shown(const Size& s) {
  return testing::Message() << s.heads << " heads of " << s.key << " and " << s.value << " over " << s.height << "x"
                            << s.width;
}

TEST(Attention, EqualsItsFormulaWithGradients) {
  Threads threads(1);
  for (const Size& s : kSizes) {
    SCOPED_TRACE(shown(s));
    expect_equal([&](const Tensors& in) { return attention(in[0], in[1], in[2], s.heads); },
                 [&](const Tensors& in) { return attention_reference(in[0], in[1], in[2], s.heads); },
                 queries_keys_values(s, s.height, s.width));
  }
}

TEST(Attention, AddsTheBiasOfEveryOffset) {
  Threads threads(1);
  for (const Size& s : kSizes) {
    SCOPED_TRACE(shown(s));
    Tensors in = queries_keys_values(s, s.height, s.width);
    in.push_back(normal_tensor({s.heads, 2 * s.height - 1, 2 * s.width - 1}, 4));
    expect_equal([&](const Tensors& x) { return attention(x[0], x[1], x[2], s.heads, x[3]); },
                 [&](const Tensors& x) {
                   return attention_reference(x[0], x[1], x[2], s.heads, bias_matrix(x[3], s.height, s.width));
                 },
                 in);
  }
}

TEST(RelativeAttention, EqualsItsFormulaWithEveryPairWrittenOut) {
  Threads threads(1);
  for (const Size& s : kSizes) {
    for (const std::int64_t farthest : {1, 3, 14}) {
      SCOPED_TRACE(shown(s) << ", offsets up to " << farthest);
      Tensors in = queries_keys_values(s, 1 + s.height * s.width, 1);
      for (std::uint64_t i = 0; i < 4; ++i)
        in.push_back(normal_tensor({2 * farthest + 2, i < 2 ? s.key : s.value}, 10 + i));
      expect_equal(
          [&](const Tensors& x) {
            return relative_attention(x[0], x[1], x[2], s.heads, {x[3], x[4]}, {x[5], x[6]}, s.height, s.width);
          },
          [&](const Tensors& x) {
            return attention_reference(x[0], x[1], x[2], s.heads, {}, pair_vectors({x[3], x[4]}, s.height, s.width),
                                       pair_vectors({x[5], x[6]}, s.height, s.width));
          },
          in);
    }
  }
}

TEST(RelativeAttention, GradientsMatchFiniteDifferences) {
  Threads threads(1);
  Tensors in = queries_keys_values({2, 3, 3, 2, 3}, 7, 1);
  for (std::uint64_t i = 0; i < 4; ++i) in.push_back(normal_tensor({4, 3}, 10 + i));
  for (auto& t : in) t = t.to(at::kDouble);
  const at::Tensor dy = normal_images({3, 6, 7, 1}, 5).to(at::kDouble);
  const Function layer = [](const Tensors& x) {
    return relative_attention(x[0], x[1], x[2], 2, {x[3], x[4]}, {x[5], x[6]}, 2, 3);
  };
  const Tensors gradients = with_gradients(layer, in, dy);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const at::Tensor direction = normal_tensor(in[i].sizes(), 20 + i).to(at::kDouble);
    const auto moved = [&](double by) {
      Tensors x = in;
      x[i] = x[i] + direction * by;
      return (layer(x) * dy).sum().item<double>();
    };
    constexpr double kStep = 1e-6;
    EXPECT_NEAR((gradients[i] * direction).sum().item<double>(), (moved(kStep) - moved(-kStep)) / (2 * kStep), 1e-6)
        << i;
  }
}

TEST(LayerNorm, EqualsItsFormulaWithGradients) {
  Threads threads(1);
  for (const std::int64_t channels : {6, 33, 64}) {
    expect_equal(
        [](const Tensors& x) { return layer_norm(x[0], x[1], x[2]); },
        [](const Tensors& x) {
          const at::Tensor centred = x[0] - x[0].mean(1, true);
          const at::Tensor normal = centred / (centred.square().mean(1, true) + 1e-5).sqrt();
          return normal * x[1].reshape({-1, 1, 1}) + x[2].reshape({-1, 1, 1});
        },
        {normal_images({3, channels, 4, 5}, 1, 2, 3), normal_tensor({channels}, 2), normal_tensor({channels}, 3)});
  }
}

TEST(Tokens, AreTheClassTokenAndThePixelsPlusPositions) {
  Threads threads(1);
  const at::Tensor x = normal_images({2, 3, 2, 4}, 1), first = normal_tensor({3}, 2),
                   position = normal_tensor({3, 9}, 3);
  const at::Tensor y = with_class_token(x, first, position);
  ASSERT_EQ(y.sizes(), (at::IntArrayRef{2, 3, 9, 1}));
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  for (std::int64_t n = 0; n < 2; ++n) {
    EXPECT_TRUE(same_bits(y[n].select(1, 0).squeeze(1), first + position.select(1, 0)));
    for (std::int64_t t = 0; t < 8; ++t)
      EXPECT_TRUE(same_bits(y[n].select(1, 1 + t).squeeze(1),
                            x[n].select(1, t / 4).select(1, t % 4) + position.select(1, 1 + t)));
  }
}

/// What `function` gives with one thread and with two.
std::pair<Tensors, Tensors> with_one_and_two_threads(const Function& function, const Tensors& inputs,
                                                     const at::Tensor& dy) {
  const auto with = [&](int count) {
    Threads threads(count);
    return with_gradients(function, inputs, dy);
  };
  return {with(1), with(2)};
}

TEST(Attention, OneAndTwoThreadsGiveTheSameBits) {
  const auto [one, two] =
      with_one_and_two_threads([](const Tensors& x) { return attention(x[0], x[1], x[2], 4); },
                               queries_keys_values({4, 8, 8, 0, 0}, 50, 1), normal_images({3, 32, 50, 1}, 6));
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same_bits(one[i], two[i])) << i;
}

// Its products of matrices are MKL's, which may add in another order with other threads; unless MKL_CBWR says STRICT.
TEST(RelativeAttention, OneAndTwoThreadsDifferByRoundingAtMost) {
  Tensors in = queries_keys_values({4, 8, 8, 0, 0}, 50, 1);
  in.push_back(normal_tensor({12, 8}, 4));
  in.push_back(normal_tensor({12, 8}, 5));
  const auto [one, two] = with_one_and_two_threads(
      [](const Tensors& x) {
        return relative_attention(x[0], x[1], x[2], 4, {x[3], x[3]}, {x[4], x[4]}, 7, 7);
      },
      in, normal_images({3, 32, 50, 1}, 6));
  for (std::size_t i = 0; i < one.size(); ++i)
    EXPECT_LT(largest_difference(one[i], two[i]), 1e-6 * (1 + one[i].abs().max().item<double>())) << i;
}

}  // namespace
}  // namespace frontier
