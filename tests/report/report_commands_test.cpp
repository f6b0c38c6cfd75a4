// The commands that a report prints for a chosen network, run as they are printed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "common/files.h"
#include "db/store.h"
#include "support/program.h"

namespace frontier {
namespace {

using ::testing::HasSubstr;
using testing_support::Outcome;
using testing_support::Program;

/// A supernet, trained and searched for a moment, and its report.
class ReportCommands : public ::testing::Test {
 protected:
  ReportCommands() {
    const std::string images =
        " --data synthetic --set data.synthetic.train_size=200 --set data.synthetic.test_size=50 --set "
        "evaluation.calibration_images=64 --set evaluation.calibration_batch=32";
    succeed(
        "frontier train --space mobile_cnn --sampler uniform --steps 3 --batch-size 16 --lr 0.05 --seed 4 --out \"a "
        "net's \" "
        "--set final_random_subnets=1 --db results.db --quiet" +
        images);
    succeed(
        "frontier search --checkpoint \"a net's \" --searcher random --budget 8 --max-macs 600k --db results.db "
        "--quiet "
        "--set evaluation.calibration_images=32");
    succeed("frontier report --db results.db --out report.html");
    const std::string page = read_file(folder_ / "report.html");
    std::smatch count;
    if (std::regex_search(page, count, std::regex("Table of the front \\(([0-9]+) networks?\\)")))
      num_on_front_ = std::stoul(count[1]);
    const std::regex command("<summary>([^<]*)</summary><pre id=\"command-[^\"]*\" tabindex=\"0\">([^<]*)</pre>");
    for (std::sregex_iterator it(page.begin(), page.end(), command), end; it != end; ++it) {
      std::string line = (*it)[2];
      for (const auto& [entity, text] :
           {std::pair("&quot;", "\""), std::pair("&#39;", "'"), std::pair("&gt;", ">"), std::pair("&amp;", "&")})
        line = std::regex_replace(line, std::regex(entity), text);
      commands_.try_emplace((*it)[1], line);
    }
  }

  /// What a shell makes of a line in which the program is called `frontier`.
  Outcome shell(const std::string& line) const {
    const std::string function = "frontier() { \"$FRONTIER_BINARY\" \"$@\"; }; ";
    return program_.shell("--version >/dev/null; " + function + line);
  }
  Outcome succeed(const std::string& line) const {
    const Outcome outcome = shell(line);
    EXPECT_EQ(outcome.exit_code, 0) << line << "\n" << outcome.err;
    return outcome;
  }
  std::string command(const std::string& purpose) const {
    const auto found = commands_.find(purpose);
    EXPECT_NE(found, commands_.end()) << purpose;
    return found == commands_.end() ? "false" : found->second;
  }

  testing::TemporaryFolder folder_;
  Program program_{folder_.path().string()};
  std::map<std::string, std::string> commands_;
  std::size_t num_on_front_ = 0;
};

TEST_F(ReportCommands, DoWhatTheySay) {
  succeed(command("Export as ONNX"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "network-A.onnx"));
  EXPECT_THAT(succeed("frontier check network-A.onnx").out, HasSubstr("mobile_cnn"));

  const std::size_t before = Store(folder_ / "results.db", Store::Mode::kReadOnly).results({.split = "test"}).size();
  succeed(command("Measure on test images"));
  EXPECT_EQ(Store(folder_ / "results.db", Store::Mode::kReadOnly).results({.split = "test"}).size(), before)
      << "measured as the search did, the best is known already";

  succeed(command("Train it alone, as the supernet was"));
  const auto run = nlohmann::json::parse(read_file(folder_ / "network-A/run.json"));
  const auto supernet = nlohmann::json::parse(read_file(folder_ / "a net's /run.json"));
  for (const char* part : {"data", "loader", "trainer", "evaluation", "seed"})
    EXPECT_EQ(run["config"][part], supernet["config"][part]) << part;

  const auto front = nlohmann::json::parse(succeed(command("Print this front") + " --json").out);
  EXPECT_EQ(front["results"].size(), num_on_front_);
}

TEST_F(ReportCommands, ExportANetworkThatWasTrainedAlone) {
  succeed(command("Train it alone, as the supernet was"));
  succeed("frontier report --db results.db --out alone.html --run 3");
  const std::string page = read_file(folder_ / "alone.html");
  EXPECT_THAT(page, HasSubstr("frontier export --checkpoint network-A --format onnx"));
  succeed("frontier export --checkpoint network-A --format onnx --preprocess --out network-B.onnx --db results.db");
}

}  // namespace
}  // namespace frontier
