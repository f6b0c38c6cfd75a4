#include "db/store.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/errors.h"
#include "sample.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

using frontier::testing::TemporaryFolder;

class StoreTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  std::string file_ = folder_ / "results.db";
};

TEST_F(StoreTest, KeepsStatisticsToTheByteAndTheFirstOfAnEvaluation) {
  Store store(file_, Store::Mode::kReadWrite);
  Evaluation e = sample("a");
  const std::string kept = e.statistics = std::string("\0\xff\x80 bytes\0", 10);
  add(store, e);
  e.statistics = "others";
  add(store, e);
  const Protocol& p = kSampleProtocol;
  const auto found = [&](std::string_view space, std::string_view key, std::string_view checkpoint,
                         std::string_view calibration) {
    return store.statistics(space, "1x28x28/10", key, checkpoint, calibration);
  };
  EXPECT_EQ(found("toy", "a", p.checkpoint, p.calibration), kept);
  EXPECT_EQ(found("toy", "b", p.checkpoint, p.calibration), std::nullopt);
  EXPECT_EQ(found("other", "a", p.checkpoint, p.calibration), std::nullopt);
  EXPECT_EQ(found("toy", "a", "89abcdef", p.calibration), std::nullopt);
  EXPECT_EQ(found("toy", "a", p.checkpoint, "otherwise"), std::nullopt);
  add(store, sample("b"));
  EXPECT_EQ(found("toy", "b", p.checkpoint, p.calibration), std::nullopt);
  EXPECT_EQ(cell_of(file_, "SELECT typeof(tensors) FROM statistics"), "blob");
}

TEST_F(StoreTest, ReturnsWhatWasRecorded) {
  Evaluation e = sample("a", 0.875, 123456);
  e.metrics["latency_ms"] = 1.0 / 3;
  e.protocol.seed = -5;
  {
    Store store(file_, Store::Mode::kReadWrite);
    e.run = store.begin_run({.kind = "search", .space = "toy"});
    EXPECT_EQ(add(store, e), 1);
  }
  const Store store("sqlite:///" + file_, Store::Mode::kReadOnly);
  const auto found = store.find("toy", "1x28x28/10", "a", e.protocol);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, 1);
  EXPECT_EQ(found->metrics, e.metrics);  // to the last bit
  EXPECT_EQ(found->protocol, e.protocol);
  EXPECT_EQ(found->architecture.arch, "arch-a");
  EXPECT_EQ(found->architecture.canonical, "a");
  EXPECT_EQ(found->architecture.space, "toy");
  EXPECT_EQ(found->architecture.built_for, "1x28x28/10");
  EXPECT_EQ(found->architecture.macs, 123456);
  EXPECT_EQ(found->architecture.params, 12345);
  EXPECT_EQ(found->seconds, 0.5);
  EXPECT_EQ(found->run, e.run);
  EXPECT_THAT(found->created, ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
}

TEST_F(StoreTest, FindsOnlyTheSameArchitectureAndProtocol) {
  Store store(file_, Store::Mode::kReadWrite);
  EXPECT_FALSE(store.find("toy", "1x28x28/10", "a", kSampleProtocol)) << "in an empty store";
  add(store, sample("a"));
  EXPECT_TRUE(store.find("toy", "1x28x28/10", "a", kSampleProtocol));
  EXPECT_FALSE(store.find("toy", "1x28x28/10", "b", kSampleProtocol));
  EXPECT_FALSE(store.find("toy", "3x32x32/10", "a", kSampleProtocol));
  EXPECT_FALSE(store.find("other", "1x28x28/10", "a", kSampleProtocol));
  for (std::string Protocol::*field :
       {&Protocol::evaluator, &Protocol::checkpoint, &Protocol::dataset, &Protocol::split, &Protocol::fidelity,
        &Protocol::calibration, &Protocol::recipe}) {
    Protocol other = kSampleProtocol;
    other.*field += "x";
    EXPECT_FALSE(store.find("toy", "1x28x28/10", "a", other));
  }
  Protocol other = kSampleProtocol;
  other.seed = 1;
  EXPECT_FALSE(store.find("toy", "1x28x28/10", "a", other));
}

TEST_F(StoreTest, FindManyAnswersInOrder) {
  Store store(file_, Store::Mode::kReadWrite);
  store.record(std::vector{sample("a", 0.1), sample("b", 0.2), sample("c", 0.3)});
  const std::vector<std::string> keys = {"c", "none", "a", "c"};
  const auto found = store.find_many("toy", "1x28x28/10", keys, kSampleProtocol);
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0]->metrics.at("top1"), 0.3);
  EXPECT_FALSE(found[1]);
  EXPECT_EQ(found[2]->metrics.at("top1"), 0.1);
  EXPECT_EQ(found[3]->id, found[0]->id);
}

