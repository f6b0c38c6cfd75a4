#include "supernet/samplers/sampler.h"

#include <torch/types.h>

#include <map>

#include "common/errors.h"
#include "search_spaces/cost.h"
#include "search_spaces/registry.h"
#include "support/branch_spaces.h"
#include "support/messages.h"
#include "support/small_spaces.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using Space = std::shared_ptr<const SearchSpace>;
using testing_support::branch_space;
using testing_support::nested_space;

Space shared(SearchSpace space) { return std::make_shared<const SearchSpace>(std::move(space)); }

std::vector<Architecture> hard_subnets(Sampler& sampler, Rng& rng) {
  std::vector<Architecture> archs;
  for (const auto& subnet : sampler.next({}, rng)) {
    EXPECT_TRUE(subnet.selection.is_hard());
    archs.push_back(subnet.selection.architecture());
  }
  return archs;
}

TEST(Samplers, EveryNameMakesASamplerOfThatName) {
  const Space space = shared(branch_space());
  EXPECT_EQ(known_samplers(), (std::vector<std::string>{"uniform", "sandwich", "darts"}));
  for (const auto& name : known_samplers())
    EXPECT_EQ(make_sampler(name, space, nlohmann::json::object())->name(), name);
}

TEST(Samplers, UnknownNamesAndOptionsAreRefused) {
  const Space space = shared(branch_space());
  const auto make = [&](const std::string& name, const char* options) {
    return make_sampler(name, space, nlohmann::json::parse(options));
  };
  EXPECT_THROWS_WITH(make("sandwitch", "{}"), UsageError, "unknown sampler 'sandwitch'; did you mean 'sandwich'?");
  EXPECT_THROWS_WITH(make("x", "{}"), UsageError, "uniform, sandwich, darts");
  EXPECT_THROWS_WITH(make("uniform", R"({"subnets": 3})"), UsageError, "subnets_per_step");
  EXPECT_THROWS_WITH(make("uniform", R"({"subnets_per_step": 0})"), UsageError, "sampler.subnets_per_step");
  EXPECT_THROWS_WITH(make("uniform", R"({"subnets_per_step": 2000})"), UsageError, "1024");
  EXPECT_THROWS_WITH(make("sandwich", R"({"random_subnets": -1})"), UsageError, "sampler.random_subnets");
  EXPECT_THROWS_WITH(make("sandwich", R"({"random_subnets": "two"})"), UsageError, "sampler.random_subnets");
  EXPECT_THROWS_WITH(make("darts", R"({"init_deviation": -1})"), UsageError, "sampler.init_deviation");
  EXPECT_THROWS_WITH(make("darts", "[]"), UsageError, "sampler");
  EXPECT_THROWS_WITH(make_sampler("darts", make_space("mobile_cnn"), nlohmann::json::object()), UsageError,
                     "'mobile_cnn' has decisions about widths or kernels");
}

TEST(UniformSampler, ChoosesEveryPairOfOptionsEquallyOften) {
  const Space space = make_space("nas_bench_macro");
  const auto sampler = make_sampler("uniform", space, {{"subnets_per_step", 4}});
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
  const auto a = make_sampler("uniform", space, nlohmann::json::object());
  const auto b = make_sampler("uniform", space, nlohmann::json::object());
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
    const auto sampler = make_sampler("sandwich", space, {{"random_subnets", 3}});
    EXPECT_TRUE(sampler->teaches());
    Rng rng(7);
    for (int step = 0; step < 5; ++step) {
      const auto archs = hard_subnets(*sampler, rng);
      ASSERT_EQ(archs.size(), 5U);
      EXPECT_EQ(table.macs(archs[0]), most);
      EXPECT_EQ(table.macs(archs[1]), least);
    }
  }
  const auto bare = make_sampler("sandwich", make_space("mobile_cnn"), {{"random_subnets", 0}});
  Rng rng(7);
  EXPECT_EQ(hard_subnets(*bare, rng).size(), 2U);
}

TEST(DartsSampler, GivesSoftmaxesOfItsLogitsAndDerivesTheLikeliest) {
  const Space space = shared(branch_space());
  const auto sampler = make_sampler("darts", space, nlohmann::json::object());
  EXPECT_FALSE(sampler->teaches());
  auto logits = sampler->parameters();
  ASSERT_EQ(logits.size(), 2U);
  EXPECT_LT(logits[0].abs().max().item<double>(), 0.01);
  {
    at::NoGradGuard no_grad;
    logits[0].copy_(at::tensor({0.0F, 1.0F, 3.0F, 2.0F}));
    logits[1].copy_(at::tensor({5.0F, 1.0F, 3.0F, 2.0F}));
  }
  Rng rng(0);
  const auto subnets = sampler->next({}, rng);
  EXPECT_EQ(rng, Rng(0));
  ASSERT_EQ(subnets.size(), 1U);
  EXPECT_FALSE(subnets[0].selection.is_hard());
  for (std::size_t d = 0; d < 2; ++d) {
    EXPECT_EQ(subnets[0].selection[d].options.size(), 4U);
    EXPECT_TRUE(testing_support::same_bits((*subnets[0].gates)[d], at::softmax(logits[d], 0)));
    EXPECT_TRUE((*subnets[0].gates)[d].requires_grad());
  }
  EXPECT_EQ(sampler->derive(), (Architecture{{2, 0}}));
  EXPECT_EQ(make_sampler("uniform", space, nlohmann::json::object())->derive(), std::nullopt);
}

TEST(DartsSampler, TheSeedDecidesTheStart) {
  const Space space = shared(branch_space());
  const auto logits = [&](int seed) { return make_sampler("darts", space, {{"seed", seed}})->parameters()[1]; };
  EXPECT_TRUE(testing_support::same_bits(logits(1), logits(1)));
  EXPECT_FALSE(testing_support::same_bits(logits(1), logits(2)));
}

}  // namespace
}  // namespace frontier
