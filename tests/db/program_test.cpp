// `frontier pareto` and `frontier runs` as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/files.h"
#include "db/store.h"
#include "sample.h"
#include "support/program.h"

namespace frontier {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::Outcome;

class Program : public ::testing::Test {
 protected:
  void SetUp() override {
    Store store(file_, Store::Mode::kReadWrite);
    Evaluation run_best = sample("large", 0.9512, 3000000);
    run_best.run = store.begin_run({.kind = "search", .name = "first", .space = "toy", .config = R"({"budget": 10})"});
    run_best.architecture.arch = "k3,\"e6\"";
    store.update_run(1, {.state = RunState::kDone, .progress = 1.0, .message = "10 of 10"});
    Evaluation test = sample("small", 0.8);
    test.protocol.split = "test";
    store.record(std::vector{sample("small", 0.9, 1000000), sample("bad", 0.8, 2000000), run_best});
    store.record(std::vector{test});
  }

  /// @param arguments of the program, as a shell reads them; `DB` stands for the sample database.
  Outcome run(std::string arguments) {
    for (std::size_t at = 0; (at = arguments.find("DB")) != std::string::npos;)
      arguments.replace(at, 2, "--db '" + file_ + "'");
    return testing_support::Program(folder_.path().string()).shell(arguments);
  }

  void expect_refused(const std::string& arguments, const std::string& message, int exit_code = 2) {
    SCOPED_TRACE(arguments);
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("frontier: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }

  frontier::testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "sample.db";
};

TEST_F(Program, PrintsTheFrontAsATable) {
  const Outcome outcome = run("pareto DB --split search");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out,
            "   top1    macs  params  run  space  arch\n"
            "95.12 %  3.00 M   300 k    1  toy    k3,\"e6\"\n"
            "90.00 %  1.00 M   100 k    -  toy    arch-small\n");
  EXPECT_EQ(outcome.err, "2 of 3 results are on the front\n");
  EXPECT_EQ(run("pareto DB --split search --quiet").err, "");
  EXPECT_EQ(run("pareto DB --split search --limit 1").err, "2 of 3 results are on the front; the first 1 are shown\n");
  EXPECT_EQ(run("pareto DB --split search --where 'macs>5M'").err, "no result matches and has all objectives\n");
}

TEST_F(Program, PrintsTheLastSearchsFrontWhereProtocolsWouldMix) {
  const Outcome outcome = run("pareto DB");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out,
            "   top1    macs  params  run  space  arch\n"
            "95.12 %  3.00 M   300 k    1  toy    k3,\"e6\"\n");
  EXPECT_EQ(outcome.err,
            "of run 1, the last search, on its search split; choose others with --run, --split, ...\n"
            "1 of 1 results are on the front\n");
  const auto document = nlohmann::json::parse(run("pareto DB --json").out);
  EXPECT_EQ(document["of"], (nlohmann::json{{"run", 1}, {"split", "search"}}));
  EXPECT_FALSE(nlohmann::json::parse(run("pareto DB --split search --json").out).contains("of"));
}

TEST_F(Program, PrintsTheFrontAsJson) {
  const Outcome outcome = run("pareto DB --split search --objectives top1:max,macs:min --json");
  EXPECT_EQ(outcome.exit_code, 0);
  const auto document = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(document["objectives"].dump(), R"([{"direction":"max","name":"top1"},{"direction":"min","name":"macs"}])");
  EXPECT_EQ(document["considered"], 3);
  ASSERT_EQ(document["results"].size(), 2U);
  const auto& best = document["results"][0];
  EXPECT_EQ(best["arch"], "k3,\"e6\"");
  EXPECT_EQ(best["canonical"], "large");
  EXPECT_EQ(best["space"], "toy");
  EXPECT_EQ(best["macs"], 3000000);
  EXPECT_EQ(best["params"], 300000);
  EXPECT_EQ(best["metrics"]["top1"], 0.9512);
  EXPECT_EQ(best["run"], 1);
  EXPECT_EQ(best["split"], "search");
  EXPECT_TRUE(document["results"][1]["run"].is_null());
}

TEST_F(Program, PrintsTheFrontAsCsv) {
  const Outcome outcome = run("pareto DB --run first --csv");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(
      outcome.out,
      StartsWith("space,arch,canonical,built_for,macs,params,loss,top1,evaluator,dataset,split,fidelity,calibration,"
                 "checkpoint,seed,seconds,run,created,recipe\n"
                 "toy,\"k3,\"\"e6\"\"\",large,1x28x28/10,3000000,300000,0.04879"));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2);
}