TEST_F(StoreTest, RecordingAgainKeepsTheFirstAndAddsMetrics) {
  Store store(file_, Store::Mode::kReadWrite);
  const std::int64_t id = add(store, sample("a", 0.9));
  Evaluation again = sample("a", 0.9);
  again.metrics["top5"] = 0.99;
  again.seconds = 7;
  again.run = store.begin_run({.kind = "search", .space = "toy"});
  EXPECT_EQ(add(store, again), id);
  const auto results = store.results();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].metrics, (std::map<std::string, double>{{"loss", 1 - 0.9}, {"top1", 0.9}, {"top5", 0.99}}));
  EXPECT_FALSE(results[0].run) << "measured before that run";
  EXPECT_EQ(results[0].seconds, 0.5) << "what it took then";
  EXPECT_EQ(store.results({.run = again.run}).size(), 1U) << "but selected by it";
}

TEST_F(StoreTest, ASecondNumberForTheSameKeyIsRefusedAndNothingIsStored) {
  Store store(file_, Store::Mode::kReadWrite);
  Evaluation first = sample("a", 0.9);
  first.protocol.recipe = "1a2b3c4d";
  add(store, first);
  Evaluation second = first;
  second.metrics["top1"] = 0.5;
  second.metrics["top5"] = 0.99;
  const std::vector both = {sample("b"), second};
  EXPECT_THROWS_WITH(store.record(both), UsageError,
                     " already holds top1 = 0.9 of toy arch-a (supernet, 0123abcd, fashion_mnist, search, 10000 "
                     "images, recalibrated, seed 0, recipe 1a2b3c4d), not 0.5; nothing is stored");
  ASSERT_EQ(store.results().size(), 1U);
  EXPECT_EQ(store.results().front().metrics.size(), 2U);
  second.protocol.recipe = "5e6f7081";
  add(store, second);
  EXPECT_EQ(store.results({.recipe = "5e6f7081"}).front().metrics.at("top1"), 0.5);
  EXPECT_EQ(store.results().size(), 2U);
}

TEST_F(StoreTest, OneArchitectureHasCostsPerInput) {
  Store store(file_, Store::Mode::kReadWrite);
  Evaluation large = sample("a", 0.8, 5000000);
  large.architecture.built_for = "3x224x224/1000";
  store.record(std::vector{sample("a"), large});
  EXPECT_EQ(store.results().size(), 2U);
  EXPECT_THROWS_WITH(add(store, sample("a", 0.9, 999)), Error,
                     "holds toy arch-a with 1000000 MACs and 100000 parameters, not 999 and 99");
}

TEST_F(StoreTest, AgreeingNumbersAreAddedAndOthersRefused) {
  Store store(file_, Store::Mode::kReadWrite);
  const auto agree = [&](const Evaluation& e) {
    const Recorded r = store.record_agreeing({&e, 1});
    return std::vector<std::size_t>{r.new_evaluations, r.new_values, r.known_values};
  };
  Evaluation e = sample("a", 0.9);
  e.seconds = 0;
  EXPECT_EQ(agree(e), (std::vector<std::size_t>{1, 2, 0}));
  EXPECT_EQ(agree(e), (std::vector<std::size_t>{0, 0, 2}));
  e.metrics["latency_ms.raspi4"] = 3;
  e.seconds = 12;
  EXPECT_EQ(agree(e), (std::vector<std::size_t>{0, 2, 2}));
  e.metrics["top1"] = std::nextafter(0.9, 1.0);
  EXPECT_EQ(agree(e), (std::vector<std::size_t>{0, 0, 4}));
  EXPECT_EQ(store.results().front().metrics.at("top1"), 0.9);
  EXPECT_EQ(store.results().front().seconds, 12);
  e.metrics = {{"top1", 0.5}, {"top5", 0.9}};
  EXPECT_THROWS_WITH(agree(e), UsageError,
                     file_ +
                         " already holds top1 = 0.9 of toy arch-a (supernet, 0123abcd, fashion_mnist, search, "
                         "10000 images, recalibrated, seed 0), not 0.5; nothing is stored");
  e.metrics = {{"top5", 0.9}};
  e.seconds = 13;
  const std::vector both = {sample("b"), e};
  EXPECT_THROWS_WITH(store.record_agreeing(both), UsageError, "already holds seconds = 12 of toy arch-a");
  ASSERT_EQ(store.results().size(), 1U);
  EXPECT_EQ(store.results().front().metrics.size(), 3U);
}

