// What a ShiftNAS training must show, in small: what the generator learns, what moves the distribution over bins, what
// costs come out. shiftnas_test.cpp has what the sampler hands to the trainer; the counter's exactness and the masks
// are checked by soft_test.cpp and soft_network_test.cpp.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "search_spaces/registry.h"
#include "supernet/samplers/shiftnas.h"
#include "supernet/trainer.h"
#include "support/outcomes.h"
#include "support/ranks.h"
#include "support/runs.h"
#include "support/small_spaces.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
using Space = std::shared_ptr<const SearchSpace>;

std::unique_ptr<ShiftNasSampler> make(const Space& space, const nlohmann::json& options = nlohmann::json::object()) {
  ShiftNasSampler::Options read;
  read_options(options, "sampler", read);
  return std::make_unique<ShiftNasSampler>(space, space->default_input(), read, Rng(0));
}

ParameterStore& store(Sampler& sampler, std::size_t group) { return *sampler.groups()[group].store; }

/// Within the specification's range for that weight (1 to 100); at 10, the default, costs are met less closely.
const nlohmann::json kPrecise = {{"cost_weight", 30}};

/// A sampler of mobile_cnn whose generator has learned by its cost alone, once for all tests.
std::unique_ptr<ShiftNasSampler> trained(const Space& space) {
  static const SamplerState state = [&] {
    constexpr std::int64_t kSteps = 4000;
    const auto sampler = make(space, kPrecise);
    ParameterGroup group = sampler->groups()[0];
    group.options.lr = {.kind = "cosine", .start = 3e-3};
    GroupTrainer generator(group, kSteps);
    Rng rng(2);
    for (std::int64_t step = 0; step < kSteps; ++step) {
      const auto work = sampler->next({step, 1 << 20, 0, {}}, rng);
      sampler->penalty(*work, work->subnets[0]).backward();
      generator.step(step);
      group.store->clear_gradients();
    }
    return sampler->save();
  }();
  auto sampler = make(space, kPrecise);
  sampler->load(state);
  return sampler;
}

/// A3: one backward pass of the loss reaches every head of the generator.
TEST(ShiftNasGenerator, EveryHeadLearnsFromTheLoss) {
  Threads threads(1);
  for (const char* name : {"mobile_cnn", "autoformer_28"})
    for (const char* masks : {"chosen", "all"}) {
      SCOPED_TRACE(std::string(name) + ", " + masks);
      const Space space = make_space(name);
      const InputShape input = space->default_input();
      const Supernet supernet(space, input, Rng(1));
      const auto sampler = make(space, {{"masks", masks}});
      Rng rng(3);
      const auto work = sampler->next({0, 100, 0, {}}, rng);
      const Candidate& subnet = work->subnets.front();
      const at::Tensor images = normal_images({4, input.channels, input.height, input.width}, 1);
      at::cross_entropy_loss(
          logits(supernet.build(subnet.selection), supernet.bank, images, learning_gates(*subnet.gates)),
          random_labels(4, input.classes, 2))
          .backward();
      for (const auto& [parameter, values] : store(*sampler, 0).tensors()) {
        if (!parameter.starts_with("head.")) continue;
        const at::Tensor gradient = store(*sampler, 0).gradient(parameter);
        EXPECT_TRUE(at::isfinite(gradient).all().item<bool>()) << parameter;
        EXPECT_GT(gradient.abs().max().item<double>(), 0) << parameter;
      }
    }
}

