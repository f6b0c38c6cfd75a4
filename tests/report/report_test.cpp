// `frontier report` as a user runs it: what the page holds, that it fetches nothing, and that hostile text stays text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
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
  EXPECT_THAT(outcome.out, StartsWith("wrote report.html: 1003 results, 2 fronts with "));
  EXPECT_EQ(outcome.err, "");
  const std::string page = read_file(folder_ / "report.html");
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
  EXPECT_TRUE(has(page, "<title>Fashion, first try</title>"));
  EXPECT_EQ(occurrences(page, "<svg class=\"network\""), 3U);
  EXPECT_TRUE(has(page, "Best under 0.4 M MACs"));
  EXPECT_TRUE(has(page, "&quot;searcher&quot;: &quot;nsga2&quot;"));
  EXPECT_TRUE(has(page, "Chart.js v3.9.1"));
  EXPECT_TRUE(has(page, "Permission is hereby granted"));

  const auto data = data_of(page);
  ASSERT_EQ(data["fronts"].size(), 2U);
  const auto& search = data["fronts"][0];
  EXPECT_EQ(search["front"].size() + search["others"].size(), 1000U);
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
  const auto& front = search["front"];
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
  const std::string attack = "</script><script>document.title='x'</script><!--<img src=x onerror=alert(1)>\"'&\x01\xff";
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
  EXPECT_THAT(data["fronts"][0]["front"][0][3].get<std::string>(), StartsWith("</script><script>document.title"));
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
  EXPECT_EQ(data["fronts"][0]["others"].size(), 5000U);
  EXPECT_TRUE(has(page, "9000 networks evaluated"));
  EXPECT_TRUE(has(page, " dominated ones 5000 are drawn, taken evenly along the MACs."));
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
