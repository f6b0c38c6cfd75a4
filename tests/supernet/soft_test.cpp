#include "supernet/soft.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <cmath>
#include <numeric>

#include "search_spaces/registry.h"
#include "search_spaces/search_space.h"
#include "support/messages.h"
#include "support/small_spaces.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;

/// Widths and kernels, depths whose widths depend on them, branches, resolutions, constraints.
const char* const kSpaces[] = {"mobile_cnn",      "resnet_shape_56", "nas_bench_201", "darts",
                               "ofa_mobilenetv3", "elastic_vit",     "autoformer_28"};

/// Logits of every decision in one tensor: standard normal, float64.
at::Tensor random_logits(std::span<const Decision> decisions, std::uint64_t seed) {
  std::int64_t options = 0;
  for (const auto& decision : decisions) options += static_cast<std::int64_t>(decision.options.size());
  return normal_tensor({options}, seed).to(at::kDouble);
}

std::vector<at::Tensor> softmax_each(std::span<const Decision> decisions, const at::Tensor& logits) {
  std::vector<std::int64_t> sizes;
  for (const auto& decision : decisions) sizes.push_back(static_cast<std::int64_t>(decision.options.size()));
  std::vector<at::Tensor> gates;
  for (const auto& own : logits.split_with_sizes(sizes)) gates.push_back(at::softmax(own, 0));
  return gates;
}

Gates random_gates(std::span<const Decision> decisions, std::uint64_t seed) {
  return {decisions, softmax_each(decisions, random_logits(decisions, seed))};
}

/// Every decision by itself: a member of the space or not.
Architecture draw(std::size_t decisions, const Gates& gates, Rng& rng) {
  Architecture arch;
  for (std::size_t d = 0; d < decisions; ++d) {
    const auto values = gates.values(d);
    double left = rng.uniform();
    std::uint16_t choice = 0;
    while (choice + 1U < values.size() && (left -= values[choice]) >= 0) ++choice;
    arch.choices.push_back(choice);
  }
  return arch;
}

double probability(const Architecture& arch, const Gates& gates) {
  double product = 1;
  for (std::size_t d = 0; d < arch.choices.size(); ++d) product *= gates.values(d)[arch.choices[d]];
  return product;
}

std::vector<Decision> small_decisions() {
  return {{"a", {"0", "1"}}, {"b", {"0", "1", "2"}}, {"c", {"0", "1", "2", "3"}}};
}

std::vector<Architecture> all_small_choices() {
  std::vector<Architecture> all;
  for (std::uint16_t i = 0; i < 24; ++i)
    all.push_back({{static_cast<std::uint16_t>(i % 2), static_cast<std::uint16_t>(i / 2 % 3),
                    static_cast<std::uint16_t>(i / 6)}});
  return all;
}

/// Sums and products over some of small_decisions(), so that ways down skip decisions and share ends.
Dim random_dim(Rng& rng) {
  Dim dim = static_cast<std::int64_t>(rng.below(5));
  for (int i = 0; i < 4; ++i) {
    const auto d = static_cast<std::uint16_t>(rng.below(3));
    std::vector<std::int64_t> values(d + 2U);
    for (auto& value : values) value = static_cast<std::int64_t>(rng.below(6));
    dim = rng.below(2) == 0 ? dim + Dim(d, values) : dim * Dim(d, values);
  }
  return dim;
}

at::Tensor leaf(std::vector<double> values) { return at::tensor(values, at::kDouble).set_requires_grad(true); }

at::Tensor gradient(const at::Tensor& value, const at::Tensor& by) {
  return torch::autograd::grad({value.sum()}, {by})[0];
}

struct Statistics {
  double mean, standard_error;
};
Statistics statistics(const std::vector<double>& draws) {
  const auto n = static_cast<double>(draws.size());
  const double mean = std::accumulate(draws.begin(), draws.end(), 0.0) / n;
  double squares = 0;
  for (const double x : draws) squares += (x - mean) * (x - mean);
  return {mean, std::sqrt(squares / (n - 1) / n)};
}

TEST(Expectation, IsTheSumOverAllArchitectures) {
  const auto decisions = small_decisions();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Dim dim = random_dim(rng);
    const Gates gates = random_gates(decisions, seed);
    double sum = 0;
    for (const auto& arch : all_small_choices()) sum += probability(arch, gates) * static_cast<double>(dim.at(arch));
    ASSERT_NEAR(soft::expectation(dim, gates).item<double>(), sum, 1e-12 * (1 + sum));
  }
}

