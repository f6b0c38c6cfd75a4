#include "supernet/samplers/shiftnas.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <set>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "supernet/trainer.h"
#include "support/messages.h"
#include "support/outcomes.h"
#include "support/runs.h"
#include "support/small_spaces.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using Space = std::shared_ptr<const SearchSpace>;
using testing_support::chosen_by;
using testing_support::outcomes_of;

std::unique_ptr<ShiftNasSampler> make(const Space& space, const nlohmann::json& options = nlohmann::json::object(),
                                      std::uint64_t seed = 0) {
  ShiftNasSampler::Options read;
  read_options(options, "sampler", read);
  return std::make_unique<ShiftNasSampler>(space, space->default_input(), read, Rng(seed));
}

ParameterStore& store(Sampler& sampler, std::size_t group) { return *sampler.groups()[group].store; }

TEST(ShiftNas, TrainsOneSubnetAStepAndTheGeneratorWithIt) {
  const Space space = make_space("mobile_cnn");
  const auto sampler = make(space);
  Rng rng(1);
  const auto work = sampler->next({0, 100, 0, {}}, rng);
  ASSERT_EQ(work->subnets.size(), 1U);
  EXPECT_TRUE(learns(work->learn, Learn::kWeights));
  EXPECT_TRUE(learns(work->learn, Learn::kGates));
  EXPECT_EQ(work->then_step, (std::vector<std::string>{"weights", "generator"}));
  EXPECT_FALSE(sampler->next({0, 100, 1, {}}, rng).has_value());
  for (std::size_t d = 0; d < space->decisions().size(); ++d) {
    EXPECT_EQ(work->subnets[0].selection[d].options.size(), 1U);
    const at::Tensor& gate = (*work->subnets[0].gates)[d];
    EXPECT_EQ(gate.sum().item<double>(), 1);
    EXPECT_EQ(gate.max().item<double>(), 1);
  }
  EXPECT_TRUE(sampler->uses(Stream::kHeldOut));
}

/// A2 of the specification: the cost under the generator's hard policies is the integer that the table says.
TEST(ShiftNas, ThePenaltyIsTheSquaredErrorOfTheExactCost) {
  const Space space = make_space("mobile_cnn");
  const CostTable table = space->cost_table(space->default_input());
  for (const auto& [price, scale] :
       {std::pair<std::string, std::string>{"macs", "linear"}, {"params", "linear"}, {"macs", "log"}}) {
    const auto sampler =
        make(space, {{"price", price}, {"scale", scale}, {"bins", 1}, {"entropy_weight", 0}, {"cost_weight", 3}});
    const double most = static_cast<double>(sampler->bins().most()),
                 least = static_cast<double>(sampler->bins().least());
    const double range = most - least;
    for (int i = 0; i < 20; ++i) {
      Rng rng(static_cast<std::uint64_t>(i)), again = rng;
      const auto work = sampler->next({0, 100, 0, {}}, rng);
      again.uniform();  // the bin, of which there is one
      const double wanted = static_cast<double>(*sampler->bins().window(0).at_least) + again.uniform() * range;
      const Architecture arch = chosen_by(work->subnets[0]);
      const double cost = static_cast<double>(price == "macs" ? table.macs(arch) : table.params(arch));
      const at::Tensor penalty = sampler->penalty(*work, work->subnets[0]);
      const double off = scale == "log" ? std::log(cost / wanted) / std::log(most / least) : (cost - wanted) / range;
      EXPECT_NEAR(penalty.item<double>(), 3 * std::pow(off, 2), 1e-5);
    }
  }
}

