#include "supernet/parameter_store.h"

#include <torch/types.h>

#include <cmath>
#include <set>

#include "common/errors.h"
#include "supernet/internal/region_runs.h"
#include "support/messages.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using testing_support::largest_difference;
using testing_support::normal_tensor;
using testing_support::same_bits;

/// Of every rank and memory order: a convolution that lies channels-last, a depthwise one, a table cut around its
/// centre, a position, a vector, a scalar.
std::vector<Parameter> samples() {
  return {
      {.name = "bias", .shape = {6}},
      {.name = "conv", .shape = {6, 4, 5, 5}, .strides = {100, 1, 20, 4}, .num_centred = 2, .decays = true},
      {.name = "depthwise", .shape = {6, 1, 5, 5}, .strides = {25, 1, 5, 1}, .num_centred = 2, .decays = true},
      {.name = "table", .shape = {3, 7, 5}, .num_centred = 2},
      {.name = "linear", .shape = {5, 8}, .decays = true},
      {.name = "position", .shape = {8, 5}, .strides = {1, 8}},
      {.name = "scalar", .shape = {}},
      {.name = "logits", .shape = {4, 3}, .group = "architecture", .initializer = {"normal", 1e-3}},
  };
}

ParameterStore sample_store(at::ScalarType type = at::kFloat) {
  auto parameters = samples();
  for (auto& p : parameters) p.initializer = {"normal"};
  return ParameterStore(std::move(parameters), Rng(1), type);
}

/// A slice of a random size.
Region random_region(const ParameterLayout& layout, Rng& rng) {
  const std::size_t i = rng.below(layout.parameters().size());
  std::vector<std::int64_t> shape;
  for (const auto size : layout.parameters()[i].shape)
    shape.push_back(1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(size))));
  return layout.region(i, shape);
}

at::Tensor random_gradient(const ParameterLayout& layout, const Region& region, std::uint64_t seed) {
  return normal_tensor(at::IntArrayRef(region.size.data(), layout.parameters()[region.parameter].shape.size()), seed);
}

TEST(ParameterLayout, PutsGroupsBehindEachOtherAndDecayedParametersFirst) {
  const ParameterLayout layout(samples());
  std::vector<std::string> names;
  std::int64_t offset = 0;
  for (const auto& p : layout.parameters()) {
    names.push_back(p.name);
    EXPECT_EQ(p.offset, offset) << p.name;
    offset += p.numel;
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"conv", "depthwise", "linear", "bias", "table", "position", "scalar", "logits"}));
  EXPECT_EQ(layout.num_scalars(), 600 + 150 + 40 + 6 + 105 + 40 + 1 + 12);
  EXPECT_EQ(layout.group("weights"), (GroupSpan{"weights", 0, 790, 942}));
  EXPECT_EQ(layout.group("architecture"), (GroupSpan{"architecture", 942, 942, 954}));
  EXPECT_THROWS_WITH(layout.group(""), std::logic_error, "no group of parameters '', only: weights, architecture");
  EXPECT_EQ(ParameterLayout({{.name = "a", .shape = {2}}}).group(""), (GroupSpan{"weights", 0, 0, 2}));
  EXPECT_EQ(ParameterLayout({}).group("").end, 0);
}

TEST(ParameterLayout, RefusesWhatItCannotLayOut) {
  EXPECT_THROWS_WITH(ParameterLayout({{.name = "a", .shape = {2}}, {.name = "a", .shape = {3}}}), std::logic_error,
                     "two parameters are named 'a'");
  EXPECT_THROWS_WITH(ParameterLayout({{.name = "a", .shape = {2, 0}}}), std::logic_error, "a dimension of 0");
  EXPECT_THROWS_WITH(ParameterLayout({{.name = "a", .shape = {1, 1, 1, 1, 1}}}), std::logic_error, "up to 4");
  for (const std::vector<std::int64_t>& strides : {std::vector<std::int64_t>{3}, {4, 1}, {1, 1}, {2, 1}})
    EXPECT_THROWS_WITH(ParameterLayout({{.name = "a", .shape = {2, 3}, .strides = strides}}), std::logic_error,
                       "the strides of parameter 'a'");
  EXPECT_THROWS_WITH(ParameterLayout({{.name = "a", .shape = {2}, .initializer = {"he_norml"}}}), UsageError,
                     "unknown initialiser 'he_norml'; did you mean 'he_normal'?");
}