TEST_F(StoreTest, RefusesNumbersThatAreNotFinite) {
  Store store(file_, Store::Mode::kReadWrite);
  EXPECT_THROWS_WITH(add(store, sample("a", std::nan(""))), Error, "loss of toy arch-a is nan, not a finite number");
  EXPECT_THROWS_WITH(add(store, sample("a", INFINITY)), Error, "loss of toy arch-a is -inf");
  EXPECT_THROWS_WITH(store.record(std::vector{sample("good"), sample("bad", NAN)}), Error, "arch-bad");
  EXPECT_TRUE(store.results().empty()) << "the good one of a refused batch was kept";
  Evaluation bad_name = sample("a");
  bad_name.metrics["top 1"] = 1;
  EXPECT_THROWS_WITH(add(store, bad_name), UsageError, "metric name 'top 1'");
  Evaluation reserved = sample("a");
  reserved.metrics["macs"] = 1;
  EXPECT_THROWS_WITH(add(store, reserved), UsageError, "metric name 'macs'");
}

TEST_F(StoreTest, TransactionsKeepAllOrNothing) {
  Store store(file_, Store::Mode::kReadWrite);
  const std::int64_t run = store.begin_run({.kind = "search", .space = "toy"});
  {
    const Store::Transaction transaction(store);
    add(store, sample("a"));
    store.put_run_state(run, "searcher", "generation 1");
  }
  EXPECT_TRUE(store.results().empty());
  EXPECT_FALSE(store.get_run_state(run, "searcher"));
  {
    Store::Transaction transaction(store);
    add(store, sample("a"));
    EXPECT_THROW(add(store, sample("b", NAN)), Error);
    {
      const Store::Transaction inner(store);
      add(store, sample("c"));
    }
    store.put_run_state(run, "searcher", "generation 1");
    transaction.commit();
  }
  ASSERT_EQ(store.results().size(), 1U) << "what failed or was not committed inside took the rest with it";
  EXPECT_EQ(store.results()[0].architecture.canonical, "a");
  EXPECT_EQ(store.get_run_state(run, "searcher"), "generation 1");
}

TEST_F(StoreTest, LinksReusedResultsToARun) {
  Store store(file_, Store::Mode::kReadWrite);
  const std::int64_t first = store.begin_run({.kind = "search", .space = "toy"});
  const std::int64_t second = store.begin_run({.kind = "search", .space = "toy"});
  Evaluation e = sample("a");
  e.run = first;
  const std::vector ids = {add(store, e)};
  store.link(second, ids);
  store.link(second, ids);
  EXPECT_EQ(store.results({.run = second}).size(), 1U);
  EXPECT_EQ(store.results({.run = second})[0].run, first);
  EXPECT_THROWS_WITH(store.link(9, ids), UsageError, "no run 9 in " + file_ + "; its runs are 1 to 2");
  e.run = 9;
  EXPECT_THROWS_WITH(add(store, e), UsageError, "no run 9");
  EXPECT_THROWS_WITH(store.results({.run = 9}), UsageError, "no run 9");
}

TEST_F(StoreTest, ResultsFilterAndLimit) {
  Store store(file_, Store::Mode::kReadWrite);
  for (int i = 0; i < 10; ++i) add(store, sample(std::to_string(i), 0.5 + 0.05 * i, 1000000 * (i + 1)));
  Evaluation test = sample("3", 0.6, 4000000);
  test.protocol.split = "test";
  add(store, test);
  EXPECT_EQ(store.results({.where = parse_where("macs<=4M")}).size(), 5U);
  EXPECT_EQ(store.results({.split = "search", .where = parse_where("macs<=4M and top1>=0.6")}).size(), 2U);
  EXPECT_EQ(
      store.results({.where = parse_where("macs!=4M and params>500k and seed=0 and seconds<1 and loss<0.19")}).size(),
      3U);
  EXPECT_EQ(
      store.results({.space = "toy", .evaluator = "supernet", .dataset = "fashion_mnist", .split = "test"}).size(), 1U);
  EXPECT_EQ(store.results({}, 4).size(), 4U);
  EXPECT_EQ(store.results({}, 4)[3].id, 4);
  EXPECT_EQ(store.results({}, 0).size(), 0U);
}

