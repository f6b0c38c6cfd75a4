#include "supernet/samplers/shrinking.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/errors.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

using Space = std::shared_ptr<const SearchSpace>;
using Allowed = std::vector<std::vector<std::uint16_t>>;

std::unique_ptr<Sampler> make(const Space& space, const ShrinkingOptions& options, const std::string& sampler) {
  return make_shrinking(space, options, [&](std::shared_ptr<const SearchSpace> part) {
    return make_sampler(sampler, std::move(part), space->default_input(), nlohmann::json::object(), Rng(0));
  });
}

/// Decisions "width" {4, 8}, "depth" {0, 1, 2}, an operation, kernels {1, 3, 5} and {1, 3}, ...
TEST(Shrinking, OpensTheLargestOptionsFirstWordByWord) {
  const SearchSpace space = testing_support::nested_space();
  const auto phases = shrinking_phases(space.decisions(), {.share = 0.6, .order = {"kernel", "depth", "width"}});
  const auto of = [&](std::size_t phase, const char* decision) {
    return phases.at(phase).allowed[space.decision_index(decision)];
  };
  using Options = std::vector<std::uint16_t>;
  // Kernels have up to three options (two steps of 0.1), depths three (two of 0.1), the width two (one of 0.2).
  ASSERT_EQ(phases.size(), 6U);
  const double ends[] = {0.1, 0.2, 0.3, 0.4, 0.6, 1};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(phases[i].until, ends[i], 1e-12);
  EXPECT_EQ(of(0, "depth"), (Options{2}));
  EXPECT_EQ(of(0, "width"), (Options{1}));
  EXPECT_EQ(of(1, "depth"), (Options{2}));
  EXPECT_EQ(of(2, "depth"), (Options{2}));
  EXPECT_EQ(of(3, "depth"), (Options{1, 2}));
  EXPECT_EQ(of(4, "depth"), (Options{0, 1, 2}));
  EXPECT_EQ(of(4, "width"), (Options{1}));
  EXPECT_EQ(of(5, "width"), (Options{0, 1}));
  for (std::size_t d = 0; d < space.decisions().size(); ++d) {
    EXPECT_EQ(phases[5].allowed[d].size(), space.decisions()[d].options.size()) << "in the end all is open";
    if (space.decisions()[d].kind == DecisionKind::kBranch) {
      EXPECT_EQ(phases[0].allowed[d].size(), 2U) << "what is in no word's sense is open from the start";
    }
  }
}

TEST(Shrinking, SubnetsKeepToThePhase) {
  const Space space = make_space("mobile_cnn");
  const ShrinkingOptions options{.share = 0.5, .order = {"kernel", "depth"}};
  const auto phases = shrinking_phases(space->decisions(), options);
  for (const std::string name : {"uniform", "cost_bins", "sandwich", "elastic_vit"}) {
    const auto sampler = make(space, options, name);
    Rng rng(4);
    std::set<Architecture> seen;
    for (std::int64_t step = 0; step < 100; step += 5) {
      const auto work = sampler->next({.step = step, .total_steps = 100}, rng);
      std::size_t phase = 0;
      while (static_cast<double>(step) >= phases[phase].until * 100) ++phase;
      EXPECT_EQ(sampler->metrics().back(), (std::pair<std::string, double>{"phase", static_cast<double>(phase)}));
      const SearchSpace part = space->restricted(phases[phase].allowed);
      for (const Candidate& subnet : work->subnets)
        EXPECT_TRUE(part.meets_constraints(subnet.selection.architecture())) << name << " at step " << step;
    }
  }
}

TEST(Shrinking, GoesOnFromItsState) {
  const Space space = make_space("mobile_cnn");
  const ShrinkingOptions options{.share = 0.5};
  const auto sampler = make(space, options, "elastic_vit"), other = make(space, options, "elastic_vit");
  Rng rng(5);
  for (std::int64_t step = 0; step < 10; ++step) sampler->next({.step = step, .total_steps = 40}, rng);
  const SamplerState state = sampler->save();
  other->load({state.tensors, nlohmann::json::parse(state.values.dump())});
  Rng same = rng;
  for (std::int64_t step = 10; step < 40; ++step) {
    const auto a = sampler->next({.step = step, .total_steps = 40}, rng);
    const auto b = other->next({.step = step, .total_steps = 40}, same);
    for (std::size_t i = 0; i < a->subnets.size(); ++i)
      EXPECT_EQ(a->subnets[i].selection.architecture(), b->subnets[i].selection.architecture());
  }
  EXPECT_THROWS_WITH(other->load({}), UsageError, "phases of shrinking");
}

TEST(Shrinking, RefusesWhatCannotOpen) {
  const Space space = make_space("mobile_cnn");
  EXPECT_THROWS_WITH(make(space, {.share = 0.5, .order = {"colour"}}, "uniform"), UsageError,
                     "shrinking.order: 'colour' is no kind");
  EXPECT_THROWS_WITH(make(space, {.share = 0.5, .order = {"kernel", "kernel"}}, "uniform"), UsageError,
                     "that no earlier word means");
  EXPECT_THROWS_WITH(make(space, {.share = 0.5}, "shiftnas"), UsageError, "learns parameters of its own");
  ShrinkingOptions without_share;
  EXPECT_THROWS_WITH(read_options(nlohmann::json{{"order", {"kernel"}}}, "shrinking", without_share), UsageError,
                     "order has no effect without share");
  const Space listed = make_space("nas_bench_101");
  EXPECT_THROWS_WITH(listed->restricted({}), UsageError, "are listed");
}

/// A restricted space draws, prices and counts the subnets of its options alone.
TEST(Shrinking, ARestrictedSpaceIsTheSubnetsOfItsOptions) {
  const SearchSpace space = testing_support::nested_space();
  Allowed allowed;
  for (const Decision& decision : space.decisions()) {
    auto& options = allowed.emplace_back();
    for (std::uint16_t i = 0; i < decision.options.size(); ++i) options.push_back(i);
  }
  allowed[space.decision_index("width")] = {1};
  allowed[space.decision_index("depth")] = {1, 2};
  const SearchSpace part = space.restricted(allowed);
  std::set<Architecture> expected, drawn;
  for (const Architecture& choices : testing_support::all_choices(space)) {
    if (choices.choices[space.decision_index("width")] != 1 || choices.choices[space.decision_index("depth")] == 0)
      continue;
    expected.insert(space.canonical(choices));
  }
  EXPECT_EQ(FeasibleSet(part, part.default_input(), Budget{}).count().at_least, expected.size());
  Rng rng(6);
  for (int i = 0; i < 20'000; ++i) drawn.insert(part.random(rng));
  EXPECT_EQ(drawn, expected);
  Architecture left_out = *expected.begin();
  left_out.choices[space.decision_index("width")] = 0;
  EXPECT_THROWS_WITH(part.validate(left_out), InvalidArchitecture, "an option of 'width' that is left out here");
}

}  // namespace
}  // namespace frontier
