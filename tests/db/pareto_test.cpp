#include "db/pareto.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/errors.h"
#include "common/rng.h"
#include "db/store.h"
#include "sample.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

using Keys = std::vector<std::string>;

Keys keys_of(const Front& front) {
  Keys keys;
  for (const Result& result : front.results) keys.push_back(result.architecture.canonical);
  return keys;
}

class FrontTest : public ::testing::Test {
 protected:
  Front front(const char* objectives, const Filter& filter = {}, Mixing mixing = Mixing::kRefuse) {
    return store_.pareto(parse_objectives(objectives), filter, mixing);
  }

  frontier::testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "results.db";
  Store store_{file_, Store::Mode::kReadWrite};
};

TEST_F(FrontTest, EqualsBruteForceOnRandomResults) {
  const std::vector<std::string> metrics = {"top1", "latency_ms", "memory"};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Rng rng(seed);
    const std::string file = folder_ / (std::to_string(seed) + ".db");
    Store store(file, Store::Mode::kReadWrite);
    std::vector<Evaluation> all;
    for (int i = 0; i < 60; ++i) {
      Evaluation e = sample(std::to_string(i), 0.5, static_cast<std::int64_t>(1000 * (1 + rng.below(12))));
      e.metrics.clear();
      for (const auto& name : metrics) e.metrics[name] = static_cast<double>(rng.below(10)) / 10;
      all.push_back(e);
    }
    store.record(all);
    for (std::size_t dims = 2; dims <= 4; ++dims) {
      std::vector<Objective> objectives = {{"macs", Direction::kMin}};
      for (std::size_t d = 0; d + 1 < dims; ++d)
        objectives.push_back({metrics[d], d == 0 ? Direction::kMax : Direction::kMin});
      const auto value = [&](const Evaluation& e, const Objective& o) {
        const double x = o.name == "macs" ? static_cast<double>(e.architecture.macs) : e.metrics.at(o.name);
        return o.direction == Direction::kMin ? x : -x;
      };
      Keys expected;
      for (const Evaluation& e : all) {
        const bool dominated = std::any_of(all.begin(), all.end(), [&](const Evaluation& other) {
          bool better = false;
          for (const Objective& o : objectives) {
            if (value(other, o) > value(e, o)) return false;
            better = better || value(other, o) < value(e, o);
          }
          return better;
        });
        if (!dominated) expected.push_back(e.architecture.canonical);
      }
      const Front found = store.pareto(objectives, {});
      EXPECT_THAT(keys_of(found), ::testing::UnorderedElementsAreArray(expected)) << dims << " objectives";
      EXPECT_EQ(found.num_considered, 60U);
      EXPECT_TRUE(std::is_sorted(found.results.begin(), found.results.end(), [](const Result& a, const Result& b) {
        return a.architecture.macs < b.architecture.macs;
      }));
    }
  }
}

TEST_F(FrontTest, CountsOnlyResultsWithAllObjectives) {
  Evaluation with = sample("with", 0.8);
  with.metrics["latency_ms"] = 3;
  store_.record(std::vector{sample("without", 0.9), with});
  EXPECT_EQ(keys_of(front("top1:max,latency_ms:min")), Keys{"with"});
  EXPECT_EQ(front("top1:max,latency_ms:min").num_considered, 1U);
  EXPECT_EQ(keys_of(front("top1:max")), Keys{"without"});
}

TEST_F(FrontTest, TakesCostsAndSecondsAsObjectives) {
  Evaluation slow = sample("slow", 0.9, 500);
  slow.seconds = 9;
  store_.record(std::vector{sample("fast", 0.9, 2000), slow});
  EXPECT_EQ(keys_of(front("macs:min")), Keys{"slow"});
  EXPECT_EQ(keys_of(front("params:max")), Keys{"fast"});
  EXPECT_EQ(keys_of(front("seconds:min")), Keys{"fast"});
  EXPECT_EQ(keys_of(front("seconds:min,macs:min")), (Keys{"fast", "slow"}));
}

