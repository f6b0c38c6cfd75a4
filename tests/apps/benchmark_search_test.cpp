// `frontier search` and `frontier evaluate` on recorded benchmarks: the real program, no LibTorch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "common/statistics.h"
#include "support/bad_input.h"
#include "support/sample_benchmark.h"

namespace frontier {
namespace {

using testing_support::BadInput;
using testing_support::Outcome;
using testing_support::Program;
using Arguments = std::vector<std::string>;
using nlohmann::json;

class BenchmarkSearch : public testing_support::BadInputTest {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    const auto& f = *folder_;
    const auto fill = [&](const char* name, const SampleBenchmark& sample) {
      Store store(f / name, Store::Mode::kReadWrite);
      write_benchmark(store, sample);
    };
    fill("full.db", {});
    fill("one.db", {.with_report = false});
    fill("part.db", {.every = 7, .with_report = false});
    std::filesystem::copy_file(f / "one.db", f / "lacking.db");
    {
      Store store(f / "lacking.db", Store::Mode::kReadWrite);
      SampleBenchmark test{.every = 7, .with_report = true, .dataset = "other"};
      write_benchmark(store, test);
    }
    Store store(f / "none.db", Store::Mode::kReadWrite);
  }

  static Arguments with(Arguments first, const Arguments& rest) {
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
  }
  static Arguments search(const std::string& db, const Arguments& rest) {
    return with({"search", "--evaluator", "benchmark", "--quiet", "--json", "--db", db}, rest);
  }
  /// Of full.db, both tables.
  static Arguments search_full(const std::string& db, const Arguments& rest) {
    return with(search(db, {"--split", "validation", "--report-split", "test", "--report-fidelity", "200 epochs"}),
                rest);
  }
  static json run(const Arguments& arguments) {
    const Outcome outcome = Program(folder_->path().string()).run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }
  /// A copy that a test may write into.
  static std::string copy_of(const std::string& db) {
    static int number = 0;
    const std::string name = "copy" + std::to_string(number++) + ".db";
    std::filesystem::copy_file(*folder_ / db, *folder_ / name);
    return name;
  }
  static json without_run(json document) {
    document.erase("run");
    return document;
  }

