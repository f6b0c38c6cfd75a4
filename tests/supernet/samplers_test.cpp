#include "supernet/samplers/sampler.h"

#include <torch/types.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/errors.h"
#include "search_spaces/cost.h"
#include "search_spaces/cost_bins.h"
#include "search_spaces/registry.h"
#include "supernet/samplers/darts.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/outcomes.h"
#include "support/small_spaces.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using Space = std::shared_ptr<const SearchSpace>;
using testing_support::branch_space;
using testing_support::nested_space;
using testing_support::outcomes_of;

Space shared(SearchSpace space) { return std::make_shared<const SearchSpace>(std::move(space)); }

std::unique_ptr<Sampler> make(const std::string& name, const Space& space,
                              nlohmann::json options = nlohmann::json::object(), std::uint64_t seed = 0) {
  return make_sampler(name, space, space->default_input(), options, Rng(seed));
}

/// The subnets of a step that is one work for the weights.
std::vector<Architecture> hard_subnets(Sampler& sampler, Rng& rng) {
  std::vector<Architecture> archs;
  const auto work = sampler.next({}, rng);
  EXPECT_TRUE(work.has_value());
  EXPECT_FALSE(sampler.next({.works = 1}, rng).has_value());
  EXPECT_EQ(work->learn, Learn::kWeights);
  EXPECT_EQ(work->stream, Stream::kTrain);
  EXPECT_EQ(work->then_step, std::vector<std::string>{"weights"});
  for (const auto& subnet : work->subnets) {
    EXPECT_TRUE(subnet.selection.is_hard());
    archs.push_back(subnet.selection.architecture());
  }
  return archs;
}

TEST(Samplers, EveryNameMakesASamplerOfThatName) {
  const Space space = shared(branch_space());
  EXPECT_EQ(known_samplers(),
            (std::vector<std::string>{"uniform", "cost_bins", "fair", "sandwich", "attentive", "shiftnas",
                                      "elastic_vit", "darts", "pc_darts", "gdas", "drnas", "tas", "fixed"}));
  const Space sizes = make_space("resnet_shape_20(norms=per_width)");
  for (const auto& name : known_samplers())
    EXPECT_EQ(make(name, name == "tas" ? sizes : space,
                   name == "fixed" ? nlohmann::json{{"arch", "skip,zero"}} : nlohmann::json::object())
                  ->name(),
              name);
}

TEST(Samplers, UnknownNamesAndOptionsAreRefused) {
  const Space space = shared(branch_space());
  const auto make_from = [&](const std::string& name, const char* options) {
    return make(name, space, nlohmann::json::parse(options));
  };
  EXPECT_THROWS_WITH(make_from("sandwitch", "{}"), UsageError, "unknown sampler 'sandwitch'; did you mean 'sandwich'?");
  EXPECT_THROWS_WITH(
      make_from("x", "{}"), UsageError,
      "uniform, cost_bins, fair, sandwich, attentive, shiftnas, elastic_vit, darts, pc_darts, gdas, drnas, tas, fixed");
  EXPECT_THROWS_WITH(make_from("uniform", R"({"subnets": 3})"), UsageError, "subnets_per_step");
  EXPECT_THROWS_WITH(make_from("uniform", R"({"subnets_per_step": 0})"), UsageError, "sampler.subnets_per_step");
  EXPECT_THROWS_WITH(make_from("uniform", R"({"subnets_per_step": 2000})"), UsageError, "1024");
  EXPECT_THROWS_WITH(make_from("sandwich", R"({"random_subnets": -1})"), UsageError, "sampler.random_subnets");
  EXPECT_THROWS_WITH(make_from("sandwich", R"({"random_subnets": "two"})"), UsageError, "sampler.random_subnets");
  EXPECT_THROWS_WITH(make_from("darts", R"({"init_deviation": -1})"), UsageError, "sampler.init_deviation");
  EXPECT_THROWS_WITH(make_from("darts", "[]"), UsageError, "sampler");
  EXPECT_THROWS_WITH(make("darts", make_space("mobile_cnn")), UsageError,
                     "'mobile_cnn' has decisions about the size of layers");
}