/// G1 to G4.
TEST(ShiftNasGenerator, GivesAboutWhatIsAskedFor) {
  const Space space = make_space("mobile_cnn");
  const auto sampler = trained(space);
  const CostBins& bins = sampler->bins();
  std::vector<double> asked, given;
  double mean = 0, worst = 0;
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    asked.push_back(bins.centre(bin));
    given.push_back(static_cast<double>(bins.price(sampler->likeliest(asked.back()))));
    const double off = std::abs(given.back() - asked.back()) / asked.back();
    mean += off / static_cast<double>(bins.size());
    worst = std::max(worst, off);
  }
  EXPECT_LT(mean, 0.03);
  EXPECT_LT(worst, 0.08);
  EXPECT_TRUE(std::is_sorted(given.begin(), given.end()));
  EXPECT_GT(spearman_rho(asked, given), 0.95);
  std::vector<double> off_by_bin;
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    std::set<Architecture> distinct;
    double off = 0;
    for (std::uint64_t i = 0; i < 200; ++i) {
      Rng rng(1000 * bin + i);
      const auto scores = sampler->scores(bins.centre(bin), &rng);
      const Architecture arch = bins.all().best(scores);
      distinct.insert(arch);
      off += std::abs(static_cast<double>(bins.price(arch)) - bins.centre(bin)) / bins.centre(bin) / 200;
    }
    EXPECT_GT(distinct.size(), 10U) << "bin " << bin;
    off_by_bin.push_back(off);
  }
  EXPECT_LT(std::accumulate(off_by_bin.begin(), off_by_bin.end(), 0.0) / static_cast<double>(bins.size()), 0.08);
  // A bin at the dear end that one uniform draw in a hundred hits: the generator needs one draw.
  std::vector<std::int64_t> drawn;
  Rng rng(7);
  for (int i = 0; i < 20'000; ++i) drawn.push_back(bins.price(random_choices(*space, rng)));
  std::sort(drawn.begin(), drawn.end());
  const std::int64_t from = drawn[drawn.size() * 99 / 100];
  const std::int64_t hit =
      bins.price(sampler->likeliest((static_cast<double>(from) + static_cast<double>(bins.most())) / 2));
  EXPECT_GE(hit, from);
  std::int64_t tries = 0, hits = 0;
  while (hits < 50) {
    ++tries;
    hits += bins.price(random_choices(*space, rng)) >= from;
  }
  EXPECT_GE(static_cast<double>(tries) / static_cast<double>(hits), 50);
}

/// A made-up training: the loss of a bin falls the further, the more of its subnets were trained, in dearer bins later.
class MadeUpTraining {
 public:
  explicit MadeUpTraining(std::size_t bins) : trained_(bins, 0) {}
  void train(std::size_t bin) { trained_[bin] += 1; }
  double loss(std::size_t bin) const { return 1 + std::exp(-trained_[bin] / (50 + 50 * static_cast<double>(bin))); }

 private:
  std::vector<double> trained_;
};

/// S3, S4: after many shifts the distribution leans towards the bins whose losses fell most, and forgets none.
TEST(ShiftNasShift, LeansTowardsBinsWhoseLossesFall) {
  const Space space = make_space("mobile_cnn");
  const auto sampler = make(space, {{"shifts", 100}, {"warmup_share", 0.1}});
  constexpr std::int64_t kSteps = 2000;
  const std::size_t bins = sampler->bins().size();
  MadeUpTraining training(bins);
  GroupTrainer trainer(sampler->groups()[1], kSteps);
  std::vector<double> before(bins), fallen(bins, 0);
  for (std::size_t bin = 0; bin < bins; ++bin) before[bin] = training.loss(bin);
  Rng rng(5);
  std::vector<double> kept = before;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    std::vector<std::vector<Outcome>> outcomes;
    while (const auto work = sampler->next({step, kSteps, outcomes.size(), outcomes}, rng)) {
      std::vector<float> losses;
      for (std::size_t i = 0; i < work->subnets.size(); ++i)
        losses.push_back(static_cast<float>(work->stream == Stream::kTrain    ? 0
                                            : work->weights == "before_shift" ? kept[i]
                                                                              : training.loss(i)));
      if (work->stream == Stream::kTrain && !work->subnets.empty())
        training.train(sampler->bins().bin_of(chosen_by(work->subnets.front())));
      outcomes.push_back(outcomes_of(losses));
      if (std::find(work->then_step.begin(), work->then_step.end(), "bins") != work->then_step.end()) {
        trainer.step(step);
        store(*sampler, 1).clear_gradients();
        for (std::size_t bin = 0; bin < bins; ++bin) fallen[bin] += kept[bin] - training.loss(bin);
      }
      if (!work->then_keep.empty())
        for (std::size_t bin = 0; bin < bins; ++bin) kept[bin] = training.loss(bin);
      sampler->observe(*work, outcomes.back());
    }
  }
  const at::Tensor logits = store(*sampler, 1).values();
  std::vector<double> moved;
  for (std::size_t bin = 0; bin < bins; ++bin) moved.push_back(logits[static_cast<std::int64_t>(bin)].item<double>());
  EXPECT_GT(spearman_rho(moved, fallen), 0.8);
  const double entropy = sampler->metrics().front().second;  // as a share of log K
  EXPECT_LT(entropy, 0.98);
  EXPECT_GT(entropy, 0.5);
}

