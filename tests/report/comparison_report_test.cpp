// What the report says of comparisons (`frontier compare`), from the document that their run keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/files.h"
#include "db/store.h"
#include "support/program.h"

namespace frontier {
namespace {

using nlohmann::json;
using testing_support::Outcome;
using testing_support::Program;

json figure(double mean, const json& sd) { return {{"mean", mean}, {"sd", sd}, {"values", {mean}}}; }

json arm(const std::string& name, const std::string& budget, double top1, const json& sd) {
  json item = {{"arm", name}, {"budget", budget}, {"steps", 2000}, {"relative_cost", 1.5}};
  for (const char* metric : {"top1", "top1_cheapest_bin", "top1_dearest_bin", "hypervolume"})
    item["metrics"][metric] = figure(top1, sd);
  item["metrics"]["macs"] = figure(5.5e11, sd);
  item["metrics"]["seconds"] = figure(90, sd);
  item["bins"] = {figure(top1 - 0.01, sd), figure(top1 + 0.01, sd)};
  return item;
}

/// Two arms under two budgets, in two bins.
json sample(const json& sd = 0.002) {
  json document = {{"data", "fashion_mnist"},
                   {"split", "test"},
                   {"reference", "uniform"},
                   {"seeds", {0, 1, 2}},
                   {"own", json::array()}};
  document["bins"] = {{{"min_macs", 200'000}, {"max_macs", 399'999}, {"archs", {"a", "b"}}},
                      {{"min_macs", 400'000}, {"max_macs", 600'000}, {"archs", {"c"}}}};
  for (const char* budget : {"steps", "cost"}) {
    document["results"].push_back(arm("uniform", budget, 0.85, sd));
    json other = arm("cost_bins", budget, 0.87, sd);
    other["differences"] = {{"top1", {{"mean", 0.02}}}, {"bins", json::array()}};
    if (!sd.is_null()) other["differences"]["top1"].update({{"low", 0.004}, {"high", 0.036}, {"verdict", "ahead"}});
    document["results"].push_back(other);
  }
  return document;
}

class ComparisonReport : public ::testing::Test {
 protected:
  std::int64_t store(const std::string& text) const {
    Store store(folder_ / "frontier.db", Store::Mode::kReadWrite);
    const std::int64_t run = store.begin_run(
        {.kind = "compare", .name = "samplers", .space = "mobile_cnn", .version = "1", .checkpoint = "comparison"});
    store.put_run_state(run, "comparison", text);
    store.update_run(run, {.state = RunState::kDone, .progress = 1.0});
    return run;
  }
  std::string page(const std::string& more = "") const {
    const Outcome outcome = Program(folder_.path().string()).shell("report --out report.html " + more);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read_file(folder_ / "report.html");
  }
  static json data_of(const std::string& page) {
    const std::string tag = "<script type=\"application/json\" id=\"data\">";
    const auto begin = page.find(tag) + tag.size();
    return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  }
  static bool has(const std::string& page, std::string_view text) { return page.find(text) != std::string::npos; }

  frontier::testing::TemporaryFolder folder_;
};

TEST_F(ComparisonReport, DrawsALineAnArmForEachBudget) {
  store(sample().dump());
  const std::string text = page();
  const json charts = data_of(text)["comparisons"];
  ASSERT_EQ(charts.size(), 2U);
  EXPECT_EQ(charts[0]["places"].dump(), "[0.3,0.5]");
  EXPECT_EQ(charts[0]["bins"][0], "200 k to 400 k MACs");
  EXPECT_EQ(charts[0]["y"], "Top-1 accuracy, test split (%)");
  ASSERT_EQ(charts[1]["lines"].size(), 2U);
  EXPECT_EQ(charts[1]["lines"][1]["name"], "cost_bins");
  EXPECT_EQ(charts[1]["lines"][1]["mean"].dump(), "[86.0,88.0]");
  EXPECT_EQ(charts[1]["lines"][1]["sd"].dump(), "[0.2,0.2]");
  for (const char* shown :
       {"Equal optimiser steps", "Equal training cost", "3 subnets in 2 bins, test split", "85.00 ± 0.20",
        "87.00 ± 0.20", "+50.0 %", "Less uniform", "+2.00", "+0.40 to +3.60", ">ahead<", "550 G"})
    EXPECT_TRUE(has(text, shown)) << shown;
  EXPECT_FALSE(has(text, "so there is no front"));
  EXPECT_TRUE(has(page("--run samplers"), "Equal training cost"));
}

TEST_F(ComparisonReport, SaysThatOneSeedHasNoInterval) {
  store(sample(nullptr).dump());
  const std::string text = page();
  EXPECT_TRUE(has(text, "none of one seed"));
  EXPECT_FALSE(has(text, ">ahead<"));
  EXPECT_FALSE(data_of(text)["comparisons"][0]["lines"][0].contains("sd"));
}

TEST_F(ComparisonReport, SaysWhatItCannotRead) {
  json few = sample(), hostile = sample();
  few["results"][1]["bins"].erase(0);
  hostile["results"][0]["arm"] = "</script><script>alert(1)</script>";
  store("{");
  store("{}");
  store(few.dump());
  store(hostile.dump());
  const std::string text = page();
  for (const char* note : {"What run 1 compared cannot be read.", "What run 2 compared cannot be read.",
                           "What run 3 compared cannot be read: an arm lacks figures."})
    EXPECT_TRUE(has(text, note)) << note;
  EXPECT_EQ(data_of(text)["comparisons"].size(), 2U);
  EXPECT_FALSE(has(text, "<script>alert"));
}

}  // namespace
}  // namespace frontier
