// `frontier import` as a user runs it, and fronts over what it stored against fronts computed here from the table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "common/files.h"
#include "common/text.h"
#include "db/store.h"
#include "search_spaces/nas_bench_201.h"
#include "support/bad_input.h"
#include "support/gzip.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using ::testing::HasSubstr;
using testing_support::BadInput;
using testing_support::Outcome;
using testing_support::Program;

constexpr const char* kMap = R"({"arch": "arch", "results": [{"dataset": "cifar10", "split": "test",
  "metrics": {"top1": {"column": "acc", "scale": 0.01}}}]})";
const std::string kTable = "arch,acc\r\n00000000,45.5\r\n22212220,93\r\n";

class ImportProgram : public ::testing::Test {
 protected:
  Outcome run(const std::vector<std::string>& arguments) { return Program(folder_.path().string()).run(arguments); }
  Outcome import(const std::string& file, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"import", file, "--space", "nas_bench_macro", "--map", "m.json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  frontier::testing::TemporaryFolder folder_;
};

TEST_F(ImportProgram, ReadsItsStandardInput) {
  write_file(folder_ / "m.json", kMap);
  write_file(folder_ / "t.csv.gz", testing_support::gzip(kTable));
  write_file(folder_ / "t.json", R"([{"arch": "00000000", "acc": 45.5}, {"arch": "22212220", "acc": 93}])");
  const Program program(folder_.path().string());
  const std::string import = "import - --space nas_bench_macro --map m.json --json --quiet";
  for (const std::string from : {" < t.csv.gz", " < t.json"}) {
    const Outcome outcome = program.shell(import + from);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(nlohmann::json::parse(outcome.out)["rows"], 2);
  }
  for (const std::string file : {"t.csv.gz", "t.json"}) {
    const Outcome piped = program.shell("runs >/dev/null; cat " + file + " | \"$FRONTIER_BINARY\" " + import);
    EXPECT_EQ(piped.exit_code, 0) << piped.err;
    EXPECT_EQ(nlohmann::json::parse(piped.out)["known_values"], 2);
  }
  write_file(folder_ / "archs",
             "\xef\xbb\xbf"
             "00000000\n\n");
  const Outcome cost = program.shell("cost --space nas_bench_macro --json --archs - < archs");
  EXPECT_EQ(cost.exit_code, 0) << cost.err;
  EXPECT_EQ(nlohmann::json::parse(cost.out)["results"][0]["macs"], 7713280);
  testing_support::expect_refused(run({"import", "-", "--space", "nas_bench_macro", "--map", "-"}),
                                  {"", {}, 2, {"standard input, which can be read once"}});
  testing_support::expect_refused(run({"import", "-", "--space", "nas_bench_macro", "--map", "m.json"}),
                                  {"", {}, 2, {"expected a regular file, saw a device"}});
}

TEST_F(ImportProgram, ReadsPlainAndGzipFilesAndSaysWhatItDid) {
  write_file(folder_ / "m.json", kMap);
  write_file(folder_ / "t.csv", kTable);
  write_file(folder_ / "t.csv.gz", testing_support::gzip(kTable));
  const Outcome first = import("t.csv", {"--quiet", "--name", "macro"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.out, "2 rows, 2 architectures\n2 evaluations: 2 new; 2 values stored, 0 were there already\nrun 1\n");
  EXPECT_EQ(first.err, "");
  const Outcome again = import("t.csv.gz", {"--json"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("2 rows"));
  const auto document = nlohmann::json::parse(again.out);
  EXPECT_TRUE(document["run"].is_null());
  EXPECT_EQ(document["rows"], 2);
  EXPECT_EQ(document["known_values"], 2);
  EXPECT_EQ(document["new_values"], 0);
  const auto runs = Store(folder_ / "frontier.db", Store::Mode::kReadOnly).runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].kind, "import");
  EXPECT_EQ(runs[0].name, "macro");
  EXPECT_EQ(runs[0].state, RunState::kDone);
  EXPECT_EQ(runs[0].num_results, 2);
  EXPECT_EQ(nlohmann::json::parse(runs[0].config)["map"], nlohmann::json::parse(kMap));
  EXPECT_EQ(run({"pareto", "--run", "macro", "--quiet"}).exit_code, 0);
}

TEST_F(ImportProgram, ExplainsItself) {
  const Outcome help = run({"import", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* word : {"--map", "--join", "--space", "docs/import.md", "Example: frontier import"})
    EXPECT_THAT(help.out, HasSubstr(word));
}

TEST_F(ImportProgram, TakesSettingsOfTheCommandLineWhereTheMapIsSilent) {
  write_file(folder_ / "m.json", kMap);
  write_file(folder_ / "t.csv", kTable);
  EXPECT_EQ(import("t.csv", {"--input", "3x64x64", "--classes", "7", "--db", "other.db"}).exit_code, 0);
  const auto found = Store(folder_ / "other.db", Store::Mode::kReadOnly).results();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].architecture.built_for, "3x64x64/7");
}

