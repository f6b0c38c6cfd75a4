// Networks of a checkpoint as files of their own: what was measured is what is taken away.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>

#include "common/files.h"
#include "common/text.h"
#include "datasets/dataset.h"
#include "db/store.h"
#include "exports/model.h"
#include "jobs/torch/register.h"
#include "jobs/torch/train_config.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using testing_support::expect_usage_error;

const std::string kArch = "8 | 8: k3e2 | 16: k3e2 | 32: k3e2", kOther = "8 | 8: k5e2 | 16: k3e2 | 32: k3e2";

class Notes : public Observer {
 public:
  void note(const std::string& line) override { text += line + "\n"; }
  std::string text;
};

/// A supernet, and a network alone, of a few steps on synthetic images.
class ExportTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    Registries registries;
    register_torch(registries);
    Observer silent;
    for (const auto& [out, sampler] : {std::pair{"supernet", nlohmann::json{{"name", "uniform"}}},
                                       std::pair{"alone", nlohmann::json{{"name", "fixed"}, {"arch", kArch}}}})
      registries.run("train", {{"db", *folder_ / "train.db"}, {"out", *folder_ / out}, {"config", config(sampler)}},
                     silent);
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  ExportTest() { register_torch(registries_); }

  static nlohmann::json data() {
    return {{"name", "synthetic"}, {"search_size", 40}, {"synthetic", {{"train_size", 300}, {"test_size", 200}}}};
  }
  static nlohmann::json config(const nlohmann::json& sampler) {
    return {{"space", "mobile_cnn"},
            {"sampler", sampler},
            {"data", data()},
            {"loader", {{"batch_size", 16}}},
            {"trainer", {{"steps", 12}}},
            {"evaluation", {{"calibration_images", 64}, {"calibration_batch", 32}}},
            {"final_random_subnets", 0}};
  }

  nlohmann::json settings(const nlohmann::json& more) const {
    nlohmann::json all = {{"checkpoint", *folder_ / "supernet"}, {"arch", kArch}, {"out", own_ / "net.onnx"}};
    all.update(more);
    return all;
  }
  nlohmann::ordered_json run_export(const nlohmann::json& more) {
    return registries_.run("export", settings(more), notes_);
  }
  void expect_refused(const nlohmann::json& more, const std::vector<std::string>& words) {
    expect_usage_error([&] { run_export(more); }, words);
  }

  static testing::TemporaryFolder* folder_;
  testing::TemporaryFolder own_;
  Registries registries_;
  Notes notes_;
};

testing::TemporaryFolder* ExportTest::folder_ = nullptr;

/// Right answers among the test images, by the exported network.
double right_answers(const Model& model, const DataOptions& options) {
  const Dataset test = load_data(options).test;
  return (model(test.images).argmax(1) == test.labels).sum().item<double>();
}

TEST_F(ExportTest, WhatWasMeasuredIsTakenAwayToTheLastImage) {
  const std::string db = own_ / "results.db";
  const auto measured = registries_.run(
      "evaluate", {{"db", db}, {"checkpoint", *folder_ / "supernet"}, {"split", "test"}, {"archs", {kOther, kArch}}},
      notes_);
  const double top1 = measured["results"][1]["metrics"]["top1"];
  DataOptions options;
  read_options(data(), "data", options);
  for (const char* format : {"onnx", "safetensors"}) {
    const std::string out = own_ / (std::string("net.") + format);
    const auto document = run_export({{"db", db}, {"format", format}, {"out", out}});
    EXPECT_EQ(document["statistics"], "stored");
    EXPECT_EQ(document["arch"], kArch);
    EXPECT_EQ(document["macs"], measured["results"][1]["macs"]);
    EXPECT_EQ(document["params"], measured["results"][1]["params"]);
    EXPECT_EQ(document["reference"]["difference"], 0.0);
    EXPECT_EQ(right_answers(read_model(out), options), std::round(top1 * 200)) << format;
  }
  EXPECT_NE(notes_.text.find("those that the network was measured with"), std::string::npos);
  EXPECT_EQ(run_export({{"arch", kOther}, {"db", db}, {"out", own_ / "other.onnx"}})["statistics"], "stored");
}

