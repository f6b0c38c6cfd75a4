// `frontier report` as a user runs it: what the page holds, that it fetches nothing, and that hostile text stays text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "common/files.h"
#include "common/rng.h"
#include "support/program.h"
#include "support/sample_report_db.h"

namespace frontier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing_support::Outcome;
using testing_support::Program;

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// Without printing a page of half a megabyte where it does not hold.
bool has(const std::string& page, std::string_view text) { return page.find(text) != std::string::npos; }

/// The page without the embedded libraries: markup and data.
std::string markup(const std::string& page) { return page.substr(0, page.find("</script>\n<script>\n")); }

nlohmann::json data_of(const std::string& page) {
  const std::string tag = "<script type=\"application/json\" id=\"data\">";
  const auto begin = page.find(tag) + tag.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

/// The points of all of a chart's lines.
nlohmann::json front_of(const nlohmann::json& chart) {
  nlohmann::json points = nlohmann::json::array();
  for (const auto& line : chart["lines"]) points.insert(points.end(), line["points"].begin(), line["points"].end());
  return points;
}

class ReportProgram : public ::testing::Test {
 protected:
  Outcome run(const std::string& arguments) const { return program_.shell("report " + arguments); }

  /// The page that a successful run writes.
  std::string report(const std::string& arguments = "") {
    const Outcome outcome = run("--db sample.db --out report.html " + arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read_file(folder_ / "report.html");
  }

  void expect_refused(const std::string& arguments, const std::string& message, int exit_code) {
    SCOPED_TRACE(arguments);
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("frontier: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_EQ(occurrences(outcome.err, "\n"), 1U) << outcome.err;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("report.html")));
  }

  Store store() { return Store(folder_ / "sample.db", Store::Mode::kReadWrite); }
  void write(const SampleReportDb& sample) {
    Store db = store();
    write_sample(db, sample);
  }

  testing::TemporaryFolder folder_;
  Program program_{folder_.path().string()};
};

TEST_F(ReportProgram, ShowsFrontsCurvesNetworksAndSettings) {
  write({});
  const Outcome outcome = run("--db sample.db --out report.html --title 'Fashion, first try'");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, StartsWith("wrote report.html: 1003 results, 1 front with "));
  EXPECT_EQ(outcome.err, "");
  const std::string page = read_file(folder_ / "report.html");
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
  EXPECT_TRUE(has(page, "<title>Fashion, first try</title>"));
  EXPECT_EQ(occurrences(page, "<svg class=\"network\""), 3U);
  EXPECT_TRUE(has(page, "Best under 0.4 M MACs"));
  EXPECT_TRUE(has(page, "&quot;searcher&quot;: &quot;nsga2&quot;"));
  EXPECT_TRUE(has(page, "Chart.js v3.9.1"));
  EXPECT_TRUE(has(page, "Permission is hereby granted"));
  EXPECT_TRUE(std::regex_search(page, std::regex("data-label=\"Time\">(under 1|[0-9]+) s<")))
      << "whole seconds, as they are stored";

  const auto data = data_of(page);
  ASSERT_EQ(data["fronts"].size(), 2U);
  const auto& search = data["fronts"][0];
  EXPECT_EQ(front_of(search).size() + search["others"].size(), 1000U);
  EXPECT_EQ(search["marks"].size(), 3U);
  EXPECT_EQ(search["budgets"].dump(), R"([[0.4,"0.4 M"],[1.0,"1 M"],[3.0,"3 M"]])");
  EXPECT_EQ(search["x"], "Multiply-accumulates per image (M MACs)");
  EXPECT_EQ(search["y"], "Top-1 accuracy, search split (%)");
  EXPECT_EQ(data["fronts"][1]["y"], "Top-1 accuracy, test split (%)");
  ASSERT_EQ(data["curves"].size(), 3U);
  EXPECT_EQ(data["curves"][0]["y"], "loss");
  EXPECT_EQ(data["curves"][0]["x"], "training step");
  EXPECT_EQ(data["curves"][1]["y"], "learning rate");
  EXPECT_EQ(data["curves"][2]["y"], "top-1 accuracy (%)");
  EXPECT_EQ(data["curves"][2]["x"], "subnets evaluated");
  // The front falls nowhere, and nothing dominates a member of it.
  const auto front = front_of(search);
  for (std::size_t i = 1; i < front.size(); ++i) EXPECT_GT(front[i][1], front[i - 1][1]);
  for (const auto& other : search["others"])
    for (const auto& member : front)
      EXPECT_FALSE(other[0] <= member[0] && other[1] > member[1]) << other.dump() << member.dump();
}

TEST_F(ReportProgram, FetchesNothing) {
  write({});
  const std::string page = report();
  EXPECT_TRUE(has(page, "default-src 'none'"));
  const std::regex reference("(src|href|action|srcset|poster)\\s*=\\s*\"([^\"]*)\"");
  const std::string text = markup(page);
  for (std::sregex_iterator it(text.begin(), text.end(), reference), end; it != end; ++it)
    EXPECT_TRUE((*it)[2].str().starts_with("#") || (*it)[2].str() == "data:,") << it->str();
  EXPECT_FALSE(has(text, "http://"));
  EXPECT_FALSE(has(text, "https://"));
  EXPECT_FALSE(has(text, "@import"));
  EXPECT_FALSE(has(text, "url("));
  EXPECT_FALSE(has(page, "sourceMappingURL"));
}

TEST_F(ReportProgram, ShowsHostileTextAsText) {
  const std::string attack =
      "</script><script>document.title='x'</script><!--<img src=x onerror=alert(1)>\"'&\x01\xff\xe2\x80\xae";
  {
    Store db = store();
    const std::int64_t id = db.begin_run({.kind = attack,
                                          .name = attack,
                                          .space = attack,
                                          .config = "{\""
                                                    "a</pre>"
                                                    "\": \"</script>\"}",
                                          .version = attack,
                                          .checkpoint = attack});
    db.add_points(id, std::vector<CurvePoint>{{1, attack, 1.0}, {2, attack, 2.0}, {1, "train/loss/" + attack, 1.0}});
    db.update_run(id, {.state = RunState::kFailed, .message = attack});
    Evaluation e;
    e.architecture = {attack, attack, attack, attack, 1000, 100};
    e.protocol = {attack, attack, attack, attack, attack, attack, 0};
    e.metrics = {{"top1", 0.5}};
    e.run = id;
    db.record({&e, 1});
    e.protocol.split = "test";
    db.record({&e, 1});
  }
  const Outcome outcome = run("--db sample.db --out report.html --title \"</title><script>a</script>\"");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string page = read_file(folder_ / "report.html");
  EXPECT_EQ(occurrences(page, "<script"), 3U);  // data, Chart.js, the page's own
  EXPECT_EQ(occurrences(page, "</script"), 3U);
  EXPECT_EQ(occurrences(page, "<!--"), 0U);
  EXPECT_EQ(occurrences(page, "<img"), 0U);
  EXPECT_EQ(occurrences(page, "</title>"), 1U);
  EXPECT_EQ(page.find('\x01'), std::string::npos);
  EXPECT_EQ(page.find('\xff'), std::string::npos);
  EXPECT_TRUE(has(page, "&lt;/script&gt;&lt;script&gt;document.title=&#39;x&#39;"));
  const auto data = data_of(page);
  EXPECT_THAT(data["archs"][0][0].get<std::string>(), StartsWith("</script><script>document.title"));
  EXPECT_FALSE(has(page, "command-")) << "no command may hold what cannot be shown as it is";
  EXPECT_EQ(page.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_TRUE(has(page, "\\u202e"));
  EXPECT_TRUE(has(page, "Not drawn: unknown search space"));
  EXPECT_TRUE(has(page, "&quot;a&lt;/pre&gt;&quot;: &quot;&lt;/script&gt;&quot;"));
  EXPECT_NO_THROW(nlohmann::json::parse(run("--db sample.db --out report.html --json").out));
}

TEST_F(ReportProgram, KeepsProtocolsApart) {
  write({.num_results = 50});
  {
    Store db = store();
    std::vector<Result> results = db.results();
    std::vector<Evaluation> scratch;
    for (Result& result : results) {
      if (result.protocol.split != "test") continue;
      result.protocol.evaluator = "scratch";
      result.protocol.checkpoint = "";
      result.metrics["top1"] += 0.01;
      scratch.push_back(result);
    }
    scratch.push_back(scratch.front());
    scratch.back().protocol.seed = 1;
    db.record(scratch);
  }
  const std::string page = report();
  EXPECT_EQ(data_of(page)["fronts"].size(), 4U);
  EXPECT_TRUE(has(page, "<h3>Search split, supernet</h3>"));
  EXPECT_TRUE(has(page, "<h3>Test split, scratch, seed 0</h3>"));
  EXPECT_TRUE(has(page, "<h3>Test split, scratch, seed 1</h3>"));
}

TEST_F(ReportProgram, ThinsManyDominatedResultsAndSaysSo) {
  write({.num_results = 9000, .num_steps = 4000});
  const std::string page = report();
  const auto data = data_of(page);
  EXPECT_EQ(data["fronts"][0]["others"].size(), 2000U);
  EXPECT_TRUE(has(page, "9000 networks measured"));
  EXPECT_TRUE(has(page, " dominated ones 2000 are drawn, taken evenly along the axis."));
  EXPECT_TRUE(has(page, "1500 of 4000 points are drawn"));
  EXPECT_EQ(data["curves"][0]["lines"][0]["steps"].back(), 4000);
}

TEST_F(ReportProgram, ChoosesARunOrASpace) {
  write({.num_results = 40});
  {
    Store db = store();
    db.begin_run({.kind = "import", .name = "table", .space = "nas_bench_macro"});
    const auto space = make_space("nas_bench_macro");
    const Architecture arch = space->parse("22212220");
    const Cost price = cost(space->build(arch, space->default_input()));
    Evaluation e;
    e.architecture = {"nas_bench_macro", "22212220", "3x32x32/10", "22212220", price.macs, price.params};
    e.protocol = {"benchmark", "", "cifar10", "test", "50 epochs", "", 0};
    e.metrics = {{"top1", 0.93}};
    e.run = 3;
    db.record({&e, 1});
  }
  EXPECT_EQ(data_of(report())["fronts"].size(), 3U);
  const std::string macro = report("--space nas_bench_macro");
  EXPECT_EQ(data_of(macro)["fronts"].size(), 1U);
  EXPECT_FALSE(has(macro, "three budgets"));
  EXPECT_EQ(occurrences(macro, "<svg class=\"network\""), 1U);
  EXPECT_TRUE(has(macro, "k5 e6"));
  const std::string search = report("--run 'three budgets'");
  EXPECT_TRUE(has(search, "Run 1: train"));  // where its weights come from
  EXPECT_FALSE(has(search, "Run 3: import"));
  EXPECT_EQ(data_of(report("--run table"))["fronts"].size(), 1U);
  EXPECT_TRUE(has(report("--run supernet"), "This run has no results, so there is no front."));
}

TEST_F(ReportProgram, MakesAPageWithoutResults) {
  store();
  EXPECT_TRUE(has(report(), "Nothing has been evaluated yet"));
  write({.num_results = 0, .num_steps = 100});
  const std::string page = report();
  EXPECT_TRUE(has(page, "Nothing has been evaluated yet"));
  EXPECT_EQ(data_of(page)["fronts"].size(), 0U);
  EXPECT_EQ(data_of(page)["curves"].size(), 3U);
  EXPECT_EQ(data_of(report("--space mobile_cnn"))["curves"].size(), 3U);
  const auto document = nlohmann::json::parse(run("--db sample.db --out report.html --json").out);
  EXPECT_EQ(document["evaluations"], 0);
  EXPECT_EQ(document["runs"], 2);
  EXPECT_EQ(document["results"].size(), 0U);
}

TEST_F(ReportProgram, OfADamagedDatabaseIsAPageOrAMessage) {
  write({.num_results = 60, .num_steps = 200});
  Store(folder_ / "sample.db", Store::Mode::kReadWrite);  // the last connection that closes leaves no log
  const std::string whole = read_file(folder_ / "sample.db");
  Rng rng(1);
  for (int i = 0; i < 60; ++i) {
    SCOPED_TRACE("damage " + std::to_string(i));
    std::string bytes = whole;
    for (int flips = 0; flips < 20; ++flips) {
      char& byte = bytes[4096 + rng.below(bytes.size() - 4096)];
      byte = static_cast<char>(byte ^ (1 << rng.below(8)));
    }
    write_file(folder_ / "sample.db", bytes);
    const Outcome outcome = run("--db sample.db --out report.html");
    EXPECT_TRUE(outcome.exit_code == 0 || outcome.exit_code == 1 || outcome.exit_code == 2) << outcome.exit_code;
    if (outcome.exit_code != 0) {
      EXPECT_THAT(outcome.err, StartsWith("frontier: error: "));
    }
  }
}

TEST_F(ReportProgram, ABandBelongsToTheStepsItWasMeasuredAt) {
  {
    Store db = store();
    const std::int64_t run = db.begin_run(
        {.kind = "search",
         .space = "mobile_cnn",
         .config = R"({"searcher": "random", "repeat": 4, "table": {"dataset": "d", "split": "s", "fidelity": "f"}})"});
    db.add_points(run, std::vector<CurvePoint>{{1, "regret/loss/mean", 3},
                                               {2, "regret/loss/mean", 0},
                                               {3, "regret/loss/mean", 1},
                                               {2, "regret/loss/q25", 0},
                                               {3, "regret/loss/q25", 0.5},
                                               {1, "regret/loss/q75", 4},
                                               {3, "regret/loss/q75", 2}});
  }
  const nlohmann::json line = data_of(report())["regrets"].at(0)["lines"].at(0);
  EXPECT_EQ(line["steps"], nlohmann::json({1, 2, 3}));
  EXPECT_EQ(line["mean"], nlohmann::json({3.0, 0.0, 1.0}));
  EXPECT_EQ(line["low"], nlohmann::json({nullptr, 0.0, 0.5}));
  EXPECT_EQ(line["high"], nlohmann::json({4.0, nullptr, 2.0}));
}

TEST_F(ReportProgram, PrintsJson) {
  write({.budgets = {1000, 1000000, 3000000}, .num_results = 200});  // nothing fits into the first
  const auto document = nlohmann::json::parse(run("--db sample.db --out report.html --json").out);
  EXPECT_EQ(document["out"], "report.html");
  EXPECT_EQ(document["bytes"], std::filesystem::file_size(folder_ / "report.html"));
  EXPECT_EQ(document["drawn"].size(), 2U);
  EXPECT_EQ(document["results"][0]["space"], "mobile_cnn");
  EXPECT_GT(document["results"][0]["metrics"]["top1"], 0.5);
  const std::string page = read_file(folder_ / "report.html");
  EXPECT_TRUE(has(page, "Best under 1 k MACs</span><strong>–</strong>"));
  EXPECT_TRUE(has(page, "Best under 1 M MACs"));
}

TEST_F(ReportProgram, LeavesOutNumbersWithoutAccuracy) {
  write({.num_results = 20});
  {
    Store db = store();
    Evaluation e = db.results({}, 1).front();
    e.protocol.evaluator = "proxy";
    e.metrics = {{"synflow", 12.0}};
    db.record({&e, 1});
  }
  const Outcome outcome = run("--db sample.db --out report.html");
  EXPECT_EQ(outcome.err, "1 result has no top-1 accuracy and is not in the charts.\n");
}

/// NAS-Bench-201's cells with made-up accuracies and latencies, as a table would hold them.
std::vector<Evaluation> sample_table(std::size_t count, const std::string& split, std::int64_t run) {
  const auto space = make_space("nas_bench_201");
  const CostTable costs = space->cost_table(space->default_input());
  Rng rng(5);
  std::set<std::string> seen;
  std::vector<Evaluation> table;
  while (table.size() < count) {
    const Architecture arch = space->random(rng);
    const std::string text = space->to_string(arch);
    if (!seen.insert(text).second) continue;
    Evaluation e;
    e.architecture = {"nas_bench_201", text, "3x32x32/10", text, costs.macs(arch), costs.params(arch)};
    e.protocol = {.evaluator = "benchmark", .dataset = "cifar10", .split = split, .fidelity = "200 epochs"};
    const double latency = 5 + 20 * rng.uniform();
    e.metrics = {{"top1", 0.8 + 0.004 * latency + 0.05 * rng.uniform()}, {"latency_ms.raspi4", latency}};
    e.run = run;
    table.push_back(std::move(e));
  }
  return table;
}

TEST_F(ReportProgram, ChartsFollowTheObjectives) {
  {
    Store db = store();
    db.record(sample_table(300, "test", db.begin_run({.kind = "import", .space = "nas_bench_201"})));
  }
  EXPECT_EQ(data_of(report())["fronts"][0]["x"], "Multiply-accumulates per image (M MACs)");
  const std::string page = report("--objectives latency_ms.raspi4:min,top1:max");
  const auto chart = data_of(page)["fronts"][0];
  EXPECT_EQ(data_of(page)["fronts"].size(), 1U);
  EXPECT_EQ(chart["x"], "Latency on raspi4 (ms)");
  EXPECT_EQ(chart["y"], "Top-1 accuracy, test split (%)");
  EXPECT_TRUE(has(page, ">Top-1 accuracy against latency on raspi4</h2>"));
  EXPECT_TRUE(has(page, ">Latency, raspi4</th>"));
  EXPECT_TRUE(has(page, "frontier pareto --objectives top1:max,latency_ms.raspi4:min"));
  const Outcome pareto = program_.shell("pareto --db sample.db --json --objectives top1:max,latency_ms.raspi4:min");
  const auto expected = nlohmann::json::parse(pareto.out)["results"];
  const auto front = front_of(chart);
  ASSERT_EQ(front.size(), expected.size());
  for (std::size_t i = 0; i < front.size(); ++i) {
    const auto& metrics = expected[expected.size() - 1 - i]["metrics"];
    EXPECT_NEAR(front[i][0], metrics["latency_ms.raspi4"], 1e-6);
    EXPECT_NEAR(front[i][1], 100 * metrics["top1"].get<double>(), 1e-6);
  }
}

TEST_F(ReportProgram, ThreeObjectivesAreAChartForEachCost) {
  {
    Store db = store();
    db.record(sample_table(300, "test", db.begin_run({.kind = "import", .space = "nas_bench_201"})));
  }
  const std::string page = report("--objectives top1:max,latency_ms.raspi4:min,params:min");
  const auto data = data_of(page);
  ASSERT_EQ(data["fronts"].size(), 2U);
  EXPECT_EQ(data["fronts"][0]["x"], "Latency on raspi4 (ms)");
  EXPECT_EQ(data["fronts"][1]["x"], "Parameters (M)");
  EXPECT_EQ(data["fronts"][0]["lines"][0]["staircase"], false) << "one side of a surface is no staircase";
  EXPECT_TRUE(has(page, "of all 3 objectives, of which this chart shows two."));
}

TEST_F(ReportProgram, FollowsWhatTheLastSearchOptimised) {
  {
    Store db = store();
    const auto table = sample_table(300, "test", db.begin_run({.kind = "import", .space = "nas_bench_201"}));
    const auto ids = db.record(table);
    db.record(sample_table(300, "validation", 1));
    const std::string config = nlohmann::json({{"evaluator", "benchmark"},
                                               {"objectives", "top1:max,latency_ms.raspi4:min"},
                                               {"max_macs", nlohmann::json::array()},
                                               {"table", to_json(table[0].protocol)}})
                                   .dump();
    db.link(db.begin_run({.kind = "search", .space = "nas_bench_201", .config = config}), ids);
  }
  const std::string page = report();
  const auto data = data_of(page);
  ASSERT_EQ(data["fronts"].size(), 2U);
  EXPECT_EQ(data["fronts"][0]["y"], "Top-1 accuracy, test split (%)") << "what was searched comes first";
  EXPECT_EQ(data["fronts"][0]["x"], "Latency on raspi4 (ms)");
  EXPECT_GT(data["fronts"][0]["marks"].size(), 1U);
  const auto document = nlohmann::json::parse(run("--db sample.db --out report.html --json").out);
  EXPECT_EQ(document["charts"][0]["objectives"], "top1:max,latency_ms.raspi4:min");
}

TEST_F(ReportProgram, DrawsOneCellAndHowOftenItIsThere) {
  {
    Store db = store();
    db.record(sample_table(40, "test", db.begin_run({.kind = "import", .space = "nas_bench_201"})));
  }
  const std::string page = report();
  const std::size_t networks = occurrences(page, "<article id=\"network-");
  EXPECT_GT(networks, 1U);
  EXPECT_EQ(occurrences(page, "<svg class=\"network\""), networks);
  EXPECT_EQ(occurrences(page, "<svg class=\"network cell\""), networks);
  EXPECT_EQ(occurrences(page, "<h4>The cell, 15 times</h4>"), networks);
  EXPECT_FALSE(has(page, "stage0.cell3<")) << "a box for each cell";
  EXPECT_FALSE(has(page, "squeeze-excite")) << "there is none to explain";
}

TEST_F(ReportProgram, HasALineForEachBudget) {
  write({});
  const std::string page = report();
  const auto lines = data_of(page)["fronts"][0]["lines"];
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[3]["name"], "Front beyond 3 M");
  double least = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(lines[i]["name"],
              std::vector<std::string>({"Front up to 0.4 M", "Front up to 1 M", "Front up to 3 M"})[i]);
    EXPECT_EQ(lines[i]["end"], std::vector<double>({0.4, 1, 3})[i]);
    for (const auto& point : lines[i]["points"]) {
      EXPECT_GT(point[0], least);
      EXPECT_LE(point[0], lines[i]["end"]);
    }
    least = lines[i]["end"];
  }
  EXPECT_TRUE(has(page, "Each was searched on its own, so each has a line of its own."));
}

TEST_F(ReportProgram, CallsAFewNetworksMeasuredAgainNoFront) {
  write({});
  const std::string page = report();
  const auto tested = data_of(page)["fronts"][1];
  EXPECT_EQ(tested["lines"].size(), 1U);
  EXPECT_EQ(tested["lines"][0]["name"], "Measured");
  EXPECT_EQ(tested["lines"][0]["staircase"], false);
  EXPECT_EQ(tested["lines"][0]["points"].size(), 3U);
  EXPECT_EQ(occurrences(page, "on the Pareto front"), 2U) << "of the search split alone: caption and label";
  EXPECT_TRUE(has(page, "<summary>Table (3 networks)</summary>"));
}

TEST_F(ReportProgram, ShowsSearchAgainstTest) {
  write({});
  const std::string page = report();
  const auto agreements = data_of(page)["agreements"];
  ASSERT_EQ(agreements.size(), 1U);
  ASSERT_EQ(agreements[0]["points"].size(), 3U);
  for (const auto& point : agreements[0]["points"])
    EXPECT_NEAR(point[1].get<double>() - point[0].get<double>(), -0.4, 1e-5);
  EXPECT_EQ(agreements[0]["marks"].size(), 3U);
  EXPECT_EQ(agreements[0]["x"], "Top-1 accuracy, search split (%)");
  EXPECT_EQ(agreements[0]["y"], "Top-1 accuracy, test split (%)");
  EXPECT_TRUE(has(page, "3 networks; on average the second number is 0.40 points lower."));
}

TEST_F(ReportProgram, RanksSearchAgainstTest) {
  {
    Store db = store();
    auto table = sample_table(200, "validation", db.begin_run({.kind = "import", .space = "nas_bench_201"}));
    db.record(table);
    for (Evaluation& e : table) {
      e.protocol.split = "test";
      e.metrics["top1"] = 0.5 + e.metrics["top1"] / 4;  // another scale, the same order
    }
    db.record(table);
  }
  EXPECT_TRUE(has(report(), "Spearman&#39;s rank correlation 1.000."));
}

TEST_F(ReportProgram, ShowsStandardErrorsWhereTheNumberOfImagesIsKnown) {
  {
    Store db = store();
    auto table = sample_table(12, "test", db.begin_run({.kind = "import", .space = "nas_bench_201"}));
    for (Evaluation& e : table) e.metrics = {{"top1", 0.9}, {"images", 10000}};
    table.front().metrics = {{"top1", 0.91}};
    db.record(table);
  }
  const std::string page = report();
  EXPECT_TRUE(has(page, "90.00 ± 0.30 %"));
  EXPECT_TRUE(has(page, "91.00 %"));
  EXPECT_FALSE(has(page, "91.00 ±"));
  EXPECT_TRUE(has(page, "Bars and ± are one standard error"));
  for (const auto& point : front_of(data_of(page)["fronts"][0])) {
    if (point[1] != 90.0) continue;
    EXPECT_NEAR(point[3], 100 * std::sqrt(0.9 * 0.1 / 10000), 1e-6);
  }
  EXPECT_FALSE(has(markup(page), "images</th>"));
}

TEST_F(ReportProgram, ShowsWhatTheFrontDecides) {
  write({.num_results = 200});
  const std::string page = report();
  EXPECT_TRUE(has(page, "What the front&#39;s networks decide") || has(page, "What the front's networks decide"));
  EXPECT_TRUE(has(page, "<span class=\"decision\">stage0.block0.kernel</span>"));
  const auto size = front_of(data_of(page)["fronts"][0]).size();
  EXPECT_TRUE(has(page, "Each bar is split by how many of the " + std::to_string(size) + " networks on the front"));
  EXPECT_TRUE(has(page, "<span class=\"muted\">in ")) << "decisions of blocks that are not always there";
}

TEST_F(ReportProgram, HeadingsNameRunsAndNoFingerprints) {
  {
    Store db = store();
    auto table = sample_table(20, "search", 0);
    const std::int64_t first = db.begin_run({.kind = "train", .space = "nas_bench_201", .checkpoint = "runs/a"});
    const std::int64_t second = db.begin_run({.kind = "search", .space = "nas_bench_201", .checkpoint = "runs/a"});
    const std::int64_t third = db.begin_run({.kind = "search", .space = "nas_bench_201", .checkpoint = "runs/b"});
    for (const auto& [run, weights] : {std::pair(second, "5f0c91aa"), std::pair(third, "77777777")}) {
      for (Evaluation& e : table) {
        e.run = run;
        e.protocol = {.evaluator = "supernet",
                      .checkpoint = weights,
                      .dataset = "fashion_mnist/search/5000x1x28x28/0badcafe",
                      .split = "search",
                      .fidelity = "5000 images",
                      .calibration = "batch norm recalibrated on 2048 training images in batches of 128"};
      }
      db.record(table);
    }
    EXPECT_EQ(first, 1);
  }
  const std::string page = report();
  EXPECT_TRUE(has(page, "<h3>Search split, weights of run 1</h3>"));
  EXPECT_TRUE(has(page, "<h3>Search split, weights of run 3</h3>"));
  EXPECT_TRUE(has(page,
                  " · fashion_mnist · search split · supernet · input 3×32×32, 10 classes · 5000 images · batch norm "
                  "recalibrated on 2048 training images"));
  EXPECT_FALSE(has(page, "batch norm batch norm"));
  const std::regex heading("<h[1-4][^>]*>[^<]*(5f0c91aa|77777777|0badcafe)");
  EXPECT_FALSE(std::regex_search(markup(page), heading));
}

TEST_F(ReportProgram, IsSmallWhateverTheDatabaseHolds) {
  {
    Store db = store();
    const std::int64_t run = db.begin_run({.kind = "import", .space = "nas_bench_201"});
    for (const char* split : {"validation", "test"}) db.record(sample_table(6000, split, run));
  }
  const std::string page = report();
  EXPECT_LT(page.size(), 1200U * 1024);
  EXPECT_EQ(data_of(page)["agreements"][0]["points"].size(), 2000U);
  EXPECT_TRUE(has(page, "2000 are drawn, taken evenly."));
}

/// The commands of a page, by their purpose, as people copy them.
std::map<std::string, std::string> commands_of(const std::string& page) {
  std::map<std::string, std::string> commands;
  const std::regex command("<summary>([^<]*)</summary><pre id=\"command-A-[0-9]+\" tabindex=\"0\">([^<]*)</pre>");
  for (std::sregex_iterator it(page.begin(), page.end(), command), end; it != end; ++it) {
    std::string line = (*it)[2];
    for (const auto& [entity, text] : {std::pair("&lt;", "<"), std::pair("&gt;", ">"), std::pair("&quot;", "\""),
                                       std::pair("&#39;", "'"), std::pair("&amp;", "&")})
      line = std::regex_replace(line, std::regex(entity), text);
    commands[(*it)[1]] = line;
  }
  return commands;
}

TEST_F(ReportProgram, QuotesTheCommandsOfChosenNetworksForTheShell) {
  const std::string folder = "it's a $(touch x) folder";
  {
    Store db = store();
    db.begin_run({.kind = "train",
                  .space = "mobile_cnn",
                  .config = R"({"trainer": {"lr": 0.1}, "data": {"name": "it's"}, "seed": 3})",
                  .seed = 3,
                  .checkpoint = folder});
    Evaluation e;
    const std::string arch = "8 | 8: k3e2 | 16: k3e2 | 32: k3e2";
    const auto space = make_space("mobile_cnn");
    const Cost price = cost(space->build(space->parse(arch), space->default_input()));
    e.architecture = {"mobile_cnn", arch, "1x28x28/10", arch, price.macs, price.params};
    e.protocol = {.evaluator = "supernet", .checkpoint = "5f0c91aa", .dataset = "d", .split = "search"};
    e.metrics = {{"top1", 0.9}};
    e.run = db.begin_run({.kind = "search",
                          .space = "mobile_cnn",
                          .config = R"({"evaluation": {"calibration_images": 512}})",
                          .checkpoint = folder});
    db.record({&e, 1});
  }
  const auto commands = commands_of(report());
  const std::string quoted = R"('it'\''s a $(touch x) folder')";
  EXPECT_EQ(
      commands.at("Export as ONNX"),
      "frontier export --checkpoint " + quoted +
          " --arch '8 | 8: k3e2 | 16: k3e2 | 32: k3e2' --format onnx --preprocess --out network-A.onnx --db sample.db "
          "--set 'evaluation.calibration_images=512'");
  EXPECT_EQ(commands.at("Measure on test images"),
            "frontier evaluate --checkpoint " + quoted +
                " --arch '8 | 8: k3e2 | 16: k3e2 | 32: k3e2' --split test --db sample.db "
                "--set 'evaluation.calibration_images=512'");
  EXPECT_EQ(commands.at("Train it alone, as the supernet was"),
            "frontier evaluate --evaluator scratch --space mobile_cnn --arch '8 | 8: k3e2 | 16: k3e2 | 32: k3e2' --out "
            R"(network-A --db sample.db --seed 3 --set 'data={"name":"it'\''s"}' --set 'trainer={"lr":0.1}')");
}

TEST_F(ReportProgram, OffersToLookUpAndTrainTheNetworksOfATable) {
  {
    Store db = store();
    db.record(sample_table(12, "test", db.begin_run({.kind = "import", .space = "nas_bench_201"})));
  }
  const auto commands = commands_of(report());
  EXPECT_EQ(commands.size(), 2U);
  EXPECT_THAT(commands.at("Train it alone"), HasSubstr(" --data cifar10 --epochs 200 --out network-A --db sample.db"));
  const std::string line = commands.at("Look it up");
  ASSERT_THAT(line, StartsWith("frontier evaluate --evaluator benchmark "));
  const Outcome found = program_.shell(line.substr(sizeof("frontier")));
  EXPECT_EQ(found.exit_code, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr("latency_ms.raspi4"));
}

TEST_F(ReportProgram, ExplainsErrors) {
  expect_refused("--db none.db --out report.html", "no results database at none.db", 2);
  write({.num_results = 10});
  expect_refused("--db sample.db", "--out is required", 2);
  expect_refused("--db sample.db --out .", "--out . is a folder", 2);
  expect_refused("--db sample.db --out none/report.html", "cannot write none/report.html", 1);
  expect_refused("--db sample.db --out /dev/null/report.html", "cannot write /dev/null/report.html", 1);
  expect_refused("--db sample.db --out report.html --run 9", "no run 9", 2);
  expect_refused("--db sample.db --out report.html --run supernett", "did you mean 'supernet'?", 2);
  expect_refused("--db sample.db --out report.html --space mobile_cn", "did you mean 'mobile_cnn'?", 2);
  expect_refused("--db sample.db --out report.html --objectives top1:max", "a chart needs two or more", 2);
  expect_refused("--db sample.db --out report.html --objectives top1:max,latency:min", "unknown objective 'latency'",
                 2);
  expect_refused("--db sample.db --out report.html --objectives top1,macs", "write name:min or name:max", 2);
  expect_refused("--db sample.db --out report.html --titel x", "unknown option '--titel'; did you mean '--title'?", 2);
  if (::geteuid() != 0) {
    std::filesystem::create_directory(folder_ / "locked");
    std::filesystem::permissions(folder_ / "locked",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    expect_refused("--db sample.db --out locked/report.html", "cannot write locked/report.html", 1);
  }
  EXPECT_EQ(run("--help").exit_code, 0);
}

/// For looking at a page: FRONTIER_SAMPLE_DB=/some/file.db apps_test --gtest_filter='*SampleDatabase*'
TEST(ReportSample, WritesTheSampleDatabaseWhereAsked) {
  const char* file = std::getenv("FRONTIER_SAMPLE_DB");
  if (file == nullptr) GTEST_SKIP() << "FRONTIER_SAMPLE_DB is not set";
  Store db(file, Store::Mode::kReadWrite);
  write_sample(db, {});
}

}  // namespace
}  // namespace frontier