TEST(UniformSampler, ChoosesEveryPairOfOptionsEquallyOften) {
  const Space space = make_space("nas_bench_macro");
  const auto sampler = make("uniform", space, {{"subnets_per_step", 4}});
  Rng rng(2024);
  constexpr int kSteps = 4500;
  std::vector<std::map<int, int>> pairs(7);
  for (int s = 0; s < kSteps; ++s) {
    const auto archs = hard_subnets(*sampler, rng);
    ASSERT_EQ(archs.size(), 4U);
    for (const auto& arch : archs)
      for (std::size_t d = 0; d < 7; ++d) ++pairs[d][3 * arch.choices[d] + arch.choices[d + 1]];
  }
  for (const auto& counts : pairs) {
    double chi_square = 0;
    constexpr double kExpected = 4.0 * kSteps / 9;
    ASSERT_EQ(counts.size(), 9U);
    for (const auto& [pair, count] : counts) chi_square += (count - kExpected) * (count - kExpected) / kExpected;
    EXPECT_LT(chi_square, 26.1);  // 8 degrees of freedom, one in a thousand
  }
}

TEST(UniformSampler, TheSeedDecidesTheSequence) {
  const Space space = make_space("mobile_cnn");
  const auto a = make("uniform", space, nlohmann::json::object());
  const auto b = make("uniform", space, nlohmann::json::object());
  Rng first(1), second(1), other(2);
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const auto arch = hard_subnets(*a, first);
    EXPECT_EQ(arch, hard_subnets(*b, second));
    differs |= arch != hard_subnets(*b, other);
    EXPECT_EQ(space->canonical(arch.front()), arch.front());
  }
  EXPECT_TRUE(differs);
}

TEST(SandwichSampler, StartsWithTheDearestAndTheCheapest) {
  for (const Space& space : {shared(nested_space()), shared(testing_support::shared_decision_space())}) {
    const CostTable table = space->cost_table(space->default_input());
    std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0;
    for (const auto& arch : testing_support::all_choices(*space)) {
      least = std::min(least, table.macs(arch));
      most = std::max(most, table.macs(arch));
    }
    const auto sampler = make("sandwich", space, {{"random_subnets", 3}});
    Rng rng(7);
    for (int step = 0; step < 5; ++step) {
      const auto archs = hard_subnets(*sampler, rng);
      ASSERT_EQ(archs.size(), 5U);
      EXPECT_EQ(table.macs(archs[0]), most);
      EXPECT_EQ(table.macs(archs[1]), least);
    }
  }
  const auto bare = make("sandwich", make_space("mobile_cnn"), {{"random_subnets", 0}});
  Rng rng(7);
  EXPECT_EQ(hard_subnets(*bare, rng).size(), 2U);
}

TEST(SandwichSampler, InPlaceTheLargestTeachesAllOthers) {
  const Space space = shared(nested_space());
  Rng rng(7);
  const auto plain = make("sandwich", space)->next({}, rng);
  for (const auto& subnet : plain->subnets) EXPECT_TRUE(subnet.lesson.is_from_labels());
  const auto inplace = make("sandwich", space, {{"distill", "inplace"}})->next({}, rng);
  ASSERT_EQ(inplace->subnets.size(), 4U);
  EXPECT_TRUE(inplace->subnets[0].lesson.is_from_labels());
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(inplace->subnets[i].lesson.of, std::vector<std::size_t>{0});
}