/// S5, with a floor of 1, so that all bins stay equally likely whatever is learned: other images held out change the
/// bins' logits, and not one bit of weights and generator.
TEST(ShiftNasShift, WhatIsHeldOutReachesTheBinsAlone) {
  Threads threads(1);
  const Space space = std::make_shared<const SearchSpace>(nested_space());
  const auto after = [&](std::uint64_t held_out) {
    const auto sampler = make(space, {{"bins", 3}, {"warmup_share", 0}, {"shifts", 3}, {"floor", 1}});
    Supernet supernet(space, space->default_input(), Rng(3));
    const Classification task;
    TrainerOptions options;
    options.steps = 8;
    const auto source = [](std::uint64_t seed) {
      return [seed](std::int64_t step) -> TrainingBatch {
        const auto own = seed + static_cast<std::uint64_t>(step);
        return {normal_images({8, 3, 8, 8}, own), random_labels(8, 4, own), {}};
      };
    };
    Trainer trainer(supernet, *sampler, task, options, 7,
                    {{Stream::kTrain, source(100)}, {Stream::kHeldOut, source(held_out)}});
    while (!trainer.finished()) trainer.step();
    return std::vector<at::Tensor>{supernet.bank.values().clone(), store(*sampler, 0).values().clone(),
                                   store(*sampler, 1).values().clone()};
  };
  const auto one = after(200), other = after(300);
  EXPECT_TRUE(same_bits(one[0], other[0]));
  EXPECT_TRUE(same_bits(one[1], other[1]));
  EXPECT_FALSE(same_bits(one[2], other[2]));
}

/// S6: uniform options make nearly all subnets cost the same; the generator's cost what the distribution says.
TEST(ShiftNasShift, CostsFollowTheDistributionOverBins) {
  const Space space = make_space("mobile_cnn");
  const auto sampler = trained(space);
  const CostBins& bins = sampler->bins();
  std::vector<double> costs;
  Rng rng(11);
  for (int i = 0; i < 10'000; ++i) costs.push_back(static_cast<double>(bins.price(random_choices(*space, rng))));
  const double n = static_cast<double>(costs.size()), mean = std::accumulate(costs.begin(), costs.end(), 0.0) / n;
  double second = 0, third = 0;
  for (const double cost : costs) {
    second += std::pow(cost - mean, 2) / n;
    third += std::pow(cost - mean, 3) / n;
  }
  const double deviation = std::sqrt(second);
  EXPECT_LT(std::abs(third / std::pow(deviation, 3)), 0.7);
  const auto tails =
      std::count_if(costs.begin(), costs.end(), [&](double cost) { return std::abs(cost - mean) > 2 * deviation; });
  EXPECT_LT(static_cast<double>(tails) / n, 0.06);
  for (std::int64_t bin = 0; bin < store(*sampler, 1).num_scalars(); ++bin)
    store(*sampler, 1).values()[bin] = 0.2 * static_cast<double>(bin);  // mass at the large subnets
  const auto p = sampler->bin_probabilities();
  std::vector<double> counts(bins.size(), 0);
  constexpr int kDraws = 400;
  for (int i = 0; i < kDraws; ++i) {
    const auto work = sampler->next({0, 1 << 20, 0, {}}, rng);
    counts[bins.bin_of(chosen_by(work->subnets[0]))] += 1;
  }
  double chi_square = 0;
  for (std::size_t bin = 0; bin < bins.size(); ++bin)
    chi_square += std::pow(counts[bin] - kDraws * p[bin], 2) / (kDraws * p[bin]);
  ASSERT_EQ(bins.size(), 8U);
  EXPECT_LT(chi_square, 18.48) << "7 degrees of freedom, p = 0.01";
}

}  // namespace
}  // namespace frontier