TEST_F(ExportTest, WithoutStoredStatisticsItCalibratesAlikeAndSaysSo) {
  const std::string db = own_ / "results.db";
  registries_.run("evaluate", {{"db", db}, {"checkpoint", *folder_ / "supernet"}, {"archs", {kArch}}}, notes_);
  const auto stored = run_export({{"db", db}, {"format", "safetensors"}, {"out", own_ / "a.safetensors"}});
  const auto made = run_export({{"format", "safetensors"}, {"out", own_ / "b.safetensors"}});
  EXPECT_EQ(made["statistics"], "calibrated");
  EXPECT_NE(notes_.text.find("no batch-norm statistics of this network are stored: batch norm recalibrated on 64"),
            std::string::npos);
  EXPECT_EQ(read_file(own_ / "a.safetensors"), read_file(own_ / "b.safetensors"));
  // Calibrated in another way, it is another network.
  const auto other = run_export({{"db", db},
                                 {"config", {{"evaluation", {{"calibration_images", 32}}}}},
                                 {"format", "safetensors"},
                                 {"out", own_ / "c.safetensors"}});
  EXPECT_EQ(other["statistics"], "calibrated");
  EXPECT_NE(other["calibration"], stored["calibration"]);
  EXPECT_NE(read_file(own_ / "a.safetensors"), read_file(own_ / "c.safetensors"));
}