TEST(ParameterLayout, RunsCoverARegionOnceInEquallyLongPieces) {
  const ParameterStore store = sample_store();
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Region region = random_region(store.layout(), rng);
    at::Tensor marks = at::zeros({store.num_scalars()}), expected = marks.clone();
    store.layout().view(expected, region).fill_(1);
    std::set<std::int64_t> lengths;
    internal::for_each_run(store.parameters()[region.parameter], region, [&](std::int64_t offset, std::int64_t length) {
      marks.narrow(0, offset, length).add_(1);
      lengths.insert(length);
    });
    EXPECT_TRUE(same_bits(marks, expected));
    EXPECT_EQ(lengths.size(), 1U);
  }
  const auto runs_of = [&](const char* name) {
    int runs = 0;
    const std::size_t i = store.layout().index(name);
    internal::for_each_run(store.parameters()[i], store.layout().whole(i), [&](std::int64_t, std::int64_t) { ++runs; });
    return runs;
  };
  for (const auto& p : store.parameters()) EXPECT_EQ(runs_of(p.name.c_str()), 1) << p.name;
}

TEST(ParameterStore, StartsAsTheInitialisersSay) {
  const auto store_of = [](const char* name, double scale, std::vector<std::int64_t> shape) {
    return ParameterStore({{.name = "w", .shape = std::move(shape), .initializer = {name, scale}}}, Rng(3)).values();
  };
  EXPECT_TRUE(same_bits(store_of("zero", 1, {5}), at::zeros({5})));
  EXPECT_TRUE(same_bits(store_of("one", 1, {5}), at::ones({5})));
  // Deviations in closed form; the bounds are five deviations of the estimates over n draws.
  const std::int64_t n = 64 * 32 * 9;
  const struct {
    const char* name;
    double deviation, largest;
  } cases[] = {{"normal", 0.5, 10},
               {"uniform", 0.5 / std::sqrt(3.0), 0.5},
               {"he_normal", 0.5 * std::sqrt(2.0 / (64 * 9)), 10},
               {"he_uniform", 0.5 * std::sqrt(2.0 / (64 * 9)), 0.5 * std::sqrt(6.0 / (64 * 9))},
               {"xavier_normal", 0.5 * std::sqrt(2.0 / (96 * 9)), 10},
               {"xavier_uniform", 0.5 * std::sqrt(2.0 / (96 * 9)), 0.5 * std::sqrt(6.0 / (96 * 9))}};
  for (const auto& c : cases) {
    const at::Tensor w = store_of(c.name, 0.5, {64, 32, 3, 3});
    EXPECT_NEAR(w.std().item<double>() / c.deviation, 1, 5 / std::sqrt(2.0 * n)) << c.name;
    EXPECT_NEAR(w.mean().item<double>() / c.deviation, 0, 5 / std::sqrt(1.0 * n)) << c.name;
    EXPECT_LE(w.abs().max().item<double>(), c.largest) << c.name;
  }
  // A depthwise convolution's outputs see its kernel alone.
  EXPECT_NEAR(store_of("he_normal", 1, {2048, 1, 3, 3}).std().item<double>() / std::sqrt(2.0 / 9), 1, 0.03);
}

TEST(ParameterStore, Float64StartsWithTheNumbersThatFloat32Rounds) {
  EXPECT_TRUE(same_bits(sample_store(at::kDouble).values().to(at::kFloat), sample_store().values()));
  EXPECT_THROWS_WITH(ParameterStore(std::make_shared<const ParameterLayout>(samples()), at::kHalf), std::logic_error,
                     "float32 or float64, not Half");
}

TEST(ParameterStore, ASnapshotSharesTheLayoutAndNothingElse) {
  ParameterStore store = sample_store();
  store.add_gradient(store.region("linear", {5, 8}), at::ones({5, 8}));
  const at::Tensor before = store.values().clone();
  ParameterStore copy = store.snapshot();
  EXPECT_EQ(&copy.layout(), &store.layout());
  EXPECT_TRUE(copy.touched().empty());
  EXPECT_EQ(copy.gradients().abs().max().item<double>(), 0);
  copy.values().fill_(2);
  copy.gradients().fill_(3);
  EXPECT_TRUE(same_bits(store.values(), before));
  EXPECT_EQ(store.gradients().sum().item<double>(), 40);
  store.copy_from(copy);
  EXPECT_TRUE(same_bits(store.values(), copy.values()));
  store.values().fill_(4);
  EXPECT_EQ(copy.values().max().item<double>(), 2);
  const ParameterStore other({{.name = "a", .shape = {2}}}, Rng(0));
  EXPECT_THROWS_WITH(store.copy_from(other), std::logic_error, "of another layout");
  ParameterStore doubled(std::make_shared<const ParameterLayout>(samples()), at::kDouble);
  doubled.copy_from(copy);  // an equal layout
  EXPECT_EQ(doubled.values().min().item<double>(), 2);
}