TEST(Expectation, OfCostIsTheSumOverAllArchitectures) {
  for (SearchSpace (*make)() : {nested_space, shared_decision_space}) {
    const SearchSpace space = make();
    const CostTable table = space.cost_table(space.default_input());
    const Gates gates = random_gates(space.decisions(), 3);
    double macs = 0, params = 0;
    for (const auto& arch : all_choices(space)) {
      macs += probability(arch, gates) * static_cast<double>(table.macs(arch));
      params += probability(arch, gates) * static_cast<double>(table.params(arch));
    }
    const at::Tensor expected = soft::expectation(table, gates);
    EXPECT_NEAR(expected[0].item<double>(), macs, 1e-11 * macs) << space.name();
    EXPECT_NEAR(expected[1].item<double>(), params, 1e-11 * params) << space.name();
    EXPECT_EQ(soft::expectation(table.macs_sum(), gates).item<double>(), expected[0].item<double>());
    EXPECT_EQ(soft::expectation(table.params_sum(), gates).item<double>(), expected[1].item<double>());
  }
}

TEST(Expectation, OfCostIsTheMeanOverIndependentDraws) {
  constexpr int kDraws = 20'000;
  for (const auto* name : kSpaces) {
    const auto space = make_space(name);
    const CostTable table = space->cost_table(space->default_input());
    const Gates gates = random_gates(space->decisions(), 11);
    const at::Tensor expected = soft::expectation(table, gates);
    Rng rng(12);
    std::vector<double> macs, params;
    for (int i = 0; i < kDraws; ++i) {
      const Architecture arch = draw(space->decisions().size(), gates, rng);
      macs.push_back(static_cast<double>(table.macs(arch)));
      params.push_back(static_cast<double>(table.params(arch)));
    }
    for (const auto& [draws, value] :
         {std::pair(&macs, expected[0].item<double>()), std::pair(&params, expected[1].item<double>())}) {
      const auto [mean, standard_error] = statistics(*draws);
      EXPECT_GT(standard_error, 0) << name;
      EXPECT_NEAR(value, mean, 0.01 * mean) << name;
      EXPECT_NEAR(value, mean, 4 * standard_error) << name;  // once in 16,000
    }
  }
}

TEST(Expectation, OfCostHasTheGradientOfFiniteDifferences) {
  constexpr double kStep = 1e-4;
  for (const auto* name : kSpaces) {
    const auto space = make_space(name);
    const soft::ExpectedCost expected(space->cost_table(space->default_input()));
    const at::Tensor logits = random_logits(space->decisions(), 21).set_requires_grad(true);
    const auto cost = [&](const at::Tensor& point) {
      return expected(Gates(space->decisions(), softmax_each(space->decisions(), point)));
    };
    const at::Tensor value = cost(logits);
    at::Tensor analytic[2];
    for (int which : {0, 1}) analytic[which] = torch::autograd::grad({value[which]}, {logits}, {}, true)[0];
    for (std::int64_t i = 0; i < logits.numel(); ++i) {
      const auto at = [&](double offset) {
        at::Tensor point = logits.detach().clone();
        point[i] += offset;
        return cost(point);
      };
      const at::Tensor numeric = (at(kStep) - at(-kStep)) / (2 * kStep);
      for (int which : {0, 1})
        ASSERT_NEAR(analytic[which][i].item<double>(), numeric[which].item<double>(),
                    1e-6 * analytic[which].abs().max().item<double>())
            << name << " logit " << i;
    }
  }
}

TEST(Expectation, HasTheGradientOfFiniteDifferencesInEveryEntry) {
  // Every gate enters at most once on a way down, so differences are exact at any step.
  constexpr double kStep = 0.25;
  for (const auto* name : kSpaces) {
    const auto space = make_space(name);
    const soft::ExpectedCost expected(space->cost_table(space->default_input()));
    std::vector<at::Tensor> gates = softmax_each(space->decisions(), random_logits(space->decisions(), 31));
    for (auto& gate : gates) gate.set_requires_grad(true);
    const at::Tensor macs = expected(Gates(space->decisions(), gates))[0];
    for (std::size_t d = 0; d < gates.size(); ++d) {
      const at::Tensor analytic = torch::autograd::grad({macs}, {gates[d]}, {}, true, false, true)[0];
      for (std::int64_t i = 0; i < gates[d].numel(); ++i) {
        const auto at = [&](double offset) {
          std::vector<at::Tensor> moved = gates;
          moved[d] = gates[d].detach().clone();
          moved[d][i] += offset;
          return expected(Gates(space->decisions(), moved))[0].item<double>();
        };
        const double slope = analytic.defined() ? analytic[i].item<double>() : 0;
        ASSERT_NEAR(slope, (at(kStep) - at(-kStep)) / (2 * kStep), 1e-6 * std::abs(slope)) << name << " decision " << d;
      }
    }
  }
}