TEST_F(ExportTest, ASearchStoresTheStatisticsOfWhatItEndsWithAlone) {
  const std::string db = own_ / "results.db";
  const auto found = registries_.run("search",
                                     {{"db", db},
                                      {"checkpoint", *folder_ / "supernet"},
                                      {"searcher", "random"},
                                      {"budget", 6},
                                      {"max_macs", {600'000, 1'000'000}}},
                                     notes_);
  std::set<std::string> best;
  for (const auto& item : found["results"]) best.insert(item["best"]["arch"].get<std::string>());
  const Store store(db, Store::Mode::kReadOnly);
  std::set<std::string> kept;
  for (const Result& result : store.results()) {
    const auto& network = result.architecture;
    if (store.statistics(network.space, network.built_for, network.canonical, result.protocol.checkpoint,
                         result.protocol.calibration))
      kept.insert(network.canonical);
  }
  EXPECT_EQ(kept, best);
  EXPECT_GT(store.results().size(), best.size());
}

TEST_F(ExportTest, TakesTheBestMeasuredWithinABudget) {
  const std::string db = own_ / "results.db";
  const nlohmann::json search = {{"db", db},
                                 {"checkpoint", *folder_ / "supernet"},
                                 {"searcher", "random"},
                                 {"budget", 12},
                                 {"max_macs", {600'000, 3'000'000}}};
  registries_.run("search", search, notes_);
  const auto stored = Store(db, Store::Mode::kReadOnly).results({.split = "search"});
  for (const std::int64_t most : {500'000, 600'000, 3'000'000}) {
    double best = -1, exported = -2;
    const auto document = run_export({{"db", db}, {"arch", ""}, {"max_macs", most}, {"overwrite", true}});
    EXPECT_LE(document["macs"], most);
    for (const Result& result : stored) {
      const double top1 = result.metrics.at("top1");
      if (result.architecture.macs <= most) best = std::max(best, top1);
      if (result.architecture.arch == document["arch"]) exported = top1;
    }
    EXPECT_EQ(exported, best);
    EXPECT_NE(notes_.text.find("networks measured: top1 " + exact(best)), std::string::npos);
  }
  const nlohmann::json small = {{"db", db}, {"arch", ""}, {"out", own_ / "x"}, {"max_macs", 1000}};
  expect_refused(small, {"keeps to the limits; frontier search measures some"});
  expect_refused({{"db", db}, {"max_params", 1000}, {"out", own_ / "x"}}, {"--arch, or --max-macs", "not both"});
  expect_refused({{"arch", ""}, {"max_params", 1'000'000}, {"out", own_ / "x"}}, {"frontier search measures some"});
  expect_refused({{"checkpoint", *folder_ / "alone"}, {"arch", ""}, {"max_macs", 1'000'000}, {"out", own_ / "x"}},
                 {"alone: there is nothing to choose"});
  // Measured on two numbers of images, they cannot be compared.
  nlohmann::json fewer = search;
  fewer["evaluation"] = {{"images", 20}};
  registries_.run("search", fewer, notes_);
  expect_refused({{"db", db}, {"arch", ""}, {"out", own_ / "x"}, {"max_macs", 600'000}}, {"cannot be compared"});
}

TEST_F(ExportTest, OfOneNetworkNeedsNoArchitecture) {
  const nlohmann::json alone = {{"checkpoint", *folder_ / "alone"}, {"arch", ""}};
  EXPECT_EQ(run_export(alone)["arch"], kArch);
  EXPECT_EQ(read_model(own_ / "net.onnx").info.arch, kArch);
  expect_refused({{"checkpoint", *folder_ / "alone"}, {"arch", kOther}, {"out", own_ / "x"}},
                 {"holds the weights of " + kArch + " alone, not of " + kOther});
  expect_refused({{"arch", ""}, {"out", own_ / "x"}}, {"a supernet of 'mobile_cnn'", "--arch"});
}

TEST_F(ExportTest, WritesEveryFormatWithWhatItSays) {
  for (const char* format : {"onnx", "pytorch", "safetensors", "dot"}) {
    const std::string out = own_ / (std::string("net.") + (std::string(format) == "pytorch" ? "py" : format));
    const auto document = run_export({{"format", format}, {"out", out}});
    EXPECT_EQ(document["files"].size(), std::string(format) == "pytorch" ? 2U : 1U);
    for (const auto& file : document["files"]) EXPECT_EQ(fs::file_size(file["path"].get<std::string>()), file["bytes"]);
    EXPECT_EQ(document.contains("reference"), std::string(format) != "dot");
    fs::remove(own_ / "net.safetensors");
  }
  EXPECT_EQ(read_file(own_ / "net.dot").find("digraph \"mobile_cnn: " + kArch + "\""), 0U);
  const Model model = read_model(own_ / "net.onnx");
  EXPECT_EQ(model.info.space, "mobile_cnn");
  EXPECT_EQ(model.info.dataset, "synthetic");
  EXPECT_EQ(model.info.classes, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  EXPECT_EQ(model.info.built_for, "1x28x28/10");
  EXPECT_EQ(model.info.mean.size(), 1U);
  EXPECT_EQ(model.info.checkpoint.size(), 8U);
}

TEST_F(ExportTest, TakesPixelsWhereAsked) {
  run_export({{"preprocess", true}});
  const Model model = read_model(own_ / "net.onnx");
  EXPECT_EQ(model.info.input, kBytes);
  EXPECT_EQ(model.reference_input.scalar_type(), at::kByte);
  expect_refused({{"preprocess", true}, {"format", "dot"}}, {"--preprocess has no effect on --format dot"});
}

TEST_F(ExportTest, RefusesBeforeItWorks) {
  write_file(own_ / "there", "mine");
  expect_refused({{"out", own_ / "there"}}, {"is there already; --overwrite replaces it"});
  EXPECT_EQ(read_file(own_ / "there"), "mine");
  run_export({{"out", own_ / "there"}, {"overwrite", true}});
  EXPECT_NE(read_file(own_ / "there"), "mine");
  expect_refused({{"out", own_.path().string()}}, {"is a folder; name a file"});
  expect_refused({{"out", ""}}, {"needs --out"});
  expect_refused({{"checkpoint", ""}}, {"needs --checkpoint"});
  expect_refused({{"format", "onx"}}, {"did you mean 'onnx'"});
  expect_refused({{"format", "pytorch"}, {"out", own_ / "net"}}, {"NAME.py"});
  expect_refused({{"format", "pytorch"}, {"out", own_ / "there.py"}, {"checkpoint", own_ / "nothing"}}, {"nothing"});
  expect_refused({{"config", {{"trainer", 1}}}}, {"'trainer' has no effect on export"});
  expect_refused({{"arch", "8 | 9"}}, {"'9' is not allowed"});
  expect_refused({{"db", own_ / "no.db"}}, {"no.db"});
}

constexpr const char* kChanged = "stem.bn.mean";

/// Where the values of a tensor begin: behind its name, the tag of raw_data and their size.
std::size_t place_in_onnx(const std::string& bytes) {
  const std::size_t at = bytes.find(std::string(kChanged) + "\x4a");
  EXPECT_NE(at, std::string::npos);
  return at + std::string(kChanged).size() + 2;
}

std::size_t place_in_safetensors(const std::string& bytes) {
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  const auto header = nlohmann::json::parse(bytes.substr(sizeof size, size));
  return sizeof size + size + header.at(kChanged).at("data_offsets").at(0).get<std::size_t>();
}

TEST_F(ExportTest, CheckRunsWhatWasWrittenAndNoticesAChange) {
  for (const char* format : {"onnx", "safetensors"}) {
    const std::string out = own_ / (std::string("net.") + format);
    run_export({{"format", format}, {"out", out}});
    const auto document = registries_.run("check", {{"file", out}}, notes_);
    EXPECT_EQ(document["arch"], kArch);
    EXPECT_EQ(document["reference"]["images"], 2);
    EXPECT_EQ(document["reference"]["difference"], 0.0);
    std::string bytes = read_file(out);
    const std::size_t place = std::string(format) == "onnx" ? place_in_onnx(bytes) : place_in_safetensors(bytes);
    for (std::size_t i = 0; i < 8; ++i) bytes[place + i] = 0x3f;
    write_file(out, bytes);
    EXPECT_THROWS_WITH(registries_.run("check", {{"file", out}}, notes_), Error,
                       "does not give its reference output again");
  }
  expect_usage_error([&] { registries_.run("check", {{"file", own_ / "none"}}, notes_); }, {"none"});
}

}  // namespace
}  // namespace frontier