TEST(CostBinsSampler, TrainsEveryBinOfCostEquallyOften) {
  const Space space = make_space("mobile_cnn");
  const CostTable table = space->cost_table(space->default_input());
  for (const std::string price : {"macs", "params"}) {
    const auto sampler = make("cost_bins", space, {{"price", price}, {"bins", 5}, {"subnets_per_step", 4}});
    const CostBins bins(*space, space->default_input(), {.price = price, .bins = 5});
    ASSERT_EQ(bins.size(), 5U);
    Rng rng(11);
    std::vector<int> counts(5);
    constexpr int kSteps = 500;
    for (int step = 0; step < kSteps; ++step)
      for (const Architecture& arch : hard_subnets(*sampler, rng))
        ++counts[bins.bin_of(price == "macs" ? table.macs(arch) : table.params(arch))];
    double chi_square = 0;
    constexpr double kExpected = 4.0 * kSteps / 5;
    for (const int count : counts) chi_square += (count - kExpected) * (count - kExpected) / kExpected;
    EXPECT_LT(chi_square, 18.5) << price;  // 4 degrees of freedom, one in a thousand
  }
}

TEST(FairSampler, TakesEveryOptionOnceAStep) {
  const Space space = make_space("nas_bench_macro");  // three options everywhere
  const auto sampler = make("fair", space);
  Rng rng(3);
  for (int step = 0; step < 50; ++step) {
    const auto archs = hard_subnets(*sampler, rng);
    ASSERT_EQ(archs.size(), 3U);
    for (std::size_t d = 0; d < space->decisions().size(); ++d) {
      std::set<int> taken;
      for (const Architecture& arch : archs) taken.insert(arch.choices[d]);
      EXPECT_EQ(taken.size(), 3U);
    }
  }
}

TEST(FairSampler, NoOptionIsEverMoreThanOneAheadOfAnother) {
  const Space space =
      shared(testing_support::shared_decision_space());  // 3, 2, 2, 3 and 4 options, some without effect
  const auto sampler = make("fair", space);
  const std::size_t width = space->decision_index("width"), head = space->decision_index("head");
  Rng rng(3);
  std::map<std::size_t, std::map<int, int>> counts;
  for (int step = 0; step < 50; ++step) {
    const auto archs = hard_subnets(*sampler, rng);
    ASSERT_EQ(archs.size(), 4U);
    for (const Architecture& arch : archs)
      for (const std::size_t d : {width, head}) {
        ++counts[d][arch.choices[d]];
        const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
        const auto [least, most] = std::minmax_element(counts[d].begin(), counts[d].end(), by_count);
        const bool all = counts[d].size() == space->decisions()[d].options.size();
        EXPECT_LE(most->second - (all ? least->second : 0), 1);
      }
  }
}

TEST(FairSampler, GoesOnFromItsState) {
  const Space space = shared(testing_support::shared_decision_space());
  const auto sampler = make("fair", space);
  Rng rng(5);
  for (int step = 0; step < 3; ++step) hard_subnets(*sampler, rng);
  const SamplerState state = sampler->save();
  const auto other = make("fair", space);
  other->load({.tensors = {}, .values = nlohmann::json::parse(state.values.dump())});
  Rng same = rng;
  for (int step = 0; step < 5; ++step) EXPECT_EQ(hard_subnets(*other, same), hard_subnets(*sampler, rng));
  for (const char* wrong : {"{}", R"({"decks": 3})", R"({"decks": [[0]]})", R"({"decks": [[9], [], [], [], []]})",
                            R"({"decks": [[0, 0], [], [], [], []]})"})
    EXPECT_THROWS_WITH(other->load({.tensors = {}, .values = nlohmann::json::parse(wrong)}), UsageError,
                       "not of sampler 'fair' on 'shared_decision'");
}

TEST(FairSampler, RefusesSpacesWhoseNetworksMustMeetConditions) {
  EXPECT_THROWS_WITH(make("fair", make_space("elastic_vit_28")), UsageError, "networks of 'elastic_vit_28'");
  EXPECT_THROWS_WITH(make("fair", make_space("nas_bench_101")), UsageError, "networks of 'nas_bench_101'");
}