TEST_F(StoreTest, FiltersRefuseNamesThatAreNotThere) {
  Store store(file_, Store::Mode::kReadWrite);
  EXPECT_THROWS_WITH(store.results({.space = "toy"}), UsageError, "holds no results yet");
  add(store, sample("a"));
  EXPECT_THROWS_WITH(store.results({.space = "tpy"}), UsageError,
                     "--space: no results with 'tpy'; did you mean 'toy'? In this database: 'toy'");
  EXPECT_THROWS_WITH(store.results({.split = "tset"}), UsageError, "--split: no results with 'tset'");
  EXPECT_THROWS_WITH(store.results({.seed = 7}), UsageError, "--seed: no results with '7'; in this database: '0'");
  EXPECT_THROWS_WITH(store.results({.dataset = "x' OR 1=1 --"}), UsageError,
                     "--dataset: no results with 'x' OR 1=1 --'");
  EXPECT_THROWS_WITH(
      store.results({.where = parse_where("topl>0.5")}), UsageError,
      "--where: unknown field 'topl'; did you mean 'top1'? In this database: macs, params, seconds, seed, loss, top1");
}

TEST_F(StoreTest, TheViewShowsOneRowAnEvaluation) {
  Store store(file_, Store::Mode::kReadWrite);
  add(store, sample("a", 0.75));
  Evaluation other = sample("b", 0.5);
  other.metrics = {{"synflow", 12.5}};
  add(store, other);
  EXPECT_EQ(
      rows_of(file_,
              "SELECT space, arch, macs, top1, top5, metrics, evaluator, split, run FROM results ORDER BY evaluation"),
      (std::vector<std::string>{R"(toy|arch-a|1000000|0.75|NULL|{"loss":0.25,"top1":0.75}|supernet|search|NULL)",
                                R"(toy|arch-b|1000000|NULL|NULL|{"synflow":12.5}|supernet|search|NULL)"}));
}

TEST_F(StoreTest, TextComesBackAsItWas) {
  Store store(file_, Store::Mode::kReadWrite);
  Evaluation e = sample("'; DROP TABLE runs; --");
  e.architecture.arch = "größe|~3\"x\n";
  e.protocol.fidelity = "";
  add(store, e);
  const auto found = store.find("toy", "1x28x28/10", "'; DROP TABLE runs; --", e.protocol);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->architecture.arch, e.architecture.arch);
}

TEST_F(StoreTest, ReadsWholeTablesOfOneProtocol) {
  Store store(file_, Store::Mode::kReadWrite);
  // Two protocols and two shapes, their rows in turn.
  for (int i = 0; i < 30; ++i) {
    Evaluation e = sample("a" + std::to_string(i / 3), 0.5 + 0.01 * i, 1000 + i / 3);
    if (i % 3 == 1) e.protocol.split = "test";
    if (i % 3 == 2) e.architecture.built_for = "3x32x32/10";
    if (i % 3 == 1 && i > 10) e.metrics["latency_ms.phone"] = i;
    add(store, e);
  }
  const auto tables = store.tables();
  ASSERT_EQ(tables.size(), 3U);
  EXPECT_EQ(tables[0].built_for, "1x28x28/10");
  EXPECT_EQ(tables[0].protocol, kSampleProtocol);
  EXPECT_EQ(tables[1].protocol.split, "test");
  EXPECT_EQ(tables[2].built_for, "3x32x32/10");
  for (const auto& table : tables) EXPECT_EQ(table.num_results, 10);
  Filter filter;
  filter.split = "test";
  EXPECT_EQ(store.tables(filter).size(), 1U);

  const auto all = store.results();
  for (const auto& table : tables) {
    std::vector<Result> expected;
    for (const auto& result : all)
      if (result.protocol == table.protocol && result.architecture.built_for == table.built_for)
        expected.push_back(result);
    const auto found = store.table_results(table);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].id, expected[i].id);
      EXPECT_EQ(found[i].metrics, expected[i].metrics);
      EXPECT_EQ(found[i].seconds, expected[i].seconds);
      EXPECT_EQ(found[i].architecture.canonical, expected[i].architecture.canonical);
      EXPECT_EQ(found[i].architecture.macs, expected[i].architecture.macs);
      EXPECT_EQ(found[i].protocol, expected[i].protocol);
    }
  }
  ResultTable none = tables[0];
  none.protocol.dataset = "other";
  EXPECT_TRUE(store.table_results(none).empty());
}

}  // namespace
}  // namespace frontier
