// Tables and maps in memory: what is read, averaged, stored and refused. import_program_test.cpp runs the program.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/options.h"
#include "search_spaces/registry.h"
#include "support/messages.h"
#include "support/temporary_folder.h"
#include "tables/benchmark_table.h"

namespace frontier {
namespace {

constexpr std::string_view kMap = R"({"arch": "arch", "results": [
  {"dataset": "cifar10", "split": "test", "fidelity": "12 epochs", "seed": 3,
   "metrics": {"top1": {"column": "acc", "scale": 0.01}, "latency_ms.cpu": "ms"}, "seconds": "s"}]})";

class Import : public ::testing::Test {
 protected:
  BenchmarkTable read(std::string_view table, std::string_view map = kMap, std::string_view joined = {}) const {
    std::optional<TableSource> second;
    if (!joined.empty()) second = TableSource{"second.csv", bytes_of(joined)};
    return read_benchmark_table({"t.csv", bytes_of(table)}, std::move(second),
                                read_import_map(parse_json(map, "m.json"), "m.json"), *space_, space_->default_input());
  }
  StoredTable store(const BenchmarkTable& table) {
    Store store(file_, Store::Mode::kReadWrite);
    return store_benchmark_table(store, table, *space_, {.kind = "import", .space = space_->name()});
  }
  std::vector<Result> results() const { return Store(file_, Store::Mode::kReadOnly).results(); }

  std::shared_ptr<const SearchSpace> space_ = make_space("nas_bench_macro");
  frontier::testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "r.db";
};

TEST_F(Import, StoresWhatTheMapSays) {
  const StoredTable stored = store(read("arch,acc,ms,s\n00000000,45.5,2,100\n22212220,93,,\n11111111,,,7\n"));
  EXPECT_EQ(stored.run, 1);
  EXPECT_EQ(stored.recorded.new_evaluations, 2U);
  EXPECT_EQ(stored.recorded.new_values, 4U);
  const auto found = results();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].architecture.canonical, "00000000");
  EXPECT_EQ(found[0].architecture.built_for, "3x32x32/10");
  EXPECT_EQ(found[0].architecture.params, 387882) << "the published table's";
  EXPECT_EQ(found[0].architecture.macs, 7713280);
  EXPECT_EQ(
      found[0].protocol,
      (Protocol{.evaluator = "benchmark", .dataset = "cifar10", .split = "test", .fidelity = "12 epochs", .seed = 3}));
  EXPECT_EQ(found[0].metrics, (std::map<std::string, double>{{"top1", 45.5 * 0.01}, {"latency_ms.cpu", 2}}));
  EXPECT_EQ(found[0].seconds, 100);
  EXPECT_EQ(found[1].metrics, (std::map<std::string, double>{{"top1", 93 * 0.01}})) << "an empty cell is no value";
  EXPECT_EQ(found[1].seconds, 0);
}

TEST_F(Import, TablesOfEveryFormSayTheSame) {
  const char* tables[] = {
      "arch,acc,ms,s\n00000000,45.5,2,100\n22212220,93,,\n",
      "arch;acc;ms;s\n00000000;45.5;2;100\n22212220;93;;\n",
      "arch\tacc\tms\ts\r\n00000000\t45.5\t2\t100\r\n22212220\t93\t\t\r\n",
      ",arch,acc,ms,s\n0,00000000,45.5,2,100\n1,22212220,93,,\n",  // pandas' index
      R"([{"arch": "00000000", "acc": 45.5, "ms": 2, "s": 100}, {"arch": "22212220", "acc": 93, "ms": null}])",
      "\xef\xbb\xbf \n[{\"acc\": \"45.5\", \"arch\": \"00000000\", \"ms\": 2, \"s\": 100.0},\n"
      "{\"arch\": \"22212220\", \"acc\": 93}]",
      R"({"arch": ["00000000", "22212220"], "acc": [45.5, 93], "ms": [2, null], "s": [100, null]})",
      R"({"arch": {"0": "00000000", "1": "22212220"}, "acc": {"0": 45.5, "1": 93}, "ms": {"0": 2, "1": null},
          "s": {"0": 100, "1": null}})"};
  for (const char* text : tables) {
    SCOPED_TRACE(text);
    const BenchmarkTable table = read(text);
    EXPECT_EQ(table.num_rows, 2);
    ASSERT_EQ(table.measured.size(), 2U);
    EXPECT_EQ(space_->to_string(table.networks[1].arch), "22212220");
    ASSERT_EQ(table.measured[0].metrics.size(), 2U);
    EXPECT_EQ(table.measured[0].metrics[0].second.mean(), 2) << "latency_ms.cpu";
    EXPECT_EQ(table.measured[0].metrics[1].second.mean(), 45.5 * 0.01) << "top1";
    EXPECT_EQ(table.measured[0].seconds.mean(), 100);
    EXPECT_EQ(table.measured[1].metrics.size(), 1U);
    EXPECT_EQ(table.measured[1].seconds.count, 0);
  }
}