TEST_F(FrontTest, FiltersBeforeItChooses) {
  const std::int64_t run = store_.begin_run({.kind = "search", .space = "toy"});
  Evaluation mine = sample("mine", 0.5, 3000);
  mine.run = run;
  store_.record(std::vector{sample("best", 0.9, 1000), sample("large", 0.95, 9000), mine});
  EXPECT_EQ(keys_of(front("top1:max,macs:min")), (Keys{"large", "best"}));
  EXPECT_EQ(keys_of(front("top1:max,macs:min", {.where = parse_where("top1<0.9 and loss>0")})), Keys{"mine"});
  EXPECT_EQ(keys_of(front("top1:max,macs:min", {.run = run})), Keys{"mine"});
  EXPECT_EQ(keys_of(front("top1:max,macs:min", {.run = run, .where = parse_where("macs>5k")})), Keys{});
  EXPECT_EQ(keys_of(front("top1:max", {.space = "toy", .dataset = "fashion_mnist", .where = parse_where("macs<5k")})),
            Keys{"best"});
}

TEST_F(FrontTest, RefusesToMixProtocols) {
  Evaluation test = sample("a", 0.8);
  test.protocol.split = "test";
  Evaluation seeded = sample("a", 0.7);
  seeded.protocol.seed = 4;
  store_.record(std::vector{sample("a", 0.9), sample("b", 0.91), test, seeded});
  EXPECT_THROWS_WITH(front("top1:max,macs:min"), UsageError,
                     "measured under 3 protocols, and such numbers do not belong in one front; choose one (the start "
                     "of a value is enough), as in\n"
                     "  frontier pareto --split search --seed 0\n"
                     "  (or --run), or allow it with --mix-protocols:\n"
                     "  split   seed  results\n"
                     "  search  0           2\n");
  EXPECT_THROWS_WITH(front("top1:max", {.split = "search"}), MixedProtocols, "\n  frontier pareto --seed 0\n");
  EXPECT_EQ(keys_of(front("top1:max", {.split = "search", .seed = 0})), Keys{"b"});
  EXPECT_EQ(keys_of(front("top1:max", {.split = "test"})), Keys{"a"});
  EXPECT_EQ(keys_of(front("top1:max", {.split = "te"})), Keys{"a"});
  EXPECT_THROWS_WITH(front("top1:max", {.split = "tes_t"}), UsageError,
                     "no results with 'tes_t'; did you mean 'test'?");
  EXPECT_EQ(front("top1:max", {}, Mixing::kAllow).num_considered, 4U);
}

TEST_F(FrontTest, RefusesUnknownObjectives) {
  add(store_, sample("a"));
  EXPECT_THROWS_WITH(front("acc:max"), UsageError, "unknown objective 'acc'; ");
  EXPECT_THROWS_WITH(front("top_1:max"), UsageError,
                     "did you mean 'top1'? In this database: macs, params, seconds, loss, top1");
  EXPECT_THROWS_WITH(front("seed:min"), UsageError, "unknown objective 'seed'; ");
  EXPECT_THROWS_WITH(store_.pareto({}, {}), UsageError, "at least one objective");
}

TEST_F(FrontTest, OfNothingIsEmpty) {
  EXPECT_THROWS_WITH(front("top1:max"), UsageError, "unknown objective 'top1'; " + file_ + " holds no results yet");
  EXPECT_TRUE(front("macs:min").results.empty());
}

/// A network trained from scratch with one recipe.
Evaluation trained(const std::string& key, std::int64_t seed, double top1, std::int64_t macs = 1000) {
  Evaluation e = sample(key, top1, macs);
  e.protocol = {.evaluator = "scratch", .dataset = "toy_data", .split = "test", .seed = seed, .recipe = "1a2b3c4d"};
  e.metrics = {{"top1", top1}, {"images", 100}};
  e.seconds = static_cast<double>(10 + seed);
  return e;
}

class MeanFrontTest : public FrontTest {
 protected:
  MeanFront means(const char* objectives, const Filter& filter = {}, Mixing mixing = Mixing::kRefuse) {
    return store_.pareto_of_means(parse_objectives(objectives), filter, mixing);
  }
  static Keys keys_of(const MeanFront& front) {
    Keys keys;
    for (const MeanResult& result : front.results) keys.push_back(result.mean.architecture.canonical);
    return keys;
  }
};

