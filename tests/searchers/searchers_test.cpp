#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "searchers/searcher.h"
#include "support/messages.h"
#include "support/size_policy.h"
#include "support/small_spaces.h"

namespace frontier {
namespace {

const nlohmann::json kDefaults = nlohmann::json::object();

/// A small population, so that a few hundred proposals reach past the random start.
nlohmann::json small_population(const std::string& name) {
  if (name == "evolution") return {{"population", 20}, {"sample", 5}};
  if (name == "nsga2") return {{"population", 20}};
  return nlohmann::json::object();
}

/// A problem for every searcher, and a generator for one that asks it.
struct Searched {
  SearchProblem problem;
  testing_support::SizePolicy policy;
  Searched(const SearchSpace& space, const FeasibleSet& set, std::size_t num_objectives,
           const std::vector<Architecture>* among = nullptr)
      : problem{&space, &set, num_objectives, among, nullptr}, policy(space) {
    problem.policy = &policy;
  }
  Searched(const Searched&) = delete;
};

/// An error that falls with depth and width, and MACs.
std::vector<double> objectives(const FeasibleSet& set, const Architecture& arch) {
  double error = 1;
  for (std::size_t d = 0; d < arch.choices.size(); ++d)
    error -= 0.001 * static_cast<double>((d % 3 + 1) * arch.choices[d]);
  return {error, static_cast<double>(set.table().macs(arch))};
}

std::vector<Evaluated> evaluate(const FeasibleSet& set, std::span<const Architecture> archs) {
  std::vector<Evaluated> results;
  for (const auto& arch : archs) results.push_back({arch, objectives(set, arch)});
  return results;
}

TEST(Searchers, ProposeTenThousandWithinTheBudgetCanonicalAndNew) {
  const auto space = make_space("mobile_cnn");
  // 400k leaves 11,184 subnets of 10^12: the tight case.
  for (const std::int64_t limit : {400'000, 1'000'000}) {
    const FeasibleSet set(*space, space->default_input(), {.max_macs = limit, .max_params = {}});
    for (const auto& info : known_searchers()) {
      SCOPED_TRACE(info.name + " at " + std::to_string(limit));
      const Searched searched(*space, set, 2);
      const auto searcher = make_searcher(info.name, searched.problem, kDefaults);
      Rng rng(3);
      std::unordered_set<Architecture> seen;
      // Every draw of a generator is a best path of its own: fewer are enough.
      while (seen.size() < (info.asks_policy ? 500U : 10'000U)) {
        const auto batch = searcher->ask(100, rng);
        ASSERT_EQ(batch.size(), 100U);
        for (const auto& arch : batch) {
          ASSERT_LE(set.table().macs(arch), limit) << space->to_string(arch);
          ASSERT_EQ(space->canonical(arch), arch);
          ASSERT_TRUE(seen.insert(arch).second) << "proposed twice: " << space->to_string(arch);
        }
        searcher->tell(evaluate(set, batch));
      }
    }
  }
}

TEST(Searchers, EndWhenEverythingWithinTheBudgetWasProposed) {
  const auto space = make_space("nas_bench_macro");
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 40'000'000, .max_params = {}});
  for (const auto& info : known_searchers()) {
    SCOPED_TRACE(info.name);
    const Searched searched(*space, set, 2);
    const auto searcher = make_searcher(info.name, searched.problem, kDefaults);
    Rng rng(4);
    std::unordered_set<Architecture> seen;
    for (;;) {
      const auto batch = searcher->ask(37, rng);
      if (batch.empty()) break;
      for (const auto& arch : batch) ASSERT_TRUE(seen.insert(arch).second);
      searcher->tell(evaluate(set, batch));
    }
    EXPECT_EQ(std::to_string(seen.size()), to_string(set.count().at_most));
    EXPECT_TRUE(searcher->ask(1, rng).empty());
  }
}

TEST(Searchers, EndOnTheOnlySubnetOfATightBudget) {
  const auto space = make_space("nas_bench_macro");
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 7'713'280, .max_params = {}});
  for (const auto& info : known_searchers()) {
    const Searched searched(*space, set, 1);
    const auto searcher = make_searcher(info.name, searched.problem, kDefaults);
    Rng rng(0);
    EXPECT_EQ(searcher->ask(10, rng).size(), 1U) << info.name;
    EXPECT_TRUE(searcher->ask(10, rng).empty()) << info.name;
  }
}