/// G1 to G3: the generator alone, by its cost loss. With bins of one ratio errors count as such, so that cheap subnets
/// are hit as well as dear ones.
TEST(ShiftNas, TheGeneratorLearnsToGiveWhatIsAsked) {
  const Space space = make_space("mobile_cnn");
  for (const std::string scale : {"linear", "log"}) {
    SCOPED_TRACE(scale);
    const auto sampler = make(space, {{"entropy_weight", 1e-3}, {"scale", scale}});
    const auto groups = sampler->groups();
    GroupTrainer generator(groups[0], 1500);
    Rng rng(2);
    for (std::int64_t step = 0; step < 1500; ++step) {
      const auto work = sampler->next({step, 1 << 20, 0, {}}, rng);
      sampler->penalty(*work, work->subnets[0]).backward();
      generator.step(step);
      store(*sampler, 0).clear_gradients();
    }
    double mean = 0, last = 0;
    const std::size_t bins = sampler->bins().size();
    for (std::size_t bin = 0; bin < bins; ++bin) {
      const double wanted = sampler->bins().centre(bin);
      const auto cost = static_cast<double>(sampler->bins().price(sampler->likeliest(wanted)));
      mean += std::abs(cost - wanted) / wanted / static_cast<double>(bins);
      EXPECT_GE(cost, last);  // dearer where more is asked for
      last = cost;
    }
    EXPECT_LT(mean, 0.15);
    std::set<Architecture> drawn;
    for (int i = 0; i < 200; ++i) {
      const auto work = sampler->next({0, 1 << 20, 0, {}}, rng);
      drawn.insert(chosen_by(work->subnets[0]));
    }
    EXPECT_GT(drawn.size(), 10 * bins);
  }
}

/// S1, S2: the distribution stays until it is warm, then moves to the bins whose loss falls.
TEST(ShiftNas, TheDistributionMovesTowardsBinsWhoseLossFalls) {
  const Space space = std::make_shared<const SearchSpace>(testing_support::nested_space());
  const auto sampler = make(space, {{"bins", 3}, {"warmup_share", 0.5}, {"shifts", 4}, {"floor", 0}});
  const std::size_t bins = sampler->bins().size();
  ASSERT_EQ(bins, 3U);
  GroupTrainer trainer(sampler->groups()[1], 10);
  const at::Tensor start = store(*sampler, 1).values().clone();
  Rng rng(3);
  int shifts = 0, keeps = 0;
  for (std::int64_t step = 0; step < 10; ++step) {
    std::vector<std::vector<Outcome>> outcomes;
    while (const auto work = sampler->next({step, 10, outcomes.size(), outcomes}, rng)) {
      if (work->stream == Stream::kHeldOut) {
        EXPECT_EQ(work->learn, Learn::kNothing);
        EXPECT_EQ(work->subnets.size(), bins);
        EXPECT_EQ(work->weights, outcomes.size() == 1 ? "before_shift" : "");
        outcomes.push_back(
            outcomes_of(outcomes.size() == 1 ? std::vector<float>{1, 1, 1} : std::vector<float>{1, 0, 1}));
      } else {
        outcomes.push_back(outcomes_of(std::vector<float>(work->subnets.size(), 1)));
      }
      for (const auto& group : work->then_step)
        if (group == "bins") {
          trainer.step(step);
          ++shifts;
        }
      keeps += !work->then_keep.empty();
      sampler->observe(*work, outcomes.back());
      if (!work->then_step.empty()) store(*sampler, 1).clear_gradients();
    }
    if (step < 5) {
      EXPECT_TRUE(testing_support::same_bits(store(*sampler, 1).values(), start)) << step;
    }
  }
  EXPECT_EQ(keeps, 5);  // the first of them has nothing to compare with
  EXPECT_EQ(shifts, 4);
  const auto p = sampler->bin_probabilities();
  EXPECT_GT(p[1], p[0]);
  EXPECT_GT(p[1], p[2]);
}

TEST(ShiftNas, WhereAllLossesFallAlikeTheDistributionStays) {
  const Space space = std::make_shared<const SearchSpace>(testing_support::nested_space());
  const auto sampler = make(space, {{"bins", 3}, {"warmup_share", 0}, {"shifts", 2}});
  Rng rng(3);
  const auto keep = sampler->next({0, 3, 1, {}}, rng);
  EXPECT_EQ(keep->then_keep, "before_shift");
  sampler->observe(*keep, {});
  sampler->next({1, 3, 0, {}}, rng);
  const std::vector<std::vector<Outcome>> outcomes = {{}, outcomes_of({1, 2, 3}), outcomes_of({0.5F, 1.5F, 2.5F})};
  const auto shift = sampler->next({1, 3, 3, outcomes}, rng);
  EXPECT_EQ(shift->then_step, std::vector<std::string>{"bins"});
  EXPECT_LT(store(*sampler, 1).gradients().abs().max().item<double>(), 1e-7);
}