  const std::shared_ptr<const SearchSpace> space_ = make_space("nas_bench_macro");
  const CostTable costs_ = space_->cost_table(space_->default_input());
};

TEST_F(BenchmarkSearch, EvaluatePrintsWhatIsStored) {
  const Arguments evaluate{"evaluate", "--evaluator", "benchmark", "--db", "full.db", "--arch", "22212220"};
  const Architecture arch = space_->parse("22212220");
  const json both = run(with(evaluate, {"--json"}));
  ASSERT_EQ(both["results"].size(), 2U);
  const json one = run(with(evaluate, {"--json", "--split", "test", "--dataset", "cifar10", "--fidelity", "200 epochs",
                                       "--space", "nas_bench_macro", "--seed", "0"}));
  ASSERT_EQ(one["results"].size(), 1U);
  const json& result = one["results"][0];
  EXPECT_EQ(result["metrics"]["top1"], sample_top1(costs_, arch, 2));
  EXPECT_EQ(result["split"], "test");
  EXPECT_EQ(result["seconds"], 1000);
  EXPECT_EQ(result["macs"], costs_.macs(arch));
  const Outcome text = Program(folder_->path().string()).run(evaluate);
  EXPECT_THAT(text.out, ::testing::HasSubstr("latency_ms.phone"));
  EXPECT_THAT(text.out, ::testing::HasSubstr("cifar10, test split, 200 epochs"));
}

TEST_F(BenchmarkSearch, OneSearchRecordsWhatItUsed) {
  const std::string db = copy_of("full.db");
  const json found = run(search_full(db, {"--searcher", "local", "--budget", "300", "--max-macs", "60M,120M"}));
  ASSERT_EQ(found["results"].size(), 2U);
  for (const json& item : found["results"]) {
    const Architecture best = space_->parse(item["best"]["arch"].get<std::string>());
    EXPECT_LE(item["best"]["macs"], item["max_macs"]);
    EXPECT_EQ(item["best"]["metrics"]["top1"], sample_top1(costs_, best, 1));
    EXPECT_EQ(item["best"]["report_metrics"]["top1"], sample_top1(costs_, best, 2));
  }
  EXPECT_EQ(found["searched"]["split"], "validation");
  EXPECT_EQ(found["reported"]["fidelity"], "200 epochs");
  const std::string id = std::to_string(found["run"].get<int>());
  const json info = run({"runs", "--db", db, "--run", id, "--json"})["results"][0];
  EXPECT_EQ(info["results"], 300);
  EXPECT_EQ(info["state"], "done");
  const json front = run({"pareto", "--db", db, "--run", id, "--json"});
  EXPECT_EQ(front["considered"], 300);
  EXPECT_EQ(front["results"][0]["metrics"]["top1"], found["results"][1]["best"]["metrics"]["top1"]);
}

TEST_F(BenchmarkSearch, TheOnlyTableNeedsNoOptions) {
  const json found = run(search(copy_of("one.db"), {"--budget", "20"}));
  EXPECT_EQ(found["searched"],
            (json{{"dataset", "cifar10"}, {"split", "validation"}, {"fidelity", "12 epochs"}, {"seed", 0}}));
  EXPECT_FALSE(found["results"][0]["best"].contains("report_metrics"));
}

/// The oracle of repeats: the same searches one by one.
TEST_F(BenchmarkSearch, RepeatsAreTheSingleSearchesOfTheirSeeds) {
  constexpr int kRepeats = 5, kBudget = 60;
  for (const std::string searcher : {"random", "local", "evolution", "nsga2"}) {
    SCOPED_TRACE(searcher);
    const std::string db = copy_of("full.db");
    const Arguments settings{"--searcher", searcher, "--objectives", "top1:max,macs:min",
                             "--max-macs", "100M",   "--budget",     std::to_string(kBudget)};
    std::vector<std::vector<double>> best(kBudget), reported(kBudget);
    std::set<std::int64_t> used;
    Store store(*folder_ / db, Store::Mode::kReadWrite);
    for (int seed = 7; seed < 7 + kRepeats; ++seed) {
      const json one = run(search_full(db, with(settings, {"--seed", std::to_string(seed)})));
      const auto curve = store.curve(one["run"], "search/best_top1");
      ASSERT_EQ(curve.size(), static_cast<std::size_t>(kBudget));
      for (int i = 0; i < kBudget; ++i)
        best[static_cast<std::size_t>(i)].push_back(curve[static_cast<std::size_t>(i)].value);
      reported.back().push_back(one["results"][0]["best"]["report_metrics"]["top1"]);
      Filter filter;
      filter.run = one["run"].get<std::int64_t>();
      for (const auto& result : store.results(filter)) used.insert(result.id);
    }
    const json many = run(search_full(db, with(settings, {"--seed", "7", "--repeat", std::to_string(kRepeats)})));
    const std::int64_t id = many["run"];
    // Brute force: the best within the budget.
    double top = 0, top_reported = 0;
    for (const auto& arch : testing_support::all_choices(*space_)) {
      if (costs_.macs(arch) > 100'000'000) continue;
      top = std::max(top, sample_top1(costs_, arch, 1));
      top_reported = std::max(top_reported, sample_top1(costs_, arch, 2));
    }
    const auto means = store.curve(id, "best/top1/mean"), regrets = store.curve(id, "regret/top1/mean"),
               low = store.curve(id, "best/top1/q10"), median = store.curve(id, "best/top1/q50");
    ASSERT_EQ(means.size(), static_cast<std::size_t>(kBudget));
    for (std::size_t i = 0; i < kBudget; ++i) {
      std::sort(best[i].begin(), best[i].end());
      EXPECT_EQ(means[i].step, static_cast<std::int64_t>(i) + 1);
      EXPECT_NEAR(means[i].value, mean(best[i]), 1e-12);
      EXPECT_NEAR(regrets[i].value, top - mean(best[i]), 1e-12);
      EXPECT_NEAR(low[i].value, quantile(best[i], 0.1), 1e-12);
      EXPECT_NEAR(median[i].value, best[i][2], 1e-12);
    }
    const json& last = many["results"].back();
    EXPECT_EQ(last["evaluations"], kBudget);
    EXPECT_NEAR(last["report_best/top1"]["mean"], mean(reported.back()), 1e-12);
    EXPECT_NEAR(last["report_regret/top1"]["mean"], top_reported - mean(reported.back()), 1e-12);
    EXPECT_NEAR(last["report_best/top1"]["sd"], standard_deviation(reported.back()), 1e-12);
    EXPECT_EQ(last["simulated/seconds"]["mean"], 60 * kBudget);
    EXPECT_EQ(many["table"]["best"]["metrics"]["top1"], top);
    std::vector<double> ends = best.back();
    EXPECT_EQ(many["best"]["metrics"]["top1"], ends.back());
    // Every evaluation is linked once, and none is stored anew.
    EXPECT_EQ(many["evaluations_used"], used.size());
    EXPECT_EQ(run({"runs", "--db", db, "--run", std::to_string(id), "--json"})["results"][0]["results"], used.size());
    // 15, 30 and 60 evaluations; the hypervolume grows towards the true front's.
    ASSERT_EQ(many["results"].size(), 3U);
    double volume = 0;
    for (const json& item : many["results"]) {
      EXPECT_GE(item["hypervolume/relative"]["mean"], volume);
      volume = item["hypervolume/relative"]["mean"];
    }
    EXPECT_GT(volume, 0.5);
    EXPECT_LE(volume, 1);
  }
}

TEST_F(BenchmarkSearch, TheHypervolumeOfEverythingIsThatOfTheTrueFront) {
  const json all =
      run(search(copy_of("full.db"), {"--split", "test", "--objectives", "top1:max,latency_ms.phone:min", "--searcher",
                                      "random", "--max-macs", "30M", "--budget", "7000", "--repeat", "2"}));
  EXPECT_NEAR(all["results"].back()["hypervolume/relative"]["mean"], 1, 1e-12);
  EXPECT_NEAR(all["results"].back()["regret/top1"]["mean"], 0, 1e-12);
  EXPECT_TRUE(all["hypervolume_reference"].contains("latency_ms.phone"));
}

TEST_F(BenchmarkSearch, ThreadsAndGroupingOfThreadsChangeNothing) {
  for (const std::string searcher : {"random", "local", "evolution", "nsga2"}) {
    const auto found = [&](const std::string& threads) {
      return without_run(
          run(search_full(copy_of("full.db"), {"--searcher", searcher, "--objectives", "top1:max,macs:min", "--budget",
                                               "80", "--repeat", "9", "--threads", threads})));
    };
    const json alone = found("1");
    EXPECT_EQ(found("2"), alone);
    EXPECT_EQ(found("8"), alone);
  }
}

TEST_F(BenchmarkSearch, GoesOnWhereItWasInterrupted) {
  for (const std::string searcher : {"local", "evolution"}) {
    const std::string whole = copy_of("full.db"), cut = copy_of("full.db");
    const auto command = [&](const std::string& db) {
      return search_full(db, {"--searcher", searcher, "--budget", "3000", "--resume"});
    };
    const json expected = without_run(run(command(whole)));
    const Outcome stopped = Program(folder_->path().string()).run(command(cut), false, [&](pid_t process) {
      // From the first commit on there is something to go on from.
      for (int i = 0; i < 3000; ++i) {
        const auto runs = Store(*folder_ / cut, Store::Mode::kReadOnly).runs();
        if (!runs.empty() && runs.back().progress > 0) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      ::kill(process, SIGINT);
    });
    EXPECT_TRUE(stopped.exit_code == 130 || stopped.exit_code == 0) << stopped.err;  // 0: it was faster than the signal
    EXPECT_EQ(without_run(run(command(cut))), expected);
    EXPECT_EQ(Store(*folder_ / cut, Store::Mode::kReadOnly).runs().size(), 1U);
    EXPECT_EQ(without_run(run(command(cut))), expected) << "a finished one only reports";
    EXPECT_EQ(run({"runs", "--db", cut, "--json"})["results"][0]["results"], 3000);
  }
}

TEST_F(BenchmarkSearch, WrongInputIsRefusedBeforeAnythingIsStored) {
  expect_all_refused({
      BadInput{"NoBenchmark", search("none.db", {}), 2, {"holds no benchmark", "frontier import"}},
      BadInput{"NoDatabase", search("missing.db", {}), 2, {"missing.db"}},
      BadInput{"UnknownSpace", search("full.db", {"--space", "nas_bench_macr"}), 2, {"nas_bench_macr", "did you mean"}},
      BadInput{
          "SeveralTables", search("full.db", {}), 2, {"2 tables fit", "--split, --fidelity", "\n  nas_bench_macro"}},
      BadInput{"UnknownDataset",
               search("full.db", {"--dataset", "cifar"}),
               2,
               {"no benchmark is stored with --dataset 'cifar'", "cifar10"}},
      BadInput{"UnknownReport",
               search("full.db", {"--split", "validation", "--report-fidelity", "90 epochs"}),
               2,
               {"--report-fidelity '90 epochs'", "200 epochs"}},
      BadInput{"ObjectiveOfAnotherTable",
               search("full.db", {"--split", "validation", "--objectives", "top1:max,latency_ms.phone:min"}),
               2,
               {"'latency_ms.phone' is not in the table", "cifar10, validation split, 12 epochs",
                "it is in: cifar10, test split, 200 epochs"}},
      BadInput{"UnknownObjective",
               search("one.db", {"--objectives", "topp1:max"}),
               2,
               {"unknown objective 'topp1'", "did you mean 'top1'?"}},
      BadInput{"ReportLacksTheObjective",
               search("full.db",
                      {"--split", "test", "--objectives", "latency_ms.phone:min", "--report-split", "validation"}),
               2,
               {"latency_ms.phone", "cifar10, validation split, 12 epochs"}},
      BadInput{"ImpossibleBudget", search("one.db", {"--max-macs", "5"}), 2, {"max_macs = 5", "cheapest"}},
      BadInput{"ImpossibleBudgetRepeated",
               search("one.db", {"--max-macs", "5", "--repeat", "3"}),
               2,
               {"max_macs = 5", "cheapest"}},
      BadInput{"SeveralBudgetsRepeated",
               search("one.db", {"--max-macs", "50M,60M", "--repeat", "3"}),
               2,
               {"--repeat searches one budget at a time"}},
      BadInput{"ReportTableIsPartial",
               search("lacking.db",
                      {"--dataset", "cifar10", "--report-dataset", "other", "--report-split", "test", "--repeat", "2"}),
               2,
               {"table to report by", "has no value for"}},
      BadInput{"SearcherWithoutItsGenerator",
               search("one.db", {"--searcher", "shiftnas"}),
               2,
               {"searcher 'shiftnas' asks a generator", "a recorded benchmark has none"}},
      BadInput{"RepeatAndResume", search("one.db", {"--repeat", "3", "--resume"}), 2, {"nothing to --resume"}},
      BadInput{"RepeatOfNothing", search("one.db", {"--repeat", "0"}), 2, {"--repeat"}},
      BadInput{"Checkpoint", search("one.db", {"--checkpoint", "x"}), 2, {"--checkpoint has no effect"}},
      BadInput{"Evaluation", search("one.db", {"--set", "evaluation.images=5"}), 2, {"'evaluation'", "no effect on"}},
      BadInput{"NoCheckpoint", {"search"}, 2, {"--checkpoint is required"}},
      BadInput{"TableOfASupernet", {"search", "--checkpoint", "x", "--dataset", "y"}, 2, {"--dataset", "no effect"}},
      BadInput{"RepeatOfASupernet", {"search", "--checkpoint", "x", "--repeat", "3"}, 2, {"--repeat has no effect"}},
      BadInput{"EvaluateWhatIsNotThere",
               {"evaluate", "--evaluator", "benchmark", "--db", "part.db", "--arch", "22212221"},
               2,
               {"has no value for 22212221", "architectures of 'nas_bench_macro'"}},
      BadInput{
          "EvaluateOtherFidelity",
          {"evaluate", "--evaluator", "benchmark", "--db", "part.db", "--arch", "00000000", "--fidelity", "9 epochs"},
          2,
          {"--fidelity '9 epochs'"}},
      BadInput{"EvaluateWithSettings",
               {"evaluate", "--evaluator", "benchmark", "--db", "part.db", "--arch", "00000000", "--lr", "1"},
               2,
               {"no effect on --evaluator benchmark"}},
  });
}

TEST_F(BenchmarkSearch, APartialTableIsSearchedAmongItsOwnNetworks) {
  const Store part(*folder_ / "part.db", Store::Mode::kReadOnly);
  const std::size_t num_networks = part.tables()[0].num_results;
  ASSERT_GT(num_networks, 900U);
  double best = 0;
  for (const Result& result : part.results()) best = std::max(best, result.metrics.at("top1"));
  for (const std::string searcher : {"random", "local", "evolution", "nsga2"}) {
    SCOPED_TRACE(searcher);
    const std::string db = copy_of("part.db");
    const json all = run(search(db, {"--searcher", searcher, "--budget", "5000", "--objectives", "top1:max"}));
    EXPECT_EQ(all["results"][0]["evaluated"], num_networks) << "all of the table, and nothing else";
    EXPECT_EQ(all["results"][0]["best"]["metrics"]["top1"], best);
    const json repeated =
        run(search(db, {"--searcher", searcher, "--budget", "100", "--repeat", "4", "--objectives", "top1:max"}));
    EXPECT_EQ(repeated["repeats"], 4);
    for (const auto& stored : Store(*folder_ / db, Store::Mode::kReadOnly).runs())
      EXPECT_EQ(stored.state, RunState::kDone);
  }
  std::set<std::int64_t> stored;
  for (const Result& result : part.results()) stored.insert(result.architecture.macs);
  for (const auto& arch : testing_support::all_choices(*space_)) {
    if (stored.contains(costs_.macs(arch))) continue;
    const std::string macs = std::to_string(costs_.macs(arch));
    testing_support::expect_refused(
        Program(folder_->path().string()).run(search("part.db", {"--max-macs", macs, "--min-macs", macs})),
        {"", {}, 2, {"nothing in the table has from " + macs + " to " + macs + " MACs"}});
    return;
  }
  FAIL() << "the table has a network of every cost";
}

TEST_F(BenchmarkSearch, TheReportShowsRegretOfAllSearchersInOneChart) {
  const std::string db = copy_of("full.db");
  for (const std::string searcher : {"random", "local", "evolution"})
    run(search_full(db, {"--searcher", searcher, "--budget", "50", "--repeat", "4"}));
  run(search_full(db, {"--searcher", "random", "--budget", "50", "--repeat", "4", "--max-macs", "60M"}));
  run({"report", "--db", db, "--out", "report.html", "--json"});
  const std::string page = read_file(*folder_ / "report.html");
  const auto data_at = page.find("id=\"data\">") + 10;
  const json data = json::parse(page.substr(data_at, page.find("</script>", data_at) - data_at));
  ASSERT_EQ(data["regrets"].size(), 4U) << "searched and reported, with and without the budget";
  std::size_t full = 0;
  for (const json& chart : data["regrets"]) {
    EXPECT_EQ(chart["x"], "subnets evaluated");
    EXPECT_EQ(chart["y"], "regret (points)");
    if (chart["lines"].size() != 3) continue;
    ++full;
    EXPECT_EQ(chart["lines"][0]["name"], "random");
    EXPECT_EQ(chart["lines"][2]["name"], "evolution");
    for (const json& line : chart["lines"]) {
      ASSERT_EQ(line["mean"].size(), 50U);
      for (std::size_t i = 0; i < 50; ++i) EXPECT_LE(line["low"][i], line["high"][i]);
    }
  }
  EXPECT_EQ(full, 2U);
  for (const json& chart : data["curves"]) EXPECT_EQ(chart.dump().find("regret"), std::string::npos);
  EXPECT_THAT(page, ::testing::HasSubstr("chosen by cifar10, validation split, 12 epochs"));
}

}  // namespace
}  // namespace frontier