TEST(Searchers, SameSeedGivesTheSameProposals) {
  const auto space = make_space("mobile_cnn");
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 1'500'000, .max_params = {}});
  for (const auto& info : known_searchers()) {
    SCOPED_TRACE(info.name);
    const auto run = [&](std::uint64_t seed) {
      const Searched searched(*space, set, 2);
      const auto searcher = make_searcher(info.name, searched.problem, small_population(info.name));
      Rng rng(seed);
      std::vector<Architecture> proposals;
      for (int i = 0; i < 30; ++i) {
        const auto batch = searcher->ask(10, rng);
        proposals.insert(proposals.end(), batch.begin(), batch.end());
        searcher->tell(evaluate(set, batch));
      }
      return proposals;
    };
    EXPECT_EQ(run(1), run(1));
    EXPECT_NE(run(1), run(2));
  }
}

TEST(Searchers, GoOnFromASavedStateAsIfNeverStopped) {
  const auto space = make_space("mobile_cnn");
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 1'500'000, .max_params = {}});
  const Searched searched(*space, set, 2);
  const SearchProblem& problem = searched.problem;
  for (const auto& info : known_searchers()) {
    for (const int stop : {0, 1, 7, 20}) {
      SCOPED_TRACE(info.name + " stopped after " + std::to_string(stop));
      const auto options = small_population(info.name);
      auto searcher = make_searcher(info.name, problem, options);
      Rng rng(5);
      std::vector<Architecture> pending;  // asked, not yet told when it stops
      for (int i = 0; i < stop; ++i) {
        searcher->tell(evaluate(set, pending));
        pending = searcher->ask(9, rng);
      }
      const std::string state = searcher->save().dump();
      const auto resumed = make_searcher(info.name, problem, options);
      resumed->load(nlohmann::json::parse(state));
      EXPECT_EQ(resumed->save().dump(), state);
      Rng resumed_rng = Rng::from_state(rng.state());
      for (int i = 0; i < 30; ++i) {
        searcher->tell(evaluate(set, pending));
        resumed->tell(evaluate(set, pending));
        pending = searcher->ask(9, rng);
        ASSERT_EQ(resumed->ask(9, resumed_rng), pending);
      }
    }
  }
}

TEST(Searchers, TakeAnyNumberInAnyGrouping) {
  const auto space = make_space("mobile_cnn");
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 1'500'000, .max_params = {}});
  for (const auto& info : known_searchers()) {
    SCOPED_TRACE(info.name);
    const Searched searched(*space, set, 2);
    const auto searcher = make_searcher(info.name, searched.problem, small_population(info.name));
    Rng rng(6);
    EXPECT_TRUE(searcher->ask(0, rng).empty());
    std::vector<Architecture> pending = searcher->ask(301, rng);  // far more than a population, nothing told
    EXPECT_EQ(pending.size(), 301U);
    searcher->tell({});
    Rng order(7);
    order.shuffle(pending);
    for (std::size_t done = 0; done < pending.size();) {
      const std::size_t n = std::min<std::size_t>(order.below(13), pending.size() - done);
      searcher->tell(evaluate(set, std::span(pending).subspan(done, n)));
      done += n;
      EXPECT_EQ(searcher->ask(3, rng).size(), 3U);
    }
  }
}

TEST(Searchers, LearnFromResultsThatTheyNeverAskedFor) {
  const auto space = make_space("nas_bench_macro");
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 40'000'000, .max_params = {}});
  for (const auto& info : known_searchers()) {
    SCOPED_TRACE(info.name);
    const Searched searched(*space, set, 2);
    const auto searcher = make_searcher(info.name, searched.problem, kDefaults);
    const std::vector<Architecture> known = {space->parse("00000000"),
                                             space->parse("22222222")};  // the second too dear
    searcher->tell(evaluate(set, known));
    Rng rng(8);
    const auto rest = searcher->ask(5000, rng);
    EXPECT_EQ(std::to_string(rest.size() + 1), to_string(set.count().at_most));
    for (const auto& arch : rest) ASSERT_NE(arch, known[0]);
  }
}