TEST_F(MeanFrontTest, AveragesWhatDiffersInItsSeedAlone) {
  store_.record(std::vector{trained("a", 2, 0.70), trained("a", 1, 0.80), trained("a", 3, 0.90), trained("b", 1, 0.85),
                            trained("c", 1, 0.90, 2000), trained("c", 2, 0.86, 2000)});
  EXPECT_THROWS_WITH(front("top1:max,macs:min"), MixedProtocols, "under 3 protocols");
  const MeanFront found = means("top1:max,macs:min");
  EXPECT_EQ(found.num_considered, 3U);
  ASSERT_EQ(keys_of(found), (Keys{"c", "b"}));  // a's best seed is above both, its mean below

  const MeanFront of_a = means("top1:max", {.where = parse_where("macs<=1000 and top1<0.82")});
  ASSERT_EQ(keys_of(of_a), Keys{"a"});
  EXPECT_EQ(of_a.num_considered, 1U) << "the means are asked, not their seeds";
  const MeanResult& a = of_a.results.front();
  EXPECT_NEAR(a.mean.metrics.at("top1"), 0.8, 1e-12);
  EXPECT_EQ(a.mean.metrics.at("images"), 100);
  EXPECT_NEAR(a.mean.seconds, 12, 1e-12);
  // Deviation 0.1 over the root of three seeds.
  EXPECT_NEAR(a.standard_errors.at("top1"), 0.1 / std::sqrt(3), 1e-12);
  EXPECT_NEAR(a.standard_errors.at("seconds"), 1 / std::sqrt(3), 1e-12);
  EXPECT_EQ(a.standard_errors.size(), 2U);
  std::vector<std::int64_t> seeds;
  for (const Result& result : a.results) seeds.push_back(result.protocol.seed);
  EXPECT_EQ(seeds, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_TRUE(
      means("top1:max", {.where = parse_where("top1>0.82 and macs=1000")}).results.front().standard_errors.empty())
      << "of b, which has one seed";
}

TEST_F(MeanFrontTest, IsTheFrontOfTheMeansWhateverTheSeeds) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Rng rng(seed);
    Store store(folder_ / (std::to_string(seed) + ".db"), Store::Mode::kReadWrite);
    std::map<std::string, std::pair<double, std::int64_t>> expected;  // mean, MACs
    std::vector<Evaluation> all;
    for (int i = 0; i < 20; ++i) {
      const std::string key = std::to_string(i);
      const auto macs = static_cast<std::int64_t>(1 + rng.below(8));
      const int seeds = 1 + static_cast<int>(rng.below(4));
      double sum = 0;
      for (int s = 0; s < seeds; ++s) {
        all.push_back(trained(key, s, rng.uniform(), macs));
        sum += all.back().metrics["top1"];
      }
      expected[key] = {sum / seeds, macs};
    }
    store.record(all);
    std::set<std::string> best;
    for (const auto& [key, one] : expected) {
      const auto beats = [&one = one](const auto& other) {
        return other.second.first >= one.first && other.second.second <= one.second && other.second != one;
      };
      if (std::none_of(expected.begin(), expected.end(), beats)) best.insert(key);
    }
    const auto found = keys_of(store.pareto_of_means(parse_objectives("top1:max,macs:min"), {}));
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), best);
  }
}

TEST_F(MeanFrontTest, OtherDifferencesAreStillOfAnotherProtocol) {
  Evaluation other = trained("a", 3, 0.6), split = trained("a", 1, 0.5), built = trained("a", 4, 0.9);
  other.protocol.recipe = "00000000";
  split.protocol.split = "search";
  built.architecture.built_for = "3x32x32/10";
  store_.record(std::vector{trained("a", 1, 0.7), trained("a", 2, 0.8), other, split, built});
  EXPECT_THROWS_WITH(means("top1:max"), MixedProtocols, "under 3 protocols");
  EXPECT_THROWS_WITH(means("top1:max"), MixedProtocols, "frontier pareto --mean --split test --recipe 1a2b3c4d\n");
  EXPECT_EQ(means("top1:max", {.split = "test", .recipe = "1a2b3c4d"}).num_considered, 2U) << "with two inputs";
  EXPECT_EQ(means("top1:max", {}, Mixing::kAllow).num_considered, 4U);
  EXPECT_THROWS_WITH(means("topl:max"), UsageError, "unknown objective 'topl'");
  EXPECT_THROWS_WITH(means("top1:max", {.where = parse_where("topl>1")}), UsageError, "--where: unknown field 'topl'");
}

}  // namespace
}  // namespace frontier