class WrongImport : public testing_support::BadInputTest {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<frontier::testing::TemporaryFolder>();
    const auto& f = *folder_;
    write_file(f / "m.json", kMap);
    write_file(f / "t.csv", kTable);
    write_file(f / "bad.csv", kTable + "00000003,50\n");
    write_file(f / "other.csv", "arch,acc\n11111111,50\n22212220,94\n");
    const std::string packed = testing_support::gzip(kTable);
    write_file(f / "cut.csv.gz", packed.substr(0, packed.size() - 5));
    std::string damaged = packed;
    damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);
    write_file(f / "damaged.csv.gz", damaged);
    write_file(f / "empty.csv", "");
    write_file(f / "wrong.json", R"({"arch": "arch", "result": []})");
    write_file(f / "column.json", R"({"arch": "arhc", "results": [{"dataset": "d", "metrics": {"top1": "acc"}}]})");
    std::filesystem::create_directory(f / "folder");
    const Outcome good = Program(f.path().string()).run(arguments_of("t.csv", "m.json", "good.db"));
    ASSERT_EQ(good.exit_code, 0) << good.err;
  }
  static std::vector<std::string> arguments_of(const std::string& file, const std::string& map, const std::string& db) {
    return {"import", file, "--space", "nas_bench_macro", "--map", map, "--db", db, "--quiet"};
  }
};

TEST_F(WrongImport, IsRefusedAndStoresNothing) {
  const auto wrong = [](const std::string& file, const std::string& map, std::vector<std::string> words,
                        const std::string& db = "none.db") {
    return BadInput{file + " " + map, arguments_of(file, map, db), 2, std::move(words)};
  };
  expect_all_refused({
      wrong("bad.csv", "m.json", {"bad.csv, line 4, column 'arch'", "digit 8", "allowed are 0"}),
      wrong("bad.csv", "m.json", {"bad.csv, line 4"}, "good.db"),
      wrong("other.csv", "m.json", {"good.db already holds top1 = 0.93", "22212220", "not 0.94"}, "good.db"),
      wrong("cut.csv.gz", "m.json", {"cut.csv.gz: expected a complete gzip file", "(truncated)"}),
      wrong("damaged.csv.gz", "m.json", {"damaged.csv.gz: expected valid gzip data", "damage after"}),
      wrong("empty.csv", "m.json", {"empty.csv is empty; a header line"}),
      wrong("none.csv", "m.json", {"cannot read none.csv: No such file"}),
      wrong("folder", "m.json", {"folder: expected a regular file"}),
      wrong("t.csv", "none.json", {"cannot read none.json: No such file"}),
      wrong("t.csv", "wrong.json", {"unknown wrong.json setting 'result'; did you mean 'results'?"}),
      wrong("t.csv", "column.json", {"column.json: arch: t.csv has no column 'arhc'; did you mean 'arch'?"}),
      wrong("m.json", "m.json", {"m.json: expected an array of objects, or an object of columns"}),
      BadInput{"NoFile", {"import", "--space", "nas_bench_macro", "--map", "m.json"}, 2, {"file is required"}},
      BadInput{"NoMap", {"import", "t.csv", "--space", "nas_bench_macro"}, 2, {"--map is required"}},
      BadInput{"Space", {"import", "t.csv", "--space", "nas_bench_marco", "--map", "m.json"}, 2, {"did you mean"}},
      BadInput{"JoinEmpty",
               {"import", "t.csv", "--space", "nas_bench_macro", "--map", "m.json", "--join", ""},
               2,
               {"--join", "empty"}},
      BadInput{"JoinWithoutKey",
               {"import", "t.csv", "--space", "nas_bench_macro", "--map", "m.json", "--join", "other.csv"},
               2,
               {"the map has no \"join\""}},
  });
}