/// Objective: how many of the 24 kernel, expansion and squeeze-excite decisions of mobile_cnn differ from a hidden
/// target with full depth. A uniform draw agrees in each with probability at most 1/2 (1/3 for two thirds of them), so
/// 1,000 of them reach 22 of 24 with probability below 1000 * P(Bin(24, 1/2) >= 22) = 0.018 a seed, in truth about
/// 1e-7. Climbing one decision at a time is expected to need a few hundred evaluations.
TEST(Evolution, BeatsRandomSearch) {
  const auto space = make_space("mobile_cnn");
  const FeasibleSet set(*space, space->default_input(), {});
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng target_rng(100 + seed);
    Architecture target = testing_support::random_choices(*space, target_rng);
    const auto distance = [&](const Architecture& arch) {
      double differing = 0;
      for (std::size_t d = 0; d < arch.choices.size(); ++d) {
        const auto& name = space->decisions()[d].name;
        if (name.find("block") == std::string::npos) continue;
        const bool active = set.table().activity()[d].at(arch) != 0;
        differing += active && arch.choices[d] == target.choices[d] ? 0 : 1;
      }
      return differing;
    };
    const auto best_of = [&](const char* name, const nlohmann::json& options) {
      const auto searcher = make_searcher(name, {space.get(), &set, 1}, options);
      Rng rng(seed);
      double best = 100;
      for (int i = 0; i < 100; ++i) {
        std::vector<Evaluated> results;
        for (const auto& arch : searcher->ask(10, rng)) {
          results.push_back({arch, {distance(arch)}});
          best = std::min(best, results.back().objectives[0]);
        }
        searcher->tell(results);
      }
      return best;
    };
    EXPECT_LE(best_of("evolution", {{"population", 32}, {"sample", 10}}), 2);
    EXPECT_GT(best_of("random", kDefaults), 2);
  }
}

TEST(Searchers, AreMadeByNameWithStrictOptions) {
  const auto space = make_space("nas_bench_macro");
  const FeasibleSet set(*space, space->default_input(), {});
  const Searched searched(*space, set, 1), nothing_wanted(*space, set, 0);
  const SearchProblem& problem = searched.problem;
  for (const auto& info : known_searchers()) {
    EXPECT_NE(make_searcher(info.name, problem, nullptr), nullptr);
    EXPECT_FALSE(info.summary.empty());
    const auto resolved = resolved_searcher_options(info.name, kDefaults);
    EXPECT_TRUE(resolved.is_object());
    EXPECT_EQ(resolved_searcher_options(info.name, resolved), resolved);
    ASSERT_EQ(searcher_settings(info.name).size(), resolved.size());
    for (const Setting& setting : searcher_settings(info.name))
      EXPECT_EQ(resolved.at(setting.name), setting.default_value);
    EXPECT_THROWS_WITH(make_searcher(info.name, problem, {{"populaton", 5}}), UsageError, "populaton");
    EXPECT_THROWS_WITH(make_searcher(info.name, problem, nlohmann::json::array()), UsageError, "must be a JSON object");
    EXPECT_THROWS_WITH(make_searcher(info.name, nothing_wanted.problem, kDefaults), UsageError,
                       "at least one objective");
  }
  EXPECT_THROWS_WITH(
      make_searcher("nsga3", problem, kDefaults), UsageError,
      "unknown searcher 'nsga3'; did you mean 'nsga2'? Known: random, local, evolution, nsga2, shiftnas");
  EXPECT_THROWS_WITH(make_searcher("evolution", problem, {{"population", 0}}), UsageError, "searcher.population = 0");
  EXPECT_THROWS_WITH(make_searcher("evolution", problem, {{"population", 5}, {"sample", 6}}), UsageError,
                     "searcher.sample = 6 is larger than searcher.population = 5");
  EXPECT_THROWS_WITH(make_searcher("nsga2", problem, {{"crossover", 1.5}}), UsageError, "searcher.crossover = 1.5");
  EXPECT_THROWS_WITH(make_searcher("nsga2", problem, {{"mutations", "many"}}), UsageError, "must be a number");
  EXPECT_EQ(resolved_searcher_options("nsga2", {{"population", 8}}).at("population"), 8);
}