class ProgramOnSeeds : public Program {
 protected:
  /// Two networks trained from scratch, one with three seeds.
  void SetUp() override {
    Store store(file_, Store::Mode::kReadWrite);
    const auto trained = [&](const std::string& key, std::int64_t seed, double top1, std::int64_t macs) {
      Evaluation e = sample(key, top1, macs);
      e.protocol = {.evaluator = "scratch", .dataset = "toy", .split = "test", .seed = seed, .recipe = "1a2b3c4d"};
      e.metrics = {{"top1", top1}, {"images", 100}};
      add(store, e);
    };
    trained("a", 0, 0.85, 3000000);
    trained("a", 1, 0.9, 3000000);
    trained("a", 2, 0.95, 3000000);
    trained("b", 7, 0.5, 1000000);
  }
};

TEST_F(ProgramOnSeeds, AccuraciesComeWithTheStandardErrorOfTheirImages) {
  const Outcome outcome = run("pareto DB --seed 7");
  EXPECT_EQ(outcome.out,
            "         top1    macs  params  run  space  arch\n"
            "50.00 ±5.00 %  1.00 M   100 k    -  toy    arch-b\n");
  const auto best = nlohmann::json::parse(run("pareto DB --seed 1 --json").out)["results"][0];
  EXPECT_EQ(best["metrics"], (nlohmann::json{{"top1", 0.9}, {"images", 100}}));
  EXPECT_EQ(best["standard_errors"].size(), 1U);
  EXPECT_NEAR(best["standard_errors"]["top1"], 0.03, 1e-12);
}

TEST_F(ProgramOnSeeds, MeansComeWithTheStandardErrorOfTheirSeeds) {
  expect_refused("pareto DB", "measured under 4 protocols");
  const Outcome outcome = run("pareto DB --mean --objectives top1:max,macs:min,seconds:min");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out,
            "         top1    macs           seconds  params  seeds  space  arch\n"
            "90.00 ±2.89 %  3.00 M  0.500 s ±0.000 s   300 k      3  toy    arch-a\n"
            "      50.00 %  1.00 M           0.500 s   100 k      1  toy    arch-b\n");
  EXPECT_EQ(outcome.err, "2 of 2 means over seeds are on the front\n");
}

TEST_F(ProgramOnSeeds, MeansAreWrittenAsJsonAndCsv) {
  const auto document = nlohmann::json::parse(run("pareto DB --mean --json").out);
  EXPECT_EQ(document["considered"], 2);
  const auto& best = document["results"][0];
  EXPECT_EQ(best["arch"], "arch-a");
  EXPECT_DOUBLE_EQ(best["metrics"]["top1"], 0.9);
  EXPECT_NEAR(best["standard_errors"]["top1"], 0.05 / std::sqrt(3), 1e-12);
  EXPECT_EQ(best["seeds"], (nlohmann::json{0, 1, 2}));
  EXPECT_EQ(best["evaluations"], (nlohmann::json{1, 2, 3}));
  EXPECT_EQ(best["recipe"], "1a2b3c4d");
  EXPECT_FALSE(best.contains("seed"));
  EXPECT_EQ(document["results"][1]["standard_errors"], nlohmann::json::object());

  const std::string text = run("pareto DB --mean --csv").out;
  EXPECT_THAT(text, StartsWith("space,arch,canonical,built_for,macs,params,images,top1,seconds,seeds,"
                               "seconds_standard_error,top1_standard_error,evaluator,dataset,split,fidelity,"
                               "calibration,checkpoint,recipe\n"
                               "toy,arch-a,a,1x28x28/10,3000000,300000,100,0.9"));
  EXPECT_THAT(text,
              HasSubstr("\ntoy,arch-b,b,1x28x28/10,1000000,100000,100,0.5,0.5,1,,,scratch,toy,test,,,,1a2b3c4d\n"));
}