TEST_F(Import, NamesThePlaceOfWhatIsWrongInJson) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([{"arch": "00000000", "acc": 1}, 7])", "t.csv, row 2: expected an object, saw 7"},
      {R"([{"arch": "00000000", "acc": [1]}])", "t.csv, row 1, column 'acc': expected a text or a number, saw [1]"},
      {R"([{"arch": "00000000", "acc": 1}, {"arch": "0000000x", "acc": 1}])", "t.csv, row 2, column 'arch'"},
      {R"([{"arch": "00000000", "acc": "one"}])", "t.csv, row 1, column 'acc': 'one' is not a finite number"},
      {R"([{"arch": "00000000"}])", "t.csv has no column 'acc'"},
      {R"({"arch": ["00000000"], "acc": [1, 2], "ms": [], "s": []})", "column 'arch' has 1 rows, column 'acc' has 2"},
      {R"({"acc": {"0": 1}, "arch": {"1": "00000000"}})", "t.csv: column 'arch' has other rows than column 'acc'"},
      {R"({"error": 404})", "t.csv: expected an array of objects, or an object of columns; saw 'error': 404"},
      {"[{\"arch\": 1,]", "t.csv is not valid JSON: line 1, column 13"},
      {"[]", "t.csv names no column"},
      {R"({"arch": [], "acc": [], "ms": [], "s": []})", "t.csv has a header, but no row"}};
  const std::string simple = R"({"arch": "arch", "results": [{"dataset": "d", "metrics": {"loss": "acc"}}]})";
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(text);
    EXPECT_THROWS_WITH(read(text, simple), UsageError, message);
  }
  const std::string unnamed = R"({"arch": "arch", "results": [{"dataset": "d", "metrics": {"top1": {"column": ""}}}]})";
  EXPECT_THROW(read(",arch\n1,00000000\n", unnamed), UsageError);
}

TEST_F(Import, AveragesRowsOfTheSameNetwork) {
  space_ = make_space("nas_bench_201");
  const std::string dead = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
  const std::string dead_too = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|";
  const std::string other = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|";
  const BenchmarkTable table =
      read("arch,acc,ms,s\n" + dead + ",10,1,4\n" + other + ",50,5,\n" + dead_too + ",12,,8\n" + dead_too + ",,,\n");
  EXPECT_EQ(table.num_rows, 4);
  EXPECT_EQ(table.num_rows_without_value, 1);
  EXPECT_EQ(table.networks.size(), 2U);
  EXPECT_EQ(table.num_averaged(), 1);
  store(table);
  const auto found = results();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_DOUBLE_EQ(found[0].metrics.at("top1"), 0.11);
  EXPECT_EQ(found[0].metrics.at("latency_ms.cpu"), 1) << "over the values that are there";
  EXPECT_EQ(found[0].seconds, 6);
  EXPECT_EQ(found[0].architecture.canonical, dead);
}

