#include "db/pareto.h"

#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace frontier