TEST_F(ProgramOnSeeds, ASeedAloneHasNoMean) {
  expect_refused("pareto DB --mean --seed 1", "--seed leaves nothing to average; leave it or --mean out");
}

TEST_F(Program, ListsRuns) {
  const Outcome table = run("runs DB");
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.out, StartsWith("id  kind    name   space  state  progress  results  started"));
  EXPECT_THAT(table.out, HasSubstr(" 1  search  first  toy    done      100 %        1  20"));
  const auto document = nlohmann::json::parse(run("runs DB --json").out);
  ASSERT_EQ(document["results"].size(), 1U);
  EXPECT_EQ(document["results"][0]["state"], "done");
  EXPECT_EQ(document["results"][0]["config"]["budget"], 10);
  EXPECT_EQ(document["results"][0]["results"], 1);
}

TEST_F(Program, ExplainsWrongUsage) {
  expect_refused("", "which command? Known: ");
  expect_refused("paretto", "unknown command 'paretto'; did you mean 'pareto'?");
  expect_refused("pareto DB --objctives top1:max", "unknown option '--objctives'; did you mean '--objectives'?");
  expect_refused("pareto DB more", "unexpected argument 'more'; see frontier pareto --help");
  expect_refused("--jso", "unknown option '--jso'");
  expect_refused("pareto DB --limit 0", "--limit: 0 is out of range; allowed: 1 to 1000000000");
  expect_refused("pareto DB --limit x", "--limit");
  expect_refused("pareto DB --seed 1.5", "--seed");
  expect_refused("pareto DB --objectives", "--objectives");
  expect_refused("pareto DB --objectives top1", "objective 'top1': write name:min or name:max");
  expect_refused("pareto DB --objectives acc:max", "unknown objective 'acc'");
}

TEST_F(Program, ExplainsWrongInput) {
  expect_refused("pareto", "no results database at frontier.db");
  expect_refused("runs --db none.db", "no results database at none.db");
  expect_refused("runs --db /", "is a folder");
  expect_refused("runs --db mysql://x", "write a path or sqlite:///path");
  write_file(folder_ / "text.db", "not a database, and long enough to show it");
  expect_refused("pareto --db text.db", "text.db is not a SQLite database");
  expect_refused("pareto DB --evaluator supernet", "measured under 2 protocols");
  expect_refused("pareto DB --split search --run 7", "no run 7");
  expect_refused("pareto DB --split search --run firts", "did you mean 'first'?");
  expect_refused("pareto DB --split train", "--split: no results with 'train'; in this database: 'search', 'test'");
  expect_refused("pareto DB --space tou", "did you mean 'toy'?");
  expect_refused("pareto DB --where \"macs<=4M; DROP TABLE runs\"", "--where, position 9");
  expect_refused("pareto DB --where \"macs<=4M' OR '1'='1\"", "--where, position 9");
  expect_refused("pareto DB --where 'maccs<=4M'", "unknown field 'maccs'; did you mean 'macs'?");
  EXPECT_EQ(run("pareto DB --mix-protocols").exit_code, 0);
  EXPECT_EQ(cell_of(file_, "SELECT count(*) FROM runs"), "1");
}

TEST_F(Program, MeetsAFullOrClosedOutput) {
  expect_refused("pareto DB --split search >/dev/full", "cannot write the output: No space left on device", 1);
  const Outcome closed = run("pareto DB --split search --quiet; echo $? >code; } | { true");
  EXPECT_EQ(closed.err, "");
  EXPECT_EQ(read_file(folder_ / "code"), "0\n");
}

TEST_F(Program, TellsItsVersionAndHelp) {
  EXPECT_THAT(run("--version").out, ::testing::MatchesRegex("frontier [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  const Outcome help = run("pareto --help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("--mix-protocols"));
}

}  // namespace
}  // namespace frontier
