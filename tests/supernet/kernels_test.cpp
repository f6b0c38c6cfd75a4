#include "supernet/kernels/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "common/rng.h"

namespace frontier::kernels {

namespace baseline {
extern const Table kTable;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Table kTable;
}
namespace avx512 {
extern const Table kTable;
}
#endif

namespace {

std::vector<const Table*> tables_of_this_machine() {
  std::vector<const Table*> tables = {&baseline::kTable};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) tables.push_back(&avx2::kTable);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw"))
    tables.push_back(&avx512::kTable);
#endif
  return tables;
}

std::vector<float> normal_values(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.normal()));
  return values;
}

template <class T>
void expect_near(const std::vector<T>& seen, const std::vector<T>& expected, double tolerance) {
  ASSERT_EQ(seen.size(), expected.size());
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(seen[i]) - static_cast<double>(expected[i])));
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
  }
  EXPECT_LT(worst, tolerance * largest);
}

/// What one table gives for a matrix [rows, width] and every activation.
struct Results {
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<double>> doubles;
};

Results run_rows(const Table& t, std::int64_t rows, std::int64_t width) {
  const auto size = static_cast<std::size_t>(rows * width), columns = static_cast<std::size_t>(width);
  const auto x = normal_values(rows * width, 1), dy = normal_values(rows * width, 2);
  const auto scale = normal_values(width, 3), shift = normal_values(width, 4), mean = normal_values(width, 5),
             by_x = normal_values(width, 6);
  Results r;
  std::vector<double> a(columns, 1.0), b(columns, 2.0);  // sums are added to
  t.moments(x.data(), rows, width, mean.data(), a.data(), b.data());
  r.doubles = {a, b};
  for (const Act act : {Act::kNone, Act::kReLU, Act::kReLU6, Act::kHSwish}) {
    std::vector<float> y(size), dx(size);
    t.scale_shift(x.data(), y.data(), rows, width, scale.data(), shift.data(), act);
    t.norm_backward_sums(x.data(), dy.data(), rows, width, scale.data(), shift.data(), mean.data(), act, a.data(),
                         b.data());
    t.norm_backward(x.data(), dy.data(), dx.data(), rows, width, scale.data(), shift.data(), by_x.data(), mean.data(),
                    act);
    r.floats.push_back(y);
    r.floats.push_back(dx);
    r.doubles.push_back(a);
    r.doubles.push_back(b);
  }
  std::vector<float> sums(columns, -1.0F), products(columns, -1.0F);
  t.pixel_sums(x.data(), nullptr, rows, width, sums.data());
  t.pixel_sums(x.data(), dy.data(), rows, width, products.data());
  r.floats.push_back(sums);
  r.floats.push_back(products);
  return r;
}

Results run_depthwise(const Table& t, std::int64_t side, std::int64_t channels, int kernel, int stride, int dilation) {
  ConvShape s{};
  s.height = s.width = side;
  s.channels = channels;
  s.kernel = kernel;
  s.stride = stride;
  s.dilation = dilation;
  s.padding = s.reach() / 2;
  s.out_height = s.out_width = (side - 1) / stride + 1;
  constexpr std::int64_t kImages = 3;
  const std::int64_t in = kImages * side * side * channels, out = kImages * s.out_height * s.out_width * channels;
  const auto x = normal_values(in, 1), dy = normal_values(out, 2), w = normal_values(kernel * kernel * channels, 3);
  // One float beyond each end must stay as it was.
  constexpr float kFence = 12345;
  std::vector<float> scratch(static_cast<std::size_t>(scratch_size(s)) + 1);
  const auto spoil = [&] {  // the kernels clear what they need
    std::fill(scratch.begin(), scratch.end() - 1, std::numeric_limits<float>::quiet_NaN());
    scratch.back() = kFence;
  };
  spoil();
  std::vector<float> y(static_cast<std::size_t>(out) + 1, kFence), dx(static_cast<std::size_t>(in) + 1, kFence),
      dw(w.size() + 1, 0.0F);
  dw.back() = kFence;
  t.depthwise(s, 0, kImages, x.data(), w.data(), y.data(), scratch.data());
  spoil();
  t.depthwise_backward_input(s, 0, kImages, dy.data(), w.data(), dx.data(), scratch.data());
  spoil();
  t.depthwise_backward_weight(s, 0, kImages, dy.data(), x.data(), dw.data(), scratch.data());
  for (const auto* fenced : {&y, &dx, &dw, &scratch}) EXPECT_EQ(fenced->back(), kFence);
  return {{y, dx, dw}, {}};
}