TEST_F(Import, TakesTheProtocolFromColumns) {
  const std::string map = R"({"arch": {"column": "arch"}, "results": [
    {"dataset": {"column": "data"}, "split": {"column": "split"}, "fidelity": {"column": "fid"},
     "calibration": {"column": "bn"}, "seed": {"column": "seed"}, "metrics": {"top1": "acc"}}]})";
  store(read("arch,data,split,fid,bn,seed,acc\n00000000,a,b,c,d,5,0.5\n00000000,a,b,c,d,6,0.7\n00000000,,,,,,\n", map));
  const auto found = results();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].protocol, (Protocol{"benchmark", "", "a", "b", "c", "d", 6}));
  const auto refused = [&](const std::string& row, const char* message) {
    EXPECT_THROWS_WITH(read("arch,data,split,fid,bn,seed,acc\n" + row + "\n", map), UsageError, message);
  };
  refused("00000000,,b,c,d,5,0.5", "t.csv, line 2, column 'data': '' is empty");
  refused("00000000,a,b,c,d,,0.5", "t.csv, line 2, column 'seed': '' is not a whole number");
  refused("00000000,a,b,c,d,1.5,0.5", "column 'seed': '1.5' is not a whole number");
  refused("00000000,a,\"b\nb\",c,d,1,0.5", "column 'split': 'b\\x0ab' holds control characters");
  refused("00000000,a,b,c\xff,d,1,0.5", "column 'fid'");
  refused("00000000,a,b,c\xff,d,1,0.5", "is not valid UTF-8");
  refused("00000000,a,b,c," + std::string(201, 'x') + ",1,0.5", "is longer than 200 bytes");
}

TEST_F(Import, ComposesTheArchitectureFromColumns) {
  const std::string map = R"({"arch": "{head}2{{}}{tail}", "results": [{"dataset": "d", "metrics": {"top1": "acc"}}]})";
  EXPECT_THROWS_WITH(read("head,tail,acc\n222,1220,0.5\n", map), UsageError,
                     "t.csv, line 2, column 'head' (architecture '2222{}1220'): architecture '2222{}1220' has 10");
  const std::string good = R"({"arch": "{head}1{tail}", "results": [{"dataset": "d", "metrics": {"top1": "acc"}}]})";
  store(read("head,tail,acc\n222,2220,0.5\n", good));
  EXPECT_EQ(results()[0].architecture.canonical, "22212220");
}

TEST_F(Import, BuildsNetworksForWhatTheMapSays) {
  space_ = make_space("nas_bench_201");
  const std::string map = R"({"arch": "arch", "results": [
    {"dataset": "cifar100", "classes": 100, "metrics": {"top1": "a"}},
    {"dataset": "ImageNet16-120", "input": "3x16x16", "classes": 120, "metrics": {"top1": "b"}}]})";
  store(
      read("arch,a,b\n|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
           ",0.5,0.3\n",
           map));
  const auto found = results();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].architecture.built_for, "3x32x32/100");
  EXPECT_EQ(found[1].architecture.built_for, "3x16x16/120");
  EXPECT_EQ(found[0].architecture.params, 802426 + 90 * 65);
  EXPECT_EQ(found[1].architecture.params, 809576) << "the published table's";
}