TEST(Expectation, UnderOneHotGatesIsTheIntegerTable) {
  for (const auto& info : known_spaces()) {
    const auto space = make_space(info.name);
    if (space->listed()) continue;
    const CostTable table = space->cost_table(space->default_input());
    const soft::ExpectedCost expected(table);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      Rng rng(seed);
      const Architecture arch = space->random(rng);
      const at::Tensor price = expected(Gates::one_hot(space->decisions(), arch));
      ASSERT_EQ(price[0].item<double>(), static_cast<double>(table.macs(arch))) << info.name << " seed " << seed;
      ASSERT_EQ(price[1].item<double>(), static_cast<double>(table.params(arch))) << info.name << " seed " << seed;
    }
  }
}

TEST(Expectation, OfAProductOfDependentDimensionsIsNotTheProductOfExpectations) {
  const auto decisions = small_decisions();
  const Dim width(0, {2, 6});
  const Gates gates(decisions, {leaf({0.25, 0.75}), {}, {}});
  EXPECT_DOUBLE_EQ(soft::expectation(width, gates).item<double>(), 5);
  EXPECT_DOUBLE_EQ(soft::expectation(width * width, gates).item<double>(), 28);
}

TEST(Expectation, ReachesOnlyTheGatesItDependsOn) {
  const auto decisions = small_decisions();
  const at::Tensor a = leaf({0.25, 0.75}), b = leaf({0.5, 0.25, 0.25});
  const Gates gates(decisions, {a, b, {}});
  const auto gradients = torch::autograd::grad({soft::expectation(Dim(0, {3, 5}), gates)}, {a, b}, {}, false, false,
                                               /*allow_unused=*/true);
  EXPECT_TRUE(at::equal(gradients[0], at::tensor({3.0, 5.0}, at::kDouble)));
  EXPECT_FALSE(gradients[1].defined());
  EXPECT_FALSE(soft::expectation(Dim(7), gates).requires_grad());
  EXPECT_EQ(soft::expectation(Dim(7), gates).item<double>(), 7);
}

TEST(Expectation, OfASoftSelectionTakesTheGatesOfTheSelectedOptions) {
  const auto decisions = small_decisions();
  const Selection selection({{{1}}, {{0, 2}}, {{0, 1, 2, 3}}});
  const at::Tensor a = leaf({0, 1}), b = leaf({0.25, 0, 0.75}), c = leaf({0.125, 0.125, 0.25, 0.5});
  const Gates gates(decisions, {a, b, c}, selection);
  const Dim selected = Dim(1, {10, 30}) * Dim(2, {1, 2, 3, 4});
  const Dim everything = Dim(1, {10, 20, 30}) * Dim(2, {1, 2, 3, 4});
  const at::Tensor value = soft::expectation(selected, gates);
  EXPECT_DOUBLE_EQ(value.item<double>(), 25 * 3.125);
  EXPECT_DOUBLE_EQ(soft::expectation(everything, gates).item<double>(), 25 * 3.125);
  EXPECT_TRUE(at::equal(gradient(value, b), at::tensor({31.25, 0.0, 93.75}, at::kDouble)));
  // Of everything, what is not selected has a slope, too.
  EXPECT_TRUE(
      at::equal(gradient(soft::expectation(everything, gates), b), at::tensor({31.25, 62.5, 93.75}, at::kDouble)));
  // Straight-through: one selected option, gated.
  EXPECT_TRUE(at::equal(gradient(soft::expectation(Dim(0, {4, 8}), gates), a), at::tensor({4.0, 8.0}, at::kDouble)));
}

TEST(Expectation, OfSeveralIsOneVectorOfTheGatesType) {
  const auto decisions = small_decisions();
  for (const auto type : {at::kFloat, at::kDouble}) {
    const at::Tensor b = at::tensor({0.5, 0.125, 0.375}, type).set_requires_grad(true);
    const Gates gates(decisions, {{}, b, {}});
    const std::vector<Dim> taken = {Dim(1, {1, 0, 0}), Dim(1, {0, 1, 0}), Dim(1, {0, 1, 1}), Dim(1)};
    const at::Tensor weights = soft::expectations(taken, gates);
    EXPECT_TRUE(same_bits(weights, at::tensor({0.5, 0.125, 0.5, 1.0}, type)));
    const at::Tensor scaled = weights * at::tensor({1.0, 2.0, 4.0, 8.0}, type);
    EXPECT_TRUE(same_bits(gradient(scaled, b), at::tensor({1.0, 6.0, 4.0}, type)));
    EXPECT_EQ(soft::expectation(taken[2], gates).scalar_type(), at::kDouble);
  }
  EXPECT_EQ(soft::expectations({}, Gates()).numel(), 0);
}