// A partial table: every seventh network of the space.
TEST(Searchers, ProposeOnlyWhatCanBeMeasuredAndAllOfIt) {
  const auto space = make_space("nas_bench_macro");
  const FeasibleSet all(*space, space->default_input(), {});
  const FeasibleSet set(*space, space->default_input(), {.max_macs = 80'000'000, .max_params = {}});
  std::vector<Architecture> table;
  std::set<Architecture> within;
  Rng draws(1);
  for (int i = 0; i < 900; ++i) table.push_back(all.draw(draws));
  std::sort(table.begin(), table.end());
  table.erase(std::unique(table.begin(), table.end()), table.end());
  for (const auto& arch : table)
    if (set.contains(arch)) within.insert(arch);
  ASSERT_GT(within.size(), 100U);
  ASSERT_LT(within.size(), table.size());
  for (const auto& info : known_searchers())
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      SCOPED_TRACE(info.name + ", seed " + std::to_string(seed));
      const Searched searched(*space, set, 2, &table);
      const auto searcher = make_searcher(info.name, searched.problem, small_population(info.name));
      Rng rng(seed);
      std::set<Architecture> seen;
      for (;;) {
        const auto batch = searcher->ask(13, rng);
        if (batch.empty()) break;
        for (const auto& arch : batch) ASSERT_TRUE(seen.insert(arch).second);
        searcher->tell(evaluate(set, batch));
      }
      EXPECT_EQ(seen, within);
    }
}

TEST(Searchers, RefuseResultsThatAreNone) {
  const auto space = make_space("nas_bench_macro");
  const FeasibleSet set(*space, space->default_input(), {});
  for (const auto& info : known_searchers()) {
    const Searched searched(*space, set, 2);
    const auto searcher = make_searcher(info.name, searched.problem, kDefaults);
    const std::string before = searcher->save().dump();
    const Evaluated good{space->parse("00000001"), {0.5, 1}};
    const auto tell = [&](const Evaluated& bad) { searcher->tell(std::vector<Evaluated>{good, bad}); };
    EXPECT_THROWS_WITH(tell({space->parse("00000000"), {0.5}}), UsageError, "has 1 objectives, the search has 2");
    EXPECT_THROWS_WITH(tell({space->parse("00000000"), {0.5, std::nan("")}}), UsageError,
                       "result of 00000000: objective 1 is not a finite number");
    EXPECT_THROWS_WITH(tell({Architecture{{1, 2}}, {0.5, 1}}), InvalidArchitecture, "has 2 choices");
    EXPECT_EQ(searcher->save().dump(), before) << "nothing of a refused call is taken";
  }
}

TEST(Searchers, RefuseDamagedStates) {
  const auto space = make_space("nas_bench_macro"), other = make_space("mobile_cnn");
  const FeasibleSet set(*space, space->default_input(), {}), other_set(*other, other->default_input(), {});
  const Searched elsewhere(*other, other_set, 2);
  for (const auto& info : known_searchers()) {
    SCOPED_TRACE(info.name);
    const Searched searched(*space, set, 2);
    const auto searcher = make_searcher(info.name, searched.problem, small_population(info.name));
    Rng rng(1);
    searcher->tell(evaluate(set, searcher->ask(30, rng)));
    const nlohmann::json good = searcher->save();
    const auto refuse = [&](const nlohmann::json& state, const char* message) {
      EXPECT_THROWS_WITH(searcher->load(state), UsageError, message);
      EXPECT_EQ(searcher->save(), good) << "a refused state changes nothing";
    };
    refuse(nullptr, "saved search state");
    refuse(nlohmann::json::array(), "saved search state");
    refuse(kDefaults, "saved search state");
    refuse(make_searcher(info.name, elsewhere.problem, kDefaults)->save(), "in space 'mobile_cnn'");
    for (const auto& [key, value] : good.items()) {
      nlohmann::json state = good;
      state.erase(key);
      refuse(state, "saved search state");
      state[key] = "nonsense";
      refuse(state, "saved search state");
      state[key] = nlohmann::json::array({nlohmann::json::array({9, 9, 9, 9, 9, 9, 9, 9})});
      refuse(state, "saved search state");
    }
  }
}

}  // namespace
}  // namespace frontier
