#include "supernet/samplers/elastic_vit.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/outcomes.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

using Space = std::shared_ptr<const SearchSpace>;
using testing_support::outcomes_of;
constexpr std::int64_t kSteps = 1000;

ElasticVitSampler make(const Space& space, const nlohmann::json& options = nlohmann::json::object()) {
  ElasticVitSampler::Options read;
  read_options(options, "sampler", read);
  return {space, space->default_input(), read, Rng(0)};
}

/// The subnets of a step that renews no scores, the smallest last.
std::vector<Architecture> step(ElasticVitSampler& sampler, Rng& rng, std::int64_t at = 0) {
  const auto work = sampler.next({.step = at, .total_steps = kSteps}, rng);
  EXPECT_EQ(work->learn, Learn::kWeights);
  EXPECT_FALSE(sampler.next({.step = at, .total_steps = kSteps, .works = 1}, rng).has_value());
  std::vector<Architecture> archs;
  for (const Candidate& subnet : work->subnets) archs.push_back(subnet.selection.architecture());
  return archs;
}

/// A step whose subnets have these losses. @returns the subnets.
std::vector<Architecture> step_with(ElasticVitSampler& sampler, Rng& rng, std::int64_t at,
                                    const std::function<float(const Architecture&)>& loss) {
  const auto work = sampler.next({.step = at, .total_steps = kSteps}, rng);
  std::vector<Architecture> archs;
  std::vector<float> losses;
  for (const Candidate& subnet : work->subnets) {
    archs.push_back(subnet.selection.architecture());
    losses.push_back(loss(archs.back()));
  }
  sampler.observe(*work, outcomes_of(losses));
  return archs;
}

std::size_t bank_of_step(const ElasticVitSampler& sampler) {
  return static_cast<std::size_t>(sampler.metrics().front().second);
}

std::set<Architecture> remembered(const ElasticVitSampler& sampler, std::size_t bank) {
  std::set<Architecture> archs;
  for (const auto& entry : sampler.remembered(bank).entries()) archs.insert(entry.arch);
  return archs;
}

/// B1 of the specification.
TEST(ElasticVit, WalksOverItsBanksEvenly) {
  auto sampler = make(make_space("mobile_cnn"), {{"preference", false}, {"smallest", 0}, {"subnets_per_step", 1}});
  const std::size_t banks = sampler.banks().size();
  ASSERT_EQ(banks, 8U);
  Rng rng(11);
  std::vector<double> occupied(banks);
  std::size_t before = 0, at_ends = 0, stays = 0;
  constexpr int kWalk = 100'000, kThin = 50;
  for (int i = 0; i < kWalk; ++i) {
    step(sampler, rng);
    const std::size_t bank = bank_of_step(sampler);
    ASSERT_LE(bank > before ? bank - before : before - bank, 1U);
    if (before == 0 || before + 1 == banks) {
      ++at_ends;
      stays += bank == before ? 1 : 0;
    }
    before = bank;
    if (i % kThin == 0) ++occupied[bank];
  }
  EXPECT_NEAR(static_cast<double>(stays) / static_cast<double>(at_ends), 2.0 / 3, 0.01);
  double chi_square = 0;
  const double expected = static_cast<double>(kWalk) / kThin / static_cast<double>(banks);
  for (const double count : occupied) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 18.48);  // 7 degrees of freedom, one in a hundred
}

