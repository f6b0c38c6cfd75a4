#include "supernet/samplers/subnet_aware.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "common/errors.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "supernet/trainer.h"
#include "support/messages.h"
#include "support/small_spaces.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Space = std::shared_ptr<const SearchSpace>;

std::unique_ptr<SubnetAwareSampler> make(const Space& space, const SubnetAwareOptions& options,
                                         const std::string& sampler = "uniform",
                                         const nlohmann::json& settings = nlohmann::json::object()) {
  const InputShape& input = space->default_input();
  return std::make_unique<SubnetAwareSampler>(make_sampler(sampler, space, input, settings, Rng(0)), space, input,
                                              options);
}

/// One decision, 1 or 8 channels wide: the cheapest and the dearest subnet are known.
Space two_widths() {
  return std::make_shared<const SearchSpace>("two_widths", InputShape{3, 4, 4, 2},
                                             [](Builder& b, Signal x, std::int64_t classes) {
                                               x = b.conv("conv", x, {.out = b.choose("width", {1, 8})});
                                               return b.linear("classifier", b.global_pool(x), classes);
                                             });
}

TrainingBatch batch_of(std::int64_t step) {
  return {normal_images({8, 3, 8, 8}, 100 + static_cast<std::uint64_t>(step), 0, 1),
          random_labels(8, 4, 500 + static_cast<std::uint64_t>(step)),
          {}};
}

/// The weights behind eight steps.
at::Tensor trained(Sampler& sampler, const Space& space, const std::string& schedule) {
  Supernet supernet(space, space->default_input(), Rng(3));
  TrainerOptions options;
  options.steps = 8;
  options.lr_schedule = schedule;
  Classification task(0);
  Trainer trainer(supernet, sampler, task, options, 7, {{Stream::kTrain, batch_of}});
  while (!trainer.finished()) trainer.step();
  return supernet.bank.weights().clone();
}

TEST(SubnetAware, ThePowerFallsFromGammaToItsInverse) {
  const Space space = make_space("nas_bench_201");
  const auto sampler = make(space, {.gamma = 4});
  const FeasibleSet all(*space, space->default_input(), Budget{});
  const Priced least = all.least_params(), most = all.most_params();
  EXPECT_NEAR(sampler->power(least.arch), 4, 1e-12);
  EXPECT_NEAR(sampler->power(most.arch), 0.25, 1e-12);
  // The powers of two other subnets differ as the logarithms of their prices do.
  Rng rng(1);
  const CostTable table = space->cost_table(space->default_input());
  const double slope = -3.75 / std::log(static_cast<double>(most.params) / static_cast<double>(least.params));
  for (int i = 0; i < 20; ++i) {
    const Architecture arch = space->random(rng);
    EXPECT_NEAR(sampler->power(arch),
                4 + slope * std::log(static_cast<double>(table.params(arch)) / static_cast<double>(least.params)),
                1e-9);
  }
}

/// The specification's figures: at half time .0625 of the rate for the smallest subnet, .8409 for the largest.
TEST(SubnetAware, TheRateOfAStepFollowsItsSubnet) {
  const Space space = two_widths();
  for (const auto& [arch, half] : {std::pair{"1", 0.0625}, {"8", 0.840896}}) {
    const auto sampler = make(space, {.gamma = 4}, "fixed", {{"arch", arch}});
    Rng rng(0);
    EXPECT_EQ(sampler->next({.step = 0, .total_steps = 10}, rng)->rate, 1);
    EXPECT_NEAR(sampler->next({.step = 5, .total_steps = 10}, rng)->rate, half, 1e-6);
  }
  const auto several = make(space, {.gamma = 4}, "sandwich", {{"random_subnets", 0}});
  Rng rng(0);
  const auto work = several->next({.step = 5, .total_steps = 10}, rng);
  EXPECT_EQ(work->rate, 1);
  EXPECT_NEAR(work->subnets[0].factor, 0.840896, 1e-6);
  EXPECT_NEAR(work->subnets[1].factor, 0.0625, 1e-6);
}

TEST(SubnetAware, APowerOfOneIsTheLinearSchedule) {
  const Space space = std::make_shared<const SearchSpace>(nested_space());
  const auto plain = make_sampler("uniform", space, space->default_input(), nlohmann::json::object(), Rng(0));
  const auto aware = make(space, {.gamma = 1});
  EXPECT_TRUE(same_bits(trained(*plain, space, "linear"), trained(*aware, space, "constant")));
  EXPECT_FALSE(same_bits(trained(*plain, space, "linear"), trained(*make(space, {.gamma = 4}), space, "constant")));
}

TEST(SubnetAware, EveryOptionHasAMomentumOfItsOwn) {
  const Space space = std::make_shared<const SearchSpace>(nested_space());
  const auto sampler = make(space, {.momentum = "width"});
  ASSERT_EQ(sampler->split(), space->decision_index("width"));
  Rng rng(2);
  bool seen[2] = {};
  for (int i = 0; i < 20; ++i) {
    const auto work = sampler->next({.step = i, .total_steps = 20}, rng);
    const auto option = work->subnets[0].selection.architecture().choices[*sampler->split()];
    EXPECT_EQ(work->momentum, "option" + std::to_string(option));
    EXPECT_EQ(work->rate, 1);
    seen[option] = true;
  }
  EXPECT_TRUE(seen[0] && seen[1]);
  EXPECT_FALSE(make(space, {.gamma = 4})->split().has_value());
}

TEST(SubnetAware, AutoIsTheDecisionThatDecidesMostAboutTheMacs) {
  // Twice the width is four times the MACs of the second layer; the kernel is of a layer of one channel.
  const Space space = std::make_shared<const SearchSpace>(
      "unequal", InputShape{1, 8, 8, 2}, [](Builder& b, Signal x, std::int64_t classes) {
        x = b.conv("small", x, {.out = 1, .kernel = b.choose("kernel", {1, 3})});
        const Dim width = b.choose("width", {16, 32});
        x = b.conv("second", b.conv("first", x, {.out = width}), {.out = width, .kernel = 3});
        return b.linear("classifier", b.global_pool(x), classes);
      });
  EXPECT_EQ(make(space, {.momentum = "auto"})->split(), space->decision_index("width"));
}

TEST(SubnetAware, RefusesWhatItCannotTellApart) {
  const Space space = std::make_shared<const SearchSpace>(nested_space());
  EXPECT_THROWS_WITH(make(space, {.momentum = "widht"}), UsageError, "did you mean 'width'?");
  const auto sandwich = make(space, {.momentum = "width"}, "sandwich");
  Rng rng(3);
  EXPECT_THROWS_WITH(sandwich->next({.step = 0, .total_steps = 20}, rng), UsageError,
                     "trains subnets of several options of 'width'");
  SubnetAwareOptions options;
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"price", "macs"}}, "subnet_aware", options), UsageError,
                     "price has no effect without gamma");
}

}  // namespace
}  // namespace frontier