TEST(AttentiveSampler, TrainsTheBestOrTheWorstOfSomeOfEqualCost) {
  const Space space = make_space("mobile_cnn");
  const CostTable table = space->cost_table(space->default_input());
  const CostBins bins(*space, space->default_input(), {.bins = 6});
  for (const std::string attention : {"best", "worst"}) {
    const auto sampler =
        make("attentive", space, {{"bins", 6}, {"attention", attention}, {"candidates", 3}, {"random_subnets", 2}});
    Rng rng(9);
    const auto compared = sampler->next({}, rng);
    ASSERT_EQ(compared->subnets.size(), 6U);
    EXPECT_EQ(compared->learn, Learn::kNothing);
    EXPECT_TRUE(compared->then_step.empty());
    std::vector<Architecture> drawn;
    for (const auto& subnet : compared->subnets) drawn.push_back(subnet.selection.architecture());
    for (std::size_t place : {0U, 3U})
      for (std::size_t i = 1; i < 3; ++i) EXPECT_EQ(bins.bin_of(drawn[place + i]), bins.bin_of(drawn[place]));
    const std::vector<std::vector<Outcome>> outcomes = {outcomes_of({3, 1, 2, 4, 6, 5})};
    const auto trained = sampler->next({0, 10, 1, outcomes}, rng);
    EXPECT_EQ(trained->learn, Learn::kWeights);
    ASSERT_EQ(trained->subnets.size(), 4U);
    EXPECT_EQ(table.macs(trained->subnets[0].selection.architecture()), bins.most());
    EXPECT_EQ(table.macs(trained->subnets[1].selection.architecture()), bins.least());
    const bool best = attention == "best";
    EXPECT_EQ(trained->subnets[2].selection.architecture(), drawn[best ? 1 : 0]);
    EXPECT_EQ(trained->subnets[3].selection.architecture(), drawn[best ? 3 : 4]);
    for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(trained->subnets[i].lesson.of, std::vector<std::size_t>{0});
    EXPECT_FALSE(sampler->next({0, 10, 2, outcomes}, rng).has_value());
  }
}

TEST(AttentiveSampler, ComparesNothingWhereThereIsNothingToChoose) {
  const Space space = shared(nested_space());
  for (const nlohmann::json& options : {nlohmann::json{{"candidates", 1}}, nlohmann::json{{"random_subnets", 0}}}) {
    const auto sampler = make("attentive", space, options);
    Rng rng(9);
    EXPECT_EQ(hard_subnets(*sampler, rng).size(), options.contains("candidates") ? 4U : 2U);
  }
}

TEST(FixedSampler, TrainsTheArchitectureThatItWasGiven) {
  const Space space = shared(branch_space());
  const auto sampler = make("fixed", space, {{"arch", "conv3,zero"}});
  const Architecture arch = space->parse("conv3,zero");
  Rng rng(7);
  EXPECT_EQ(hard_subnets(*sampler, rng), std::vector<Architecture>{arch});
  EXPECT_EQ(rng, Rng(7));
  EXPECT_EQ(sampler->derive(), arch);
  ASSERT_TRUE(sampler->widest().has_value());
  EXPECT_EQ(sampler->widest()->architecture(), arch);
  EXPECT_THROWS_WITH(make("fixed", space), UsageError, "give it with --set sampler.arch=");
  EXPECT_THROWS_WITH(make("fixed", space, {{"arch", "9,9"}}), UsageError, "is not an option");
}