TEST(Expectation, IsDifferentiatedOnceOnly) {
  const auto decisions = small_decisions();
  const at::Tensor a = leaf({0.25, 0.75}), b = leaf({0.5, 0.25, 0.25});
  const Gates gates(decisions, {a, b, {}});
  const Dim product = Dim(0, {1, 2}) * Dim(1, {1, 2, 3});
  const std::vector<at::Tensor> values = {soft::expectation(product, gates), soft::prefix(product, gates, 6).sum()};
  for (const auto& value : values) {
    const at::Tensor first = torch::autograd::grad({value}, {a}, {}, true, /*create_graph=*/true)[0];
    EXPECT_THROWS_WITH(torch::autograd::grad({first.sum()}, {b}), std::logic_error,
                       "can be differentiated once, not twice");
  }
}

TEST(Expectation, GradientsAddUpInLeaves) {
  const auto decisions = small_decisions();
  const at::Tensor a = leaf({0.25, 0.75}), b = leaf({0.5, 0.25, 0.25});
  const Dim product = Dim(0, {1, 2}) * Dim(1, {1, 2, 3});
  for (int i = 0; i < 3; ++i) soft::expectation(product, Gates(decisions, {a, b, {}})).backward();
  EXPECT_TRUE(at::equal(a.grad(), at::tensor({5.25, 10.5}, at::kDouble)));
  EXPECT_TRUE(at::equal(b.grad(), at::tensor({5.25, 10.5, 15.75}, at::kDouble)));
}

TEST(Prefix, IsMonotoneAndSumsToTheExpectation) {
  const auto decisions = small_decisions();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Dim dim = random_dim(rng);
    const Gates gates = random_gates(decisions, seed);
    const at::Tensor mask = soft::prefix(dim, gates, dim.max() + 2);
    ASSERT_EQ(mask.numel(), dim.max() + 2);
    ASSERT_TRUE((mask.diff() <= 0).all().item<bool>());
    ASSERT_GE(mask.min().item<double>(), 0);
    ASSERT_LE(mask.max().item<double>(), 1 + 1e-12);
    const double expected = soft::expectation(dim, gates).item<double>();
    ASSERT_NEAR(mask.sum().item<double>(), expected, 1e-12 * (1 + expected));
    for (std::int64_t c = 0; c < mask.numel(); ++c) {
      double longer = 0;
      for (const auto& arch : all_small_choices())
        if (c < dim.at(arch)) longer += probability(arch, gates);
      ASSERT_NEAR(mask[c].item<double>(), longer, 1e-12);
    }
  }
}

TEST(Prefix, UnderOneHotGatesIsTheMaskOfTheFirstChannels) {
  const auto decisions = small_decisions();
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const Dim dim = random_dim(rng);
    for (const auto& arch : all_small_choices()) {
      const at::Tensor mask = soft::prefix(dim, Gates::one_hot(decisions, arch), dim.max());
      const at::Tensor first = (at::arange(dim.max()) < dim.at(arch)).to(at::kFloat);
      ASSERT_TRUE(same_bits(mask, first)) << "seed " << seed;
    }
  }
}

TEST(Prefix, HasTheGradientOfFiniteDifferences) {
  constexpr double kStep = 0.25;
  const auto decisions = small_decisions();
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const Dim dim = random_dim(rng);
    const at::Tensor weights = normal_tensor({dim.max() + 1}, seed).to(at::kDouble);
    const auto value = [&](const std::vector<at::Tensor>& gates) {
      return (soft::prefix(dim, Gates(decisions, gates), dim.max() + 1) * weights).sum();
    };
    std::vector<at::Tensor> gates = softmax_each(decisions, random_logits(decisions, seed));
    for (auto& gate : gates) gate.set_requires_grad(true);
    for (const auto d : dim.decisions()) {
      const at::Tensor analytic = gradient(value(gates), gates[d]);
      for (std::int64_t i = 0; i < gates[d].numel(); ++i) {
        const auto at = [&](double offset) {
          std::vector<at::Tensor> moved = gates;
          moved[d] = gates[d].detach().clone();
          moved[d][i] += offset;
          return value(moved).item<double>();
        };
        const double slope = analytic[i].item<double>();
        ASSERT_NEAR(slope, (at(kStep) - at(-kStep)) / (2 * kStep), 1e-9 * (1 + std::abs(slope)));
      }
    }
  }
}