/// All of NAS-Bench-Macro's notations with made-up numbers, many metrics each: some tenths of a second to store.
std::string large_table(std::string& map) {
  constexpr int kMetrics = 20;
  std::string text = "arch", metrics;
  for (int m = 0; m < kMetrics; ++m) {
    text += ",m" + std::to_string(m);
    metrics += (m > 0 ? ", \"m" : "\"m") + std::to_string(m) + "\": \"m" + std::to_string(m) + "\"";
  }
  map = R"({"arch": "arch", "results": [{"dataset": "d", "metrics": {)" + metrics + "}}]}";
  text += '\n';
  for (int i = 0; i < 6561; ++i) {
    for (int digit = 0, rest = i; digit < 8; ++digit, rest /= 3) text += static_cast<char>('0' + rest % 3);
    for (int m = 0; m < kMetrics; ++m) text += "," + std::to_string(i * kMetrics + m);
    text += '\n';
  }
  return text;
}

TEST_F(ImportProgram, KilledOrInterruptedLeavesNothingHalfDone) {
  std::string map;
  write_file(folder_ / "t.csv", large_table(map));
  write_file(folder_ / "m.json", map);
  int stopped = 0;
  for (int i = 0; i < 16; ++i) {
    SCOPED_TRACE(i);
    const int signal = i % 2 == 0 ? SIGKILL : SIGINT;
    const Outcome outcome = Program(folder_.path().string())
                                .run({"import", "t.csv", "--space", "nas_bench_macro", "--map", "m.json", "--quiet"},
                                     false, [&](pid_t child) {
                                       std::this_thread::sleep_for(std::chrono::milliseconds(15 + 25 * (i / 2)));
                                       ::kill(child, signal);
                                     });
    std::size_t results = 0, runs = 0;
    if (std::filesystem::exists(folder_ / "frontier.db")) {
      const Store store(folder_ / "frontier.db", Store::Mode::kReadWrite);
      results = store.results().size();
      runs = store.runs().size();
    }
    if (outcome.exit_code != 0 || results == 0) {
      EXPECT_TRUE(outcome.exit_code == 128 + SIGKILL || outcome.exit_code == 128 + SIGINT) << outcome.err;
      ++stopped;
    }
    EXPECT_EQ(runs, results == 0 ? 0U : 1U);
    EXPECT_TRUE(results == 0 || results == 6561) << results;
    if (results > 0) break;  // it was done first
  }
  EXPECT_GT(stopped, 0);
  EXPECT_EQ(import("t.csv").exit_code, 0);
  const Store store(folder_ / "frontier.db", Store::Mode::kReadOnly);
  EXPECT_EQ(store.results().size(), 6561U);
  EXPECT_EQ(store.runs().size(), 1U);
}