TEST_F(Import, JoinsASecondTable) {
  const std::string map = R"({"arch": "arch", "join": {"on": "id"}, "results": [
    {"dataset": "d", "metrics": {"top1": "acc", "latency_ms": "ms"}}]})";
  const std::string table = "id,acc\n7,0.5\n8,0.6\n";
  const BenchmarkTable joined = read(table, map, "arch,ms,id\n00000000,1,8\n11111111,2,7\n22222222,3,9\n");
  EXPECT_EQ(joined.num_joined_unused, 1);
  store(joined);
  const auto found = results();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].architecture.canonical, "11111111");
  EXPECT_EQ(found[0].metrics, (std::map<std::string, double>{{"top1", 0.5}, {"latency_ms", 2}}));
  const auto refused = [&](const std::string& second, const char* message) {
    EXPECT_THROWS_WITH(read(table, map, second), UsageError, message);
  };
  refused("arch,ms,id\n00000000,1,8\n", "t.csv, line 2, column 'id': no row of second.csv has '7' in this column");
  refused("arch,ms,id\n00000000,1,8\n00000000,1,7\n00000000,1,8\n",
          "second.csv, line 4, column 'id': '8' is there already, in line 2; each key must be there once");
  refused("arch,ms,id\n0000000x,1,8\n00000000,1,7\n", "second.csv, line 2, column 'arch': architecture '0000000x'");
  refused("arch,ms,id\n00000000,x,8\n00000000,1,7\n", "second.csv, line 2, column 'ms': 'x' is not a finite number");
  refused("arch,ms,id\n00000000,1,7\n\"0", "second.csv, line 3, character 3: the file ends inside");
  refused("arch,ms,no\n00000000,1,8\n", "m.json: join.on: second.csv has no column 'id'");
  refused("arch,ms,id,acc\n", "m.json: results[0].metrics.top1: both t.csv and second.csv have a column 'acc'");
  EXPECT_THROWS_WITH(read(table, map), UsageError, "m.json: join.on = 'id': the map needs a second table");
  EXPECT_THROWS_WITH(read("arch,acc,ms,s\n", kMap, "a\n1\n"), UsageError, "the map has no \"join\"");
}

TEST_F(Import, NamesThePlaceOfABadCell) {
  const auto refused = [&](const std::string& row, const char* message) {
    SCOPED_TRACE(row);
    EXPECT_THROWS_WITH(read("arch,acc,ms,s\n00000000,50,1,1\n" + row + "\n"), UsageError, message);
  };
  refused("00000003,50,1,1", "t.csv, line 3, column 'arch': architecture '00000003', digit 8: allowed are 0");
  refused(",50,1,1", "t.csv, line 3, column 'arch': architecture '' has 0 characters");
  refused("00000000,abc,1,1",
          "t.csv, line 3, column 'acc': 'abc' is not a finite number; where it stands for no value, name it in the "
          "map's list \"missing\"");
  refused("00000000,nan,1,1", "'nan' is not a finite number");
  refused("00000000,50,inf,1", "column 'ms': 'inf' is not a finite number");
  refused("00000000,50,1e999,1", "'1e999' is not a finite number");
  refused("00000000,\"5,0\",1,1", "'5,0' is not a finite number");
  refused("00000000, ,1,1", "' ' is not a finite number");
  refused("00000000,101,1,1", "t.csv, line 3, column 'acc': top1 = 1.01 is out of range; allowed: 0 to 1");
  refused("00000000,-1,1,1", "top1 = -0.01 is out of range; allowed: 0 to 1 after scaling by 0.01");
  refused("00000000,50,1,-2", "t.csv, line 3, column 's': seconds = -2 must not be negative");
  refused("00000000,50,1", "t.csv, line 3: the row has 3 cells; the header has 4");
  EXPECT_THROWS_WITH(read("arch,acc,ms,s\n"), UsageError, "t.csv has a header, but no row");
  EXPECT_THROWS_WITH(read("arch,acc,ms,s\n00000000,,,1\n"), UsageError, "no row of t.csv has a value");
  EXPECT_THROWS_WITH(read("arch,acc,m,s\n"), UsageError,
                     "m.json: results[0].metrics.latency_ms.cpu: t.csv has no column 'ms'; did you mean 'm'? Known: "
                     "arch, acc, m, s");
  const std::string percent = R"({"arch": "a", "results": [{"dataset": "d", "metrics": {"top1": "b"}}]})";
  EXPECT_THROWS_WITH(read("a,b\n00000000,93.5\n", percent), UsageError, "a \"scale\" of 0.01 in the map");
  const std::string huge =
      R"({"arch": "a", "results": [{"dataset": "d", "metrics": {"x": {"column": "b", "scale": 1e300}}}]})";
  EXPECT_THROWS_WITH(read("a,b\n00000000,1e300\n", huge), UsageError, "times the scale 1e+300 is too large");
}