TEST(Prefix, OfWhatDoesNotFitIsRefused) {
  const Gates gates(small_decisions(), {leaf({0.5, 0.5}), {}, {}});
  EXPECT_THROWS_WITH(soft::prefix(Dim(0, {4, 9}), gates, 8), std::logic_error,
                     "a mask of 8 places for a dimension of up to 9");
}

TEST(Gates, ThatDoNotFitTheirDecisionAreRefused) {
  const auto decisions = small_decisions();
  const at::Tensor a = leaf({0.5, 0.5});
  EXPECT_THROWS_WITH(Gates(decisions, {a}), std::logic_error, "gates for 1 decisions, not for 3");
  EXPECT_THROWS_WITH(Gates(decisions, {a, a, {}}), std::logic_error,
                     "the gates of decision 'b' have shape [2], not [3]: one for each option");
  EXPECT_THROWS_WITH(Gates(decisions, {a.unsqueeze(0), {}, {}}), std::logic_error, "decision 'a' have shape [1, 2]");
  EXPECT_THROWS_WITH(Gates(decisions, {at::ones({2}, at::kLong), {}, {}}), std::logic_error,
                     "the gates of decision 'a' have type Long, not a floating one");
  EXPECT_THROWS_WITH(Gates(decisions, {a, at::ones({3}), {}}), std::logic_error,
                     "the gates of decision 'b' are Float on cpu, others are Double on cpu");
  const Selection selection({{{0, 1}}, {{0, 2}}, {{3}}});
  EXPECT_THROWS_WITH(Gates(decisions, {a, leaf({0.5, 0.25, 0.25}), {}}, selection), std::logic_error,
                     "decision 'b' has a gate of 0.25 for option '1', which is not selected");
  EXPECT_THROWS_WITH(Gates(decisions, {a, {}, {}}, selection), std::logic_error,
                     "decision 'b' selects 2 options without gates");
  EXPECT_THROWS_WITH(Gates(decisions, {a, {}, {}}, Selection(Architecture{{0}})), std::logic_error,
                     "the selection is of 1 decisions, not of 3");
  EXPECT_THROWS_WITH(Gates::one_hot(decisions, {{0, 3, 0}}), std::logic_error,
                     "decision 'b' has 3 options; there is no option 3");
  EXPECT_THROWS_WITH(Gates::one_hot(decisions, {{0, 1}}), std::logic_error, "choices for 2 decisions, not for 3");
}

TEST(Gates, ADimensionThatNeedsOthersIsRefused) {
  const auto decisions = small_decisions();
  const Gates gates(decisions, {leaf({0.5, 0.5}), {}, leaf({0.5, 0, 0, 0.5})}, Selection({{{0, 1}}, {{1}}, {{0, 3}}}));
  EXPECT_THROWS_WITH(soft::expectation(Dim(1, {1, 2, 3}), gates), std::logic_error,
                     "depends on decision 'b', which has no gates");
  EXPECT_THROWS_WITH(soft::expectation(Dim(2, {1, 2, 3}), gates), std::logic_error,
                     "3 branches for decision 'c', which has 4 options, 2 of them selected");
  EXPECT_THROWS_WITH(soft::prefix(Dim(1, {1, 2, 3}), Gates(), 3), std::logic_error, "depends on decision number 1");
  const auto listed = make_space("nas_bench_101");
  EXPECT_THROWS_WITH(soft::expectation(listed->cost_table(listed->default_input()), Gates()), std::logic_error,
                     "priced network by network has no expected cost");
}

TEST(Gates, OneHotAreGatesOfEveryDecision) {
  const auto decisions = small_decisions();
  const Gates gates = Gates::one_hot(decisions, {{1, 0, 2}}, at::kDouble);
  EXPECT_TRUE(same_bits(gates[2], at::tensor({0.0, 0.0, 1.0, 0.0}, at::kDouble)));
  EXPECT_EQ(std::vector(gates.values(0).begin(), gates.values(0).end()), (std::vector<double>{0, 1}));
  EXPECT_FALSE(Gates()[2].defined());
  EXPECT_TRUE(Gates().values(2).empty());
}

}  // namespace
}  // namespace frontier