/// The published tables, imported once for all tests.
class PublishedTables : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto accuracy = testing_support::shared_data("nb201/nb201.csv.gz");
    const auto latency = testing_support::shared_data("nb201/nb201_latency.csv.gz");
    if (!accuracy || !latency) return;
    accuracy_ = std::filesystem::absolute(*accuracy).string();
    latency_ = std::filesystem::absolute(*latency).string();
    folder_ = std::make_unique<frontier::testing::TemporaryFolder>();
    maps_ = std::filesystem::absolute(testing_support::source_folder() / "benchmarks" / "maps").string();
    first_ = run({"import", accuracy_, "--space", "nas_bench_201", "--map", maps_ + "/nb201.json", "--json"});
    second_ = run({"import", latency_, "--join", accuracy_, "--space", "nas_bench_201", "--map",
                   maps_ + "/nb201_latency.json", "--json"});
  }
  static void TearDownTestSuite() { folder_.reset(); }
  void SetUp() override {
    if (!folder_) GTEST_SKIP() << "the published tables are not here";
  }
  static Outcome run(const std::vector<std::string>& arguments) {
    return Program(folder_->path().string()).run(arguments);
  }

  static inline std::unique_ptr<frontier::testing::TemporaryFolder> folder_;
  static inline std::string accuracy_, latency_, maps_;
  static inline Outcome first_, second_;
};

TEST_F(PublishedTables, NasBench201BecomesItsCanonicalForms) {
  ASSERT_EQ(first_.exit_code, 0) << first_.err;
  ASSERT_EQ(second_.exit_code, 0) << second_.err;
  const auto first = nlohmann::json::parse(first_.out), second = nlohmann::json::parse(second_.out);
  EXPECT_EQ(first["rows"], 15625);
  EXPECT_EQ(first["architectures"], 6466) << "classes of NATS-Bench";
  EXPECT_EQ(first["new_evaluations"], 6 * 6466);
  EXPECT_EQ(second["rows"], 15625);
  EXPECT_EQ(second["evaluations"], 6466);
  EXPECT_EQ(second["new_evaluations"], 0) << "they lie beside the accuracies";
  EXPECT_EQ(second["new_values"], 27 * 6466);
  const Store store(folder_->path().string() + "/frontier.db", Store::Mode::kReadOnly);
  const auto cifar100 = store.results({.dataset = "cifar100"}, 1);
  ASSERT_EQ(cifar100.size(), 1U);
  EXPECT_EQ(cifar100[0].architecture.built_for, "3x32x32/100");
}

TEST_F(PublishedTables, BestAccuracyOfMacroIsThePublishedOne) {
  const auto table = testing_support::shared_data("nb_macro/nb_macro.csv.gz");
  if (!table) GTEST_SKIP() << "the published table is not here";
  const Outcome imported = run({"import", std::filesystem::absolute(*table).string(), "--space", "nas_bench_macro",
                                "--map", maps_ + "/nb_macro.json", "--db", "macro.db", "--json"});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_EQ(nlohmann::json::parse(imported.out)["new_evaluations"], 3 * 6561);
  double sum = 0;
  for (int seed = 0; seed < 3; ++seed) {
    const Store store(folder_->path().string() + "/macro.db", Store::Mode::kReadOnly);
    const auto found = store.find(
        "nas_bench_macro", "3x32x32/10", "22212220",
        {.evaluator = "benchmark", .dataset = "cifar10", .split = "test", .fidelity = "full training", .seed = seed});
    ASSERT_TRUE(found);
    sum += found->metrics.at("top1");
  }
  EXPECT_NEAR(sum / 3, 0.931267, 5e-7);
}