TEST_F(Import, TakesTextsThatStandForNoValue) {
  const auto map = [](const char* missing) {
    return std::string(R"({"arch": "a", "missing": )") + missing +
           R"(, "results": [{"dataset": "d", "metrics": {"x": "x", "y": "y"}}]})";
  };
  const auto table = read("a,x,y\n00000000,-inf,1\n00000000,3,NA\n11111111,NA,-inf\n", map(R"(["NA", "-inf"])"));
  ASSERT_EQ(table.measured.size(), 1U) << "a row without any value counts for nothing";
  EXPECT_EQ(table.measured[0].metrics[1].second.sum, 3);
  EXPECT_EQ(table.measured[0].metrics[0].second.sum, 1);
  EXPECT_THROWS_WITH(read("a,x,y\n00000000,-inf,1\n", map(R"(["NA"])")), UsageError, "'-inf' is not a finite number");
  EXPECT_THROWS_WITH(read("a,x,y\n00000000,1,1\n", map(R"("NA")")), UsageError,
                     "m.json: missing must be a list of texts, not \"NA\"");
  EXPECT_THROWS_WITH(read("a,x,y\n00000000,1,1\n", map("[1]")), UsageError, "missing must be a list of texts, not [1]");
}

TEST_F(Import, RefusesRowsWhoseMeanIsTooLarge) {
  EXPECT_THROWS_WITH(read("arch,acc,ms,s\n00000000,,1.7e308,\n22212220,,1.7e308,\n00000000,,1.7e308,\n"), UsageError,
                     "t.csv, line 4, column 'ms': 1.7e+308 makes the sum of this network's rows too large");
  EXPECT_THROWS_WITH(read("arch,acc,ms,s\n00000000,,1,1e308\n00000000,,1,1e308\n"), UsageError,
                     "t.csv, line 3, column 's': 1e+308 makes the sum");
}

TEST_F(Import, RefusesConstantTextsThatAColumnMayNotHoldEither) {
  const auto with = [&](const std::string& dataset) {
    return read("a,b\n00000000,1\n",
                R"({"arch": "a", "results": [{"dataset": ")" + dataset + R"(", "metrics": {"b": "b"}}]})");
  };
  EXPECT_EQ(with(std::string(200, 'x')).protocols.at(0).dataset, std::string(200, 'x'));
  for (const std::string& text : {std::string("a\\u0000b"), std::string("\\u001b[2J"), std::string(201, 'x')})
    EXPECT_THROWS_WITH(with(text), UsageError,
                       "m.json: results[0].dataset must be at most 200 bytes without control characters, not ");
  EXPECT_THROWS_WITH(with(""), UsageError, "m.json: results[0].dataset must not be empty");
}