/// B2: the paper's banks, and the mean gap of pairs in its ablation, 390.6 M, which follows from them alone.
TEST(ElasticVit, SubnetsOfAStepAreOfItsBank) {
  const std::vector<std::int64_t> costs = {100'000'000, 200'000'000, 300'000'000, 400'000'000,
                                           500'000'000, 700'000'000, 900'000'000, 1'200'000'000};
  const nlohmann::json options = {{"costs", costs}, {"window", 20'000'000}, {"preference", false}};
  const Space space = make_space("elastic_vit");
  for (const std::string walk : {"adjacent_step", "adjacent", "cyclic", "random"}) {
    nlohmann::json with_walk = options;
    with_walk["walk"] = walk;
    auto sampler = make(space, with_walk);
    Rng rng(3);
    double gaps = 0;
    std::size_t pairs = 0, before = 0;
    const int steps = walk == "random" ? 1500 : 40;
    for (int i = 0; i < steps; ++i) {
      const auto archs = step(sampler, rng);
      ASSERT_EQ(archs.size(), 4U);
      std::vector<std::int64_t> prices;
      for (std::size_t s = 0; s < 3; ++s) {
        prices.push_back(sampler.banks().price(archs[s]));
        EXPECT_TRUE(std::any_of(costs.begin(), costs.end(), [&](std::int64_t cost) {
          return prices.back() >= cost && prices.back() <= cost + 20'000'000;
        }));
      }
      for (std::size_t s = 1; s < 3; ++s) {
        gaps += std::abs(static_cast<double>(prices[s] - prices[s - 1]));
        ++pairs;
      }
      const auto [least, most] = std::minmax_element(prices.begin(), prices.end());
      const std::size_t bank = bank_of_step(sampler);
      if (walk == "adjacent_step" || walk == "cyclic") {
        EXPECT_LE(*most - *least, 20'000'000);
      }
      if (walk == "cyclic") {
        EXPECT_EQ(bank, (before + 7) % 8);
      }
      before = bank;
    }
    if (walk == "random") {
      EXPECT_NEAR(gaps / static_cast<double>(pairs), 390.6e6, 15e6);  // three standard errors
    }
  }
}

/// B3.
TEST(ElasticVit, TheSmallestNetworkIsOfTheBanksSize) {
  const Space space = make_space("elastic_vit");
  const auto sampler = make(
      space, {{"costs", {100'000'000, 200'000'000, 300'000'000, 400'000'000, 500'000'000}}, {"window", 20'000'000}});
  const auto price = [&](std::size_t bank) { return sampler.banks().price(sampler.smallest_of(bank)); };
  EXPECT_EQ(price(0), sampler.banks().least());
  EXPECT_EQ(price(1), price(0));
  EXPECT_GE(price(2), 150'000'000);
  EXPECT_LE(price(2), 170'000'000);
  EXPECT_EQ(price(3), price(2));
  EXPECT_GE(price(4), 250'000'000);
  EXPECT_LE(price(4), 270'000'000);
  for (const std::size_t bank : {0U, 2U, 4U}) EXPECT_NO_THROW(space->validate(sampler.smallest_of(bank)));
  const auto evenly = make(make_space("mobile_cnn"));
  for (std::size_t bank = 0; bank < evenly.banks().size(); ++bank)
    EXPECT_LT(evenly.banks().price(evenly.smallest_of(bank)),
              bank < 2 ? evenly.banks().least() + 1 : *evenly.banks().window(bank).at_least);
  auto without = make(make_space("mobile_cnn"), {{"smallest", 0}});
  Rng rng(1);
  EXPECT_EQ(step(without, rng).size(), 3U);
  EXPECT_FALSE(without.distills());
}

TEST(ElasticVit, TheSmallestLearnsFromTheOthersByTheAlphaDivergence) {
  auto sampler = make(make_space("mobile_cnn"));
  Rng rng(1);
  const auto work = sampler.next({0, kSteps, 0, {}}, rng);
  ASSERT_EQ(work->subnets.size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(work->subnets[i].lesson.is_from_labels());
  EXPECT_EQ(work->subnets[3].lesson.of, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(work->subnets[3].lesson.divergence.name, "alpha");
  EXPECT_EQ(work->subnets[3].lesson.share, 1);
  EXPECT_TRUE(sampler.distills());
}

/// P1: nothing is drawn from a bank before it is half full, then as often as the rate says, which rises.
TEST(ElasticVit, DrawsFromTheBankAsOftenAsTheRateSays) {
  auto sampler = make(make_space("mobile_cnn"),
                      {{"banks", 1}, {"bank_size", 40}, {"smallest", 0}, {"subnets_per_step", 1}, {"refreshes", 0}});
  Rng rng(5);
  const auto loss = [](const Architecture&) { return 1.0F; };
  for (int i = 0; i < 20; ++i) {
    const auto known = remembered(sampler, 0);
    EXPECT_FALSE(known.contains(step_with(sampler, rng, 0, loss).front())) << "the bank holds " << known.size();
  }
  ASSERT_EQ(sampler.remembered(0).entries().size(), 20U);
  while (sampler.remembered(0).entries().size() < 40) step_with(sampler, rng, 0, loss);
  for (const auto& [at, rate] : {std::pair<std::int64_t, double>{0, 0.2}, {170, 0.35}, {500, 0.65}, {999, 0.95}}) {
    int exploited = 0;
    constexpr int kDraws = 4000;
    for (int i = 0; i < kDraws; ++i) {
      const auto known = remembered(sampler, 0);
      exploited += known.contains(step_with(sampler, rng, at, loss).front()) ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(exploited) / kDraws, rate, 0.02);
  }
}

/// P2.
TEST(ElasticVit, BanksKeepTheBestThatTheyHaveSeen) {
  auto sampler = make(make_space("mobile_cnn"), {{"banks", 3}, {"bank_size", 6}, {"large_bank_size", 4}});
  Rng rng(6), losses(7);
  std::map<std::size_t, double> before;
  std::map<Architecture, float> loss_of;
  for (int i = 0; i < 300; ++i) {
    const auto archs = step_with(sampler, rng, 0, [&](const Architecture& arch) {
      return loss_of.try_emplace(arch, static_cast<float>(losses.uniform())).first->second;
    });
    for (std::size_t bank = 0; bank < 3; ++bank) {
      const EliteBank& seen = sampler.remembered(bank);
      EXPECT_EQ(seen.capacity(), bank < 2 ? 6U : 4U);
      ASSERT_LE(seen.entries().size(), seen.capacity());
      EXPECT_EQ(remembered(sampler, bank).size(), seen.entries().size()) << "a subnet is there twice";
      if (seen.entries().size() < seen.capacity()) continue;
      if (before.contains(bank)) {
        EXPECT_GE(seen.mean_score(), before[bank]);
      }
      before[bank] = seen.mean_score();
      for (const auto& entry : seen.entries()) EXPECT_EQ(entry.score, -static_cast<double>(loss_of.at(entry.arch)));
    }
    EXPECT_FALSE(remembered(sampler, bank_of_step(sampler)).contains(archs.back())) << "the smallest is not scored";
  }
  EXPECT_EQ(before.size(), 3U);
}

/// P3: of a subnet with the anchor's widths, less with its depths, as built networks cost; and what it prefers.
TEST(ElasticVit, NewSubnetsHaveTheirCostInWidths) {
  const Space space = make_space("elastic_vit_28");
  const InputShape& input = space->default_input();
  const nlohmann::json options = {{"wide_within", "attention"}, {"bank_size", 1},    {"large_bank_size", 1},
                                  {"costs", {3'000'000}},       {"window", 500'000}, {"smallest", 0}};
  const auto sampler = make(space, options);
  const Architecture anchor = sampler.banks().cheapest();
  Rng rng(8);
  const auto is = [&](std::size_t d, DecisionKind kind) {
    return space->decisions()[d].kind == kind && space->decisions()[d].name.starts_with("attention");
  };
  for (int i = 0; i < 20; ++i) {
    const Architecture arch = space->random(rng);
    std::int64_t share = 0;
    for (const auto& [kind, sign] : {std::pair{DecisionKind::kWidth, 1}, {DecisionKind::kDepth, -1}}) {
      Architecture changed = arch;
      for (std::size_t d = 0; d < changed.choices.size(); ++d)
        if (is(d, kind)) changed.choices[d] = anchor.choices[d];
      if (!space->meets_constraints(changed)) continue;
      share += sign * cost(space->build(Selection(changed), input)).macs;
    }
    EXPECT_EQ(sampler.depth_share(arch, anchor), share);
  }
  // Options are in rising order: the mean place of what is drawn with a choice among 5, and of what is drawn without.
  const auto mean_place = [&](int candidates, DecisionKind kind) {
    nlohmann::json these = options;
    these["candidates"] = candidates;
    these["exploit"] = these["exploit_rise"] = 0.0;
    auto drawn_by = make(space, these);
    Rng draws(9);
    double sum = 0;
    for (int i = 0; i < 400; ++i)
      for (const Architecture& arch : step_with(drawn_by, draws, 0, [](const Architecture&) { return 1.0F; }))
        for (std::size_t d = 0; d < arch.choices.size(); ++d) sum += is(d, kind) ? arch.choices[d] : 0;
    return sum / 400;
  };
  EXPECT_GT(mean_place(5, DecisionKind::kWidth), mean_place(1, DecisionKind::kWidth));
  EXPECT_LT(mean_place(5, DecisionKind::kDepth), mean_place(1, DecisionKind::kDepth));
}

TEST(ElasticVit, RenewsScoresInEqualParts) {
  auto sampler =
      make(make_space("mobile_cnn"), {{"banks", 2}, {"bank_size", 5}, {"large_bank_size", 5}, {"refreshes", 1}});
  Rng rng(10);
  std::vector<std::int64_t> all, of_the_bank;
  for (std::int64_t at = 0; at < kSteps; ++at) {
    auto work = sampler.next({.step = at, .total_steps = kSteps}, rng);
    if (work->learn == Learn::kNothing) {
      EXPECT_TRUE(work->then_step.empty());
      const std::size_t both = sampler.remembered(0).entries().size() + sampler.remembered(1).entries().size();
      (work->subnets.size() == both ? all : of_the_bank).push_back(at);
      sampler.observe(*work, outcomes_of(std::vector<float>(work->subnets.size(), 7)));
      const std::size_t bank = bank_of_step(sampler);
      for (const auto& entry : sampler.remembered(bank).entries()) EXPECT_EQ(entry.score, -7);
      work = sampler.next({.step = at, .total_steps = kSteps, .works = 1}, rng);
      EXPECT_FALSE(sampler.next({.step = at, .total_steps = kSteps, .works = 2}, rng).has_value());
    }
    sampler.observe(*work, outcomes_of(std::vector<float>(work->subnets.size(), 9)));
  }
  EXPECT_EQ(all, (std::vector<std::int64_t>{500}));
  EXPECT_EQ(of_the_bank, (std::vector<std::int64_t>{125, 250, 375, 625, 750, 875}));
}

TEST(ElasticVit, GoesOnFromItsState) {
  const nlohmann::json options = {{"banks", 4}, {"bank_size", 8}, {"large_bank_size", 6}, {"exploit", 0.5}};
  const Space space = make_space("mobile_cnn");
  auto sampler = make(space, options), other = make(space, options);
  Rng rng(12);
  const auto loss = [](const Architecture& arch) { return static_cast<float>(hash_value(arch) % 1000) / 1000; };
  for (int i = 0; i < 60; ++i) step_with(sampler, rng, i, loss);
  const SamplerState state = sampler.save();
  other.load({.tensors = {}, .values = nlohmann::json::parse(state.values.dump())});
  Rng same = rng;
  for (int i = 60; i < 120; ++i) EXPECT_EQ(step_with(other, same, i, loss), step_with(sampler, rng, i, loss));
  EXPECT_EQ(other.save().values, sampler.save().values);
  for (const auto& [wrong, message] : std::map<std::string, std::string>{
           {R"({})", "not of sampler 'elastic_vit'"},
           {R"({"bank": 4, "remembered": [[], [], [], []]})", "not of 4 banks"},
           {R"({"bank": 0, "remembered": [[]]})", "not of 4 banks"},
           {R"({"bank": 0, "remembered": [3, [], [], []]})", "is no list"},
           {R"({"bank": 0, "remembered": [[[[0], 1]], [], [], []]})", "choices, each with a score"}})
    EXPECT_THROWS_WITH(other.load({.tensors = {}, .values = nlohmann::json::parse(wrong)}), UsageError, message);
}

TEST(ElasticVit, RefusesBanksThatNoSubnetIsIn) {
  const Space space = make_space("mobile_cnn");
  EXPECT_THROWS_WITH(make(space, {{"costs", {1'000'000, 1'000'000'000}}, {"window", 100'000}}), UsageError,
                     "sampler.costs: no subnet of 'mobile_cnn' is from 1000000000 to 1000100000 MACs; they are from");
  EXPECT_THROWS_WITH(make(space, {{"costs", {2'000'000, 1'000'000}}}), UsageError, "sampler.costs must rise");
  EXPECT_THROWS_WITH(make(space, {{"wide_within", "attention"}}), UsageError,
                     "no width or depth of 'mobile_cnn' is decided under a name that begins so");
  EXPECT_THROWS_WITH(make(space, {{"costs", {1'000'000}}, {"banks", 4}}), UsageError, "banks has no effect");
  EXPECT_THROWS_WITH(make(space, {{"preference", false}, {"exploit", 0.5}}), UsageError, "with preference = false");
  EXPECT_THROWS_WITH(make(space, {{"smallest", 0}, {"smallest_divergence", {{"name", "cross_entropy"}}}}), UsageError,
                     "smallest_divergence has no effect");
  EXPECT_THROWS_WITH(make(space, {{"walk", "drunk"}}), UsageError,
                     "unknown value 'drunk'; Known: adjacent_step, adjacent, cyclic, random");
}

}  // namespace
}  // namespace frontier