TEST(ShiftNas, DrawsBinsByTheirProbabilitiesAndTheFloor) {
  const Space space = std::make_shared<const SearchSpace>(testing_support::nested_space());
  const auto sampler = make(space, {{"bins", 3}, {"floor", 0.3}});
  store(*sampler, 1).values().copy_(at::tensor({10.0F, 0.0F, 0.0F}));
  const auto p = sampler->bin_probabilities();
  EXPECT_NEAR(p[0], 0.8, 1e-3);
  EXPECT_NEAR(p[1], 0.1, 1e-3);
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
}

/// S5, by the real trainer: what is held out moves the bins alone, and nothing else moves them.
TEST(ShiftNas, OnlyShiftsMoveTheBins) {
  const Space space = std::make_shared<const SearchSpace>(testing_support::nested_space());
  for (const std::string estimate : {"exact", "draw"})
    for (const std::string masks : {"chosen", "all"}) {
      SCOPED_TRACE(estimate + ", " + masks);
      const auto sampler =
          make(space, {{"bins", 3}, {"warmup_share", 0}, {"shifts", 1}, {"estimate", estimate}, {"masks", masks}});
      Supernet supernet(space, space->default_input(), Rng(3));
      const Classification task;
      TrainerOptions options;
      options.steps = 4;
      const auto source = [](std::uint64_t seed) {
        return [seed](std::int64_t step) -> TrainingBatch {
          const auto own = seed + static_cast<std::uint64_t>(step);
          return {testing_support::normal_images({8, 3, 8, 8}, own), testing_support::random_labels(8, 4, own), {}};
        };
      };
      Trainer trainer(supernet, *sampler, task, options, 7,
                      {{Stream::kTrain, source(100)}, {Stream::kHeldOut, source(200)}});
      std::vector<at::Tensor> bins, generators;
      for (int step = 0; step < 4; ++step) {
        trainer.step();
        bins.push_back(store(*sampler, 1).values().clone());
        generators.push_back(store(*sampler, 0).values().clone());
      }
      // Of four steps the first keeps the weights, the third shifts.
      EXPECT_TRUE(testing_support::same_bits(bins[0], at::zeros({3})));
      EXPECT_TRUE(testing_support::same_bits(bins[1], bins[0]));
      EXPECT_FALSE(testing_support::same_bits(bins[2], bins[1]));
      EXPECT_TRUE(testing_support::same_bits(bins[3], bins[2]));
      for (int step = 1; step < 4; ++step)
        EXPECT_FALSE(testing_support::same_bits(generators[static_cast<std::size_t>(step)],
                                                generators[static_cast<std::size_t>(step - 1)]));
    }
}

TEST(ShiftNas, WhatIsChosenIsANetworkOfTheSpace) {
  const Space space = make_space("elastic_vit_28");  // widths must not fall
  const auto sampler = make(space);
  Rng rng(5);
  for (int i = 0; i < 20; ++i) {
    const auto work = sampler->next({0, 100, 0, {}}, rng);
    const Architecture arch = chosen_by(work->subnets[0]);
    EXPECT_NO_THROW(space->validate(arch));
    for (std::size_t d = 0; d < arch.choices.size(); ++d)
      if (const at::Tensor& gate = (*work->subnets[0].gates)[d]; gate.defined()) {
        EXPECT_EQ(gate.argmax(0).item<std::int64_t>(), arch.choices[d]);
      }
  }
  EXPECT_NO_THROW(space->validate(sampler->likeliest(static_cast<double>(sampler->bins().most()))));
  EXPECT_THROWS_WITH(make(make_space("nas_bench_101")), UsageError, "'nas_bench_101' are listed");
}

TEST(ShiftNas, GoesOnFromItsState) {
  const Space space = std::make_shared<const SearchSpace>(testing_support::nested_space());
  const auto a = make(space, nlohmann::json::object(), 1), b = make(space, nlohmann::json::object(), 2);
  store(*a, 1).values().add_(at::arange(8).slice(0, 0, store(*a, 1).num_scalars()));
  b->load(a->save());
  Rng first(9), second(9);
  const auto of_a = a->next({0, 10, 0, {}}, first), of_b = b->next({0, 10, 0, {}}, second);
  for (std::size_t d = 0; d < space->decisions().size(); ++d)
    EXPECT_EQ(of_a->subnets[0].selection[d].options, of_b->subnets[0].selection[d].options);
  EXPECT_EQ(a->bin_probabilities(), b->bin_probabilities());
  EXPECT_THROWS_WITH(b->load({}), UsageError, "not of sampler 'shiftnas'");
}

}  // namespace
}  // namespace frontier