TEST_F(Import, RefusesWrongMaps) {
  const auto refused = [&](const std::string& map, const char* message) {
    SCOPED_TRACE(map);
    EXPECT_THROWS_WITH(read_import_map(parse_json(map, "m.json"), "m.json"), UsageError, message);
  };
  const auto with_result = [](const std::string& fields) { return R"({"arch": "a", "results": [{)" + fields + "}]}"; };
  const auto metric = [&](const std::string& text) {
    return with_result(R"("dataset": "d", "metrics": {)" + text + "}");
  };
  refused("[]", "m.json must be a JSON object");
  refused("{", "m.json is not valid JSON: line 1, column 2");
  refused(R"({"archs": "a"})", "unknown m.json setting 'archs'; did you mean 'arch'?");
  refused(R"({"results": []})", "m.json: arch must be the name of a column");
  refused(R"({"arch": 3})", "m.json: arch must be the name of a column");
  refused(R"({"arch": ""})", "m.json: arch must be the name of a column");
  refused(R"({"arch": {"colum": "x"}})", "unknown m.json: arch setting 'colum'; did you mean 'column'?");
  for (const char* text : {"{a", "a}", "{}", "{a{b}}", "{a}}"})
    refused(nlohmann::json{{"arch", text}}.dump(), "a column is written {name}, and a brace that stands for itself");
  refused(R"({"arch": "{{a}}"})", "m.json: arch must be the name of a column");
  refused(R"({"arch": "a"})", "m.json: results must be a list of at least one");
  refused(R"({"arch": "a", "results": {}})", "m.json: results must be a list");
  refused(R"({"arch": "a", "results": [3]})", "m.json: results[0] must be a JSON object, not 3");
  refused(R"({"arch": "a", "join": {"on": 3}, "results": []})", "m.json: join.on must be a string");
  refused(R"({"arch": "a", "join": {}, "results": []})", "m.json: join.on must be the name of a column");
  refused(with_result(R"("metrics": {"top1": "b"})"),
          "m.json: results[0].dataset must be a text or {\"column\": name}");
  refused(with_result(R"("dataset": "d")"), "m.json: results[0].metrics must be an object of at least one metric");
  refused(with_result(R"("dataset": "d", "metrics": {})"), "results[0].metrics must be an object of at least one");
  refused(with_result(R"("dataset": "d", "splt": "x")"), "did you mean 'split'?");
  refused(with_result(R"("dataset": "d", "seed": "0")"), "m.json: results[0].seed must be a whole number");
  refused(with_result(R"("dataset": "d", "seed": 1.5)"), "m.json: results[0].seed must be a whole number");
  refused(with_result(R"("dataset": "d", "seed": 18446744073709551615)"), "results[0].seed must be a whole number");
  refused(with_result(R"("dataset": "d", "classes": 1)"), "results[0].classes = 1 is out of range; allowed: 2");
  refused(with_result(R"("dataset": "d", "split": {"column": ""})"), "results[0].split.column must be the name");
  refused(metric(R"("top 1": "b")"), "m.json: results[0].metrics: metric name 'top 1'");
  refused(metric(R"("macs": "b")"), "metric name 'macs'");
  refused(metric(R"("top1": 3)"), "m.json: results[0].metrics.top1 must be the name of a column or");
  refused(metric(R"("top1": {"scale": 1})"), "m.json: results[0].metrics.top1 must be the name of a column or");
  refused(metric(R"("top1": {"column": "b", "scale": 0})"), "results[0].metrics.top1.scale must not be 0");
  refused(metric(R"("top1": {"column": "b", "scale": "x"})"), "m.json: results[0].metrics.top1.scale must be a number");
  refused(R"({"arch": "a", "results": [{"dataset": "d", "metrics": {"top1": "b"}},
              {"dataset": "d", "metrics": {"loss": "c", "top1": "d"}}]})",
          "m.json: results[1].metrics.top1: results[0] gives this metric under the same dataset");
  EXPECT_THROWS_WITH(
      read("a,b\n", R"({"arch": "a", "results": [{"dataset": "d", "input": "3x3", "metrics": {"x": "b"}}]})"),
      UsageError, "m.json: results[0]: input shape '3x3': write channels x height x width");
}

TEST_F(Import, AgainChangesNothingAndMoreIsAdded) {
  const std::string rows = "arch,acc,ms,s\n00000000,45.5,,\n22212220,93,,\n";
  EXPECT_EQ(store(read(rows)).run, 1);
  const StoredTable again = store(read(rows));
  EXPECT_FALSE(again.run);
  EXPECT_EQ(again.recorded.known_values, 2U);
  const StoredTable more = store(read("arch,acc,ms,s\n00000000,,3,9\n11111111,,2,\n"));
  EXPECT_EQ(more.run, 2);
  EXPECT_EQ(more.recorded.new_evaluations, 1U);
  EXPECT_EQ(more.recorded.new_values, 3U);
  EXPECT_EQ(results().size(), 3U);
  EXPECT_EQ(results()[0].metrics.size(), 2U);
  EXPECT_EQ(results()[0].seconds, 9);
  EXPECT_THROWS_WITH(store(read("arch,acc,ms,s\n11111111,50,,\n22212220,94,,\n")), UsageError,
                     "already holds top1 = 0.93 of nas_bench_macro 22212220 (benchmark, cifar10, test, 12 epochs, seed "
                     "3), not 0.94");
  EXPECT_EQ(Store(file_, Store::Mode::kReadOnly).runs().size(), 2U);
  EXPECT_EQ(results().back().metrics.size(), 1U) << "what came before the value that differs was kept";
}

}  // namespace
}  // namespace frontier