TEST_F(PublishedTables, EveryMapFitsItsTable) {
  struct Expected {
    const char *table, *space, *map;
    int rows, architectures, values;
  };
  for (const Expected& expected : {
           Expected{"ofa_dynast/ofa_mbv3w10_runs.csv.gz", "ofa_mobilenetv3", "ofa_runs.json", 2373, 2162, 2162},
           Expected{"hwlat/ofa_latency.csv.gz", "ofa_mobilenetv3", "ofa_latency.json", 5000, 5000, 5000 * 12},
           // 91 cells of four vertices after 4, 12, 36, 108 epochs in three seeds, 2,532 of five after 4 epochs in one.
           Expected{"ecnas/ecnas_nb101.csv.gz", "nas_bench_101", "ecnas_nb101.json", 3624, 2532,
                    3 * 3 * (91 * 4 * 3 + 2532 - 91)},  // top1, energy and seconds of three splits
           Expected{"zerocost/zc_nb101.csv.gz", "nas_bench_101", "zc_nb101.json", 500, 292, 292 * 12},
           Expected{"zerocost/zc_nb201.csv.gz", "nas_bench_201", "zc_nb201.json", 1450, 543, 14115},  // by iso_class
       }) {
    SCOPED_TRACE(expected.map);
    const auto table = testing_support::shared_data(expected.table);
    if (!table) GTEST_SKIP() << "the published table is not here";
    const Outcome imported = run({"import", std::filesystem::absolute(*table).string(), "--space", expected.space,
                                  "--map", maps_ + "/" + expected.map, "--db", "maps.db", "--json"});
    ASSERT_EQ(imported.exit_code, 0) << imported.err;
    const auto document = nlohmann::json::parse(imported.out);
    EXPECT_EQ(document["rows"], expected.rows);
    EXPECT_EQ(document["architectures"], expected.architectures);
    EXPECT_EQ(document["new_values"], expected.values);
  }
}

TEST_F(PublishedTables, FrontsOfAccuracyAndLatencyAreThoseOfTheTable) {
  const auto accuracies = testing_support::read_csv_gz(accuracy_), latencies = testing_support::read_csv_gz(latency_);
  ASSERT_EQ(accuracies.size(), 15626U);
  ASSERT_EQ(latencies.size(), 15626U);
  const auto& names = accuracies[0];
  const auto column = static_cast<std::size_t>(std::find(names.begin(), names.end(), "c10_test_200") - names.begin());
  // By the class that NATS-Bench gives a cell, not by our canonical form.
  struct Sums {
    int rows = 0;
    double accuracy = 0;
    std::vector<double> latency = std::vector<double>(27);
  };
  std::map<std::string, Sums> classes;
  for (std::size_t i = 1; i < accuracies.size(); ++i) {
    ASSERT_EQ(accuracies[i][0], latencies[i][0]);
    Sums& sums = classes[accuracies[i][3]];
    ++sums.rows;
    sums.accuracy += std::stod(accuracies[i][column]) * 0.01;
    for (std::size_t d = 0; d < 27; ++d) sums.latency[d] += std::stod(latencies[i][d + 1]);
  }
  ASSERT_EQ(classes.size(), 6466U);
  for (std::size_t d = 0; d < 27; ++d) {
    std::string device = latencies[0][d + 1];
    device.resize(device.size() - std::string_view("_ms").size());
    SCOPED_TRACE(device);
    using Point = std::pair<double, double>;
    std::vector<Point> points;
    for (const auto& [name, sums] : classes)
      points.emplace_back(sums.accuracy / sums.rows, sums.latency[d] / sums.rows);
    std::multiset<Point> expected;
    for (const Point& p : points) {
      const bool dominated = std::any_of(points.begin(), points.end(), [&](const Point& q) {
        return q.first >= p.first && q.second <= p.second && q != p;
      });
      if (!dominated) expected.insert(p);
    }
    const std::string metric = "latency_ms." + device;
    const Outcome outcome =
        run({"pareto", "--space", "nas_bench_201", "--objectives", "top1:max," + metric + ":min", "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto document = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(document["considered"], 6466);
    std::multiset<Point> front;
    for (const auto& result : document["results"]) front.emplace(result["metrics"]["top1"], result["metrics"][metric]);
    EXPECT_EQ(front, expected);

    // The same under a limit that halves the front.
    double limit = 0;
    auto middle = expected.begin();
    std::advance(middle, expected.size() / 2);
    limit = middle->second;
    const Outcome within = run({"pareto", "--objectives", "top1:max," + metric + ":min", "--where",
                                metric + "<=" + nlohmann::json(limit).dump(), "--json"});
    ASSERT_EQ(within.exit_code, 0) << within.err;
    EXPECT_EQ(nlohmann::json::parse(within.out)["results"].size(),
              std::count_if(expected.begin(), expected.end(), [&](const Point& p) { return p.second <= limit; }));
  }
}

}  // namespace
}  // namespace frontier