TEST(ParameterStore, ASnapshotOfOneGroupHoldsItsParametersAlone) {
  const ParameterStore store = sample_store();
  const ParameterStore logits = store.snapshot("architecture");
  ASSERT_EQ(logits.parameters().size(), 1U);
  EXPECT_TRUE(same_bits(logits.value("logits"), store.value("logits")));
  EXPECT_EQ(logits.num_scalars(), 12);
  logits.values().fill_(1);
  EXPECT_LT(store.value("logits").abs().max().item<double>(), 10);
  EXPECT_FALSE(same_bits(store.value("logits"), logits.value("logits")));
}

TEST(ParameterStore, TouchedRegionsAreTheSmallestBoxesAroundWhatWasTouched) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    ParameterStore store = sample_store();
    at::Tensor marks = at::zeros({store.num_scalars()}), boxes = marks.clone();
    std::set<std::size_t> parameters;
    for (std::uint64_t k = rng.below(12); k > 0; --k) {
      const Region region = random_region(store.layout(), rng);
      parameters.insert(region.parameter);
      store.touch(region);
      store.layout().view(marks, region).fill_(1);
    }
    EXPECT_EQ(store.touched().size(), parameters.size());
    for (const Region& region : store.touched()) {
      const at::Tensor inside = store.layout().view(marks, region);
      for (std::int64_t d = 0; d < inside.dim(); ++d)  // every side of the box meets what was touched
        for (const std::int64_t side : {std::int64_t{0}, inside.size(d) - 1})
          EXPECT_GT(inside.select(d, side).sum().item<double>(), 0);
      store.layout().view(boxes, region).fill_(1);
    }
    EXPECT_EQ((marks > boxes).sum().item<std::int64_t>(), 0);
  }
}

TEST(ParameterStore, ClearingOverlappingSlicesLeavesNoGradient) {
  ParameterStore store = sample_store();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    at::Tensor expected = at::zeros({store.num_scalars()});
    for (std::uint64_t k = 0; k < 1 + rng.below(10); ++k) {
      const Region region = random_region(store.layout(), rng);
      const at::Tensor gradient = random_gradient(store.layout(), region, 1000 * seed + k);
      store.add_gradient(region, gradient);
      store.layout().view(expected, region).add_(gradient);
    }
    EXPECT_TRUE(same_bits(store.gradients(), expected));
    store.clear_gradients();
    EXPECT_TRUE(store.touched().empty());
    EXPECT_EQ(store.gradients().count_nonzero().item<std::int64_t>(), 0);
  }
}

TEST(ParameterStore, ClearsNothingThatWasNotTouched) {
  ParameterStore store = sample_store(at::kDouble);
  store.gradients().fill_(1);
  store.touch(store.region("conv", {3, 2, 3, 3}));
  store.touch(store.region("position", {2, 5}));
  store.clear_gradients();
  EXPECT_EQ(store.gradients().sum().item<double>(), static_cast<double>(store.num_scalars() - 3 * 2 * 9 - 10));
  EXPECT_EQ(store.gradient_slice("conv", {3, 2, 3, 3}).abs().max().item<double>(), 0);
}

TEST(ParameterStore, TensorsAndLoadRoundTripAndRefuseByTheStoresName) {
  const ParameterStore a = sample_store();
  ParameterStore b = sample_store();
  b.values().fill_(0);
  b.load(a.tensors());
  EXPECT_TRUE(same_bits(a.values(), b.values()));
  TensorMap tensors = a.tensors();
  tensors.erase("logits");
  EXPECT_THROWS_WITH(b.load(tensors, "architecture parameters"), UsageError,
                     "the architecture parameters lack parameter 'logits'");
  ParameterStore wide = sample_store(at::kDouble);
  EXPECT_THROWS_WITH(wide.load(a.tensors()), UsageError, "have another shape or type");
  wide.load(sample_store(at::kDouble).tensors());
}

}  // namespace
}  // namespace frontier
