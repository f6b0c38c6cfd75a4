#include "evaluators/tabular.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "support/messages.h"

namespace frontier {
namespace {

using Row = TabularBenchmark::Row;

TabularBenchmark sample(std::vector<Row> rows) {
  return TabularBenchmark(make_space("nas_bench_macro"), "toy, test split", std::move(rows));
}

TEST(TabularBenchmark, AnswersWhatTheTableSays) {
  const auto space = make_space("nas_bench_macro");
  const Architecture a = space->parse("00000000"), b = space->parse("22212220");
  TabularBenchmark table = sample({{a, {{{"top1", 0.5}, {"latency_ms.raspi4", 3}}, 12}}, {b, {{{"top1", 0.9}}, 30}}});
  const auto measured = table.evaluate(std::vector<Architecture>{b, a, b});
  ASSERT_EQ(measured.size(), 3U);
  EXPECT_EQ(measured[0].metrics, (std::map<std::string, double>{{"top1", 0.9}}));
  EXPECT_EQ(measured[0].seconds, 30);
  EXPECT_EQ(measured[1].metrics.at("latency_ms.raspi4"), 3);
  EXPECT_EQ(measured[1].seconds, 12);
  EXPECT_EQ(measured[2].metrics, measured[0].metrics);
  EXPECT_EQ(table.metrics(), std::vector<std::string>{"top1"}) << "what every row has";
  EXPECT_EQ(table.at(b), 1U);
  EXPECT_EQ(table.find(space->parse("11111111")), std::nullopt);
}

TEST(TabularBenchmark, NamesTheArchitectureThatItLacks) {
  const auto space = make_space("nas_bench_macro");
  TabularBenchmark table = sample({{space->parse("00000000"), {{{"top1", 0.5}}, 12}}});
  EXPECT_THROWS_WITH(table.evaluate(std::vector<Architecture>{space->parse("22212220")}), UsageError,
                     "the benchmark (toy, test split) has no value for 22212220; it holds 1 architectures of "
                     "'nas_bench_macro'");
  EXPECT_TRUE(sample({}).metrics().empty());
}

TEST(TabularBenchmark, KnowsArchitecturesByTheirCanonicalForm) {
  const auto space = make_space("nas_bench_201");
  // Nothing reaches the output node through node 1, whose only way on is `none`.
  const Architecture written =
      space->parse_as_written("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|");
  const Architecture canonical = space->canonical(written);
  ASSERT_NE(written, canonical);
  TabularBenchmark table(space, "toy", {{written, {{{"top1", 0.7}}, 1}}, {canonical, {{{"top1", 0.1}}, 1}}});
  EXPECT_EQ(table.rows().size(), 1U) << "of equal ones the first stays";
  EXPECT_EQ(table.evaluate(std::vector<Architecture>{written})[0].metrics.at("top1"), 0.7);
  EXPECT_EQ(table.evaluate(std::vector<Architecture>{canonical})[0].metrics.at("top1"), 0.7);
}

}  // namespace
}  // namespace frontier