/// A weighted sum of three arrays over [first, last), its gradients by two of them, and its dots.
Results run_mix(const Table& t, std::int64_t first, std::int64_t last) {
  const auto size = static_cast<std::size_t>(last) + 1;
  std::vector<std::vector<float>> inputs, gradients(2, std::vector<float>(size, 7.0F));
  for (std::uint64_t i = 0; i < 3; ++i) inputs.push_back(normal_values(last + 1, 10 + i));
  const float* x[] = {inputs[0].data(), inputs[1].data(), inputs[2].data()};
  float* dx[] = {gradients[0].data(), nullptr, gradients[1].data()};
  const auto weights = normal_values(3, 1), dy = normal_values(last + 1, 2);
  std::vector<float> y(size, 7.0F);
  std::vector<double> dots(3, 1.0);
  t.weighted_sum(x, weights.data(), 3, first, last, y.data());
  t.weighted_sum_backward(x, weights.data(), 3, first, last, dy.data(), dx, dots.data());
  std::vector<double> untouched(3, 1.0);
  t.weighted_sum_backward(nullptr, weights.data(), 3, first, last, dy.data(), dx, untouched.data());
  EXPECT_EQ(untouched, std::vector<double>(3, 1.0));
  for (const auto* written : {&y, &gradients[0], &gradients[1]}) {
    EXPECT_EQ(written->back(), 7.0F);
    for (std::int64_t i = 0; i < first; ++i) EXPECT_EQ((*written)[static_cast<std::size_t>(i)], 7.0F);
  }
  return {{y, gradients[0], gradients[1]}, {dots}};
}

/// Seven columns to four: an empty window, one column, all, the last two.
Results run_windows(const Table& t, std::int64_t rows) {
  const std::int64_t begin[] = {3, 2, 0, 5}, end[] = {3, 3, 7, 7};
  const auto x = normal_values(rows * 7, 1), before = normal_values(7, 2), after = normal_values(4, 3);
  std::vector<float> y(static_cast<std::size_t>(rows) * 4, 9.0F);
  t.window_sums(x.data(), y.data(), rows, 7, 4, begin, end, before.data(), after.data());
  EXPECT_EQ(y[0], 0.0F);
  EXPECT_NEAR(y[1], after[1] * before[2] * x[2], 1e-6);
  return {{y}, {}};
}

void expect_same(const Results& seen, const Results& expected) {
  ASSERT_EQ(seen.floats.size(), expected.floats.size());
  ASSERT_EQ(seen.doubles.size(), expected.doubles.size());
  for (std::size_t i = 0; i < seen.floats.size(); ++i) expect_near(seen.floats[i], expected.floats[i], 1e-5);
  for (std::size_t i = 0; i < seen.doubles.size(); ++i) expect_near(seen.doubles[i], expected.doubles[i], 1e-5);
}

TEST(KernelTables, HaveTheirNamesAndTheBestIsChosen) {
  const auto tables = tables_of_this_machine();
  EXPECT_EQ(std::string(tables.front()->name), "baseline");
  EXPECT_EQ(&table(), tables.back());
}

TEST(KernelTables, EveryInstructionSetGivesTheSameOverRows) {
  const auto tables = tables_of_this_machine();
  for (const std::int64_t width : {1, 3, 31, 32, 33, 48, 64, 100}) {
    for (const std::int64_t rows : {1, 2, 7, 511, 513, 1100}) {
      const Results expected = run_rows(*tables.front(), rows, width);
      for (const auto* t : tables) {
        SCOPED_TRACE(testing::Message() << t->name << ", " << rows << " rows of " << width);
        expect_same(run_rows(*t, rows, width), expected);
      }
    }
  }
}

TEST(KernelTables, EveryInstructionSetGivesTheSameMixes) {
  const auto tables = tables_of_this_machine();
  for (const auto& [first, last] : {std::pair{0, 1}, std::pair{3, 18}, std::pair{0, 2048}, std::pair{7, 5000}}) {
    const Results expected = run_mix(*tables.front(), first, last), windows = run_windows(*tables.front(), last);
    for (const auto* t : tables) {
      SCOPED_TRACE(testing::Message() << t->name << ", [" << first << ", " << last << ")");
      expect_same(run_mix(*t, first, last), expected);
      expect_same(run_windows(*t, last), windows);
    }
  }
}

TEST(KernelTables, EveryInstructionSetGivesTheSameDepthwiseConvolutions) {
  const auto tables = tables_of_this_machine();
  for (const int kernel : {1, 3, 5, 7, 9}) {
    for (const int stride : {1, 2}) {
      for (const std::int64_t side : {1, 2, 4, 5, 7, 14}) {
        for (const std::int64_t channels : {1, 3, 4, 13, 16, 29, 48}) {
          for (const int dilation : {1, 2, 3}) {
            const Results expected = run_depthwise(*tables.front(), side, channels, kernel, stride, dilation);
            for (const auto* t : tables) {
              SCOPED_TRACE(testing::Message()
                           << t->name << ", side " << side << ", channels " << channels << ", kernel " << kernel
                           << ", stride " << stride << ", dilation " << dilation);
              expect_same(run_depthwise(*t, side, channels, kernel, stride, dilation), expected);
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace frontier::kernels