TEST(DartsSampler, GivesSoftmaxesOfItsLogitsAndDerivesTheLikeliest) {
  const Space space = shared(branch_space());
  const auto sampler = make("darts", space);
  auto* darts = dynamic_cast<DartsSampler*>(sampler.get());
  ASSERT_EQ(sampler->groups().size(), 1U);
  EXPECT_EQ(sampler->groups()[0].name, "architecture");
  EXPECT_EQ(sampler->groups()[0].options.optimizer.name, "adam");  // L2, as in the paper: unused logits move
  EXPECT_LT(darts->logits(0).abs().max().item<double>(), 0.01);
  darts->logits(0).copy_(at::tensor({0.0F, 1.0F, 3.0F, 2.0F}));
  darts->logits(1).copy_(at::tensor({5.0F, 1.0F, 3.0F, 2.0F}));
  Rng rng(0);
  const auto first = sampler->next({}, rng), second = sampler->next({.works = 1}, rng);
  EXPECT_FALSE(sampler->next({.works = 2}, rng).has_value());
  EXPECT_EQ(rng, Rng(0));
  EXPECT_EQ(first->stream, Stream::kArchitecture);
  EXPECT_EQ(first->learn, Learn::kGates);
  EXPECT_EQ(first->then_step, std::vector<std::string>{"architecture"});
  EXPECT_EQ(second->stream, Stream::kTrain);
  EXPECT_EQ(second->learn, Learn::kWeights);
  ASSERT_EQ(first->subnets.size(), 1U);
  EXPECT_FALSE(first->subnets[0].selection.is_hard());
  for (std::size_t d = 0; d < 2; ++d) {
    EXPECT_EQ(first->subnets[0].selection[d].options.size(), 4U);
    EXPECT_TRUE(testing_support::same_bits((*first->subnets[0].gates)[d], at::softmax(darts->logits(d), 0)));
    EXPECT_TRUE((*first->subnets[0].gates)[d].requires_grad());
  }
  EXPECT_EQ(sampler->derive(), (Architecture{{2, 0}}));
  EXPECT_EQ(make("uniform", space)->derive(), std::nullopt);
}

TEST(DartsSampler, TheSeedDecidesTheStart) {
  const Space space = shared(branch_space());
  const auto logits = [&](std::uint64_t seed) {
    const auto sampler = make("darts", space, nlohmann::json::object(), seed);
    return dynamic_cast<DartsSampler&>(*sampler).logits(1).clone();
  };
  EXPECT_TRUE(testing_support::same_bits(logits(1), logits(1)));
  EXPECT_FALSE(testing_support::same_bits(logits(1), logits(2)));
}

TEST(DartsSampler, DerivesAMemberOfTheSpaceWhateverItsLogitsAre) {
  const Space space = make_space("darts");
  bool argmax_breaks_a_constraint = false;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto sampler = make("darts", space, nlohmann::json::object(), seed);
    const auto& darts = dynamic_cast<DartsSampler&>(*sampler);
    Architecture likeliest;
    for (std::size_t d = 0; d < space->decisions().size(); ++d)
      likeliest.choices.push_back(static_cast<std::uint16_t>(darts.logits(d).argmax().item<std::int64_t>()));
    argmax_breaks_a_constraint |= !space->meets_constraints(likeliest);
    const auto derived = sampler->derive();
    ASSERT_TRUE(derived.has_value());
    EXPECT_NO_THROW(space->validate(*derived)) << "seed " << seed;
    EXPECT_EQ(space->canonical(*derived), *derived) << "seed " << seed;
  }
  EXPECT_TRUE(argmax_breaks_a_constraint);
}

TEST(Samplers, ResolvedOptionsHoldEverySetting) {
  const nlohmann::json options = resolved_sampler_options("darts", {{"lr", 0.5}});
  EXPECT_EQ(options.at("lr"), 0.5);
  for (const char* key : {"init_deviation", "weight_decay", "beta1", "beta2", "warmup_steps"})
    EXPECT_TRUE(options.contains(key)) << key;
}

TEST(Samplers, AStateOfAnotherSamplerIsRefused) {
  const Space space = shared(branch_space());
  const auto darts = make("darts", space), uniform = make("uniform", space);
  EXPECT_THROWS_WITH(uniform->load(darts->save()), UsageError, "of another sampler than 'uniform'");
  EXPECT_THROW(darts->load(uniform->save()), UsageError);
  const auto other = make("darts", space, nlohmann::json::object(), 5);
  other->load(darts->save());
  EXPECT_TRUE(testing_support::same_bits(dynamic_cast<DartsSampler&>(*other).logits(0),
                                         dynamic_cast<DartsSampler&>(*darts).logits(0)));
}

}  // namespace
}  // namespace frontier
