// The way from a folder of pictures to a searched supernet, and what the program says about such folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/rng.h"
#include "support/bad_input.h"
#include "support/pictures.h"
#include "support/program.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::Bytes;
using testing_support::Outcome;
using testing_support::Program;
using Arguments = std::vector<std::string>;

const std::string kArch = "8 | 8: k3e2 | 16: k3e2 | 32: k3e2";

/// Three classes that differ in colour, under noise: 90 pictures, one of them broken.
class OwnImages : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    Rng rng(1);
    for (const auto& [name, red, count] : {std::tuple("ant & bee", 60, 40), {"cow", 130, 30}, {"dog", 200, 20}})
      for (int i = 0; i < count; ++i) write(std::string("photos/") + name, i, red, rng);
    std::ofstream(*folder_ / "photos/cow/broken.jpg") << "\xff\xd8\xff cut";
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static void write(const std::string& name, int number, int red, Rng& rng) {
    const int width = 30 + static_cast<int>(rng.below(50)), height = 30 + static_cast<int>(rng.below(50));
    Bytes pixels;
    for (int p = 0; p < width * height; ++p)
      for (const int level : {red, 120, 90})
        pixels.push_back(static_cast<std::uint8_t>(level + static_cast<int>(rng.below(40)) - 20));
    fs::create_directories(*folder_ / name);
    std::ofstream(*folder_ / (name + "/" + std::to_string(number) + ".jpg"), std::ios::binary)
        << testing_support::jpeg_file(width, height, 3, pixels);
  }
  static void add_copy(const std::string& name, const std::function<void(const fs::path&)>& change) {
    fs::copy(*folder_ / "photos", *folder_ / name, fs::copy_options::recursive);
    change(*folder_ / name);
  }
  static Outcome run(const Arguments& arguments) { return Program(folder_->path().string()).run(arguments); }
  static Arguments train(const std::string& data, const std::string& out, const Arguments& more = {}) {
    Arguments all{"train",
                  "--quiet",
                  "--json",
                  "--db",
                  "results.db",
                  "--data",
                  data,
                  "--out",
                  out,
                  "--steps",
                  "4",
                  "--set",
                  "data.size=16",
                  "--set",
                  "data.broken=skip",
                  "--set",
                  "final_random_subnets=0"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  static inline std::unique_ptr<testing::TemporaryFolder> folder_;
};

TEST_F(OwnImages, AreDescribed) {
  testing_support::expect_refused(
      run({"data", "photos"}),
      {"",
       {},
       2,
       {"1 of 91 pictures cannot be read", "photos/cow/broken.jpg: damaged JPEG", "--set data.broken=skip"}});
  const Outcome text = run({"data", "photos", "--set", "data.broken=skip", "--html", "sheet.html"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  for (const char* words : {"class folders", "ant & bee", "networks see", "3x64x64", "in memory ("})
    EXPECT_THAT(text.out, HasSubstr(words));
  EXPECT_THAT(text.err, HasSubstr("note: 1 of 91 pictures cannot be read"));
  const std::string page = read_file(*folder_ / "sheet.html");
  EXPECT_THAT(page, HasSubstr("<h3>ant &amp; bee</h3>"));
  EXPECT_THAT(page, HasSubstr("src=\"data:image/jpeg;base64,/9j/"));
  EXPECT_THAT(page, HasSubstr("photos/cow/broken.jpg"));
  EXPECT_THAT(page, Not(HasSubstr("src=\"http")));

  const Outcome outcome = run({"data", "./photos/", "--json", "--set", "data.broken=skip"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json document = json::parse(outcome.out);
  EXPECT_EQ(document["name"], "photos");
  EXPECT_EQ(document["classes"], 3);
  EXPECT_EQ(document["images"], (json{{"train", 65}, {"search", 7}, {"test", 18}}));
  EXPECT_EQ(document["results"][0]["class"], "ant & bee");
  EXPECT_EQ(document["results"][0]["test"], 8);
  EXPECT_EQ(document["pictures"]["read"], 90);
  EXPECT_EQ(document["settings"], (json{{"channels", 3}, {"resize", 73}, {"size", 64}}));
  EXPECT_EQ(document["broken"][0]["file"], "./photos/cow/broken.jpg");
  EXPECT_FALSE(document.contains("samples"));
  EXPECT_NEAR(document["mean"][1].get<double>(), 120.0 / 255, 0.01);
}

TEST_F(OwnImages, BuiltInSetsAreDescribedToo) {
  const Outcome outcome =
      run({"data", "synthetic", "--json", "--set", "data.synthetic.train_size=50", "--html", "synthetic.html"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json document = json::parse(outcome.out);
  EXPECT_EQ(document["form"], "synthetic images");
  EXPECT_FALSE(document.contains("pictures"));
  EXPECT_THAT(read_file(*folder_ / "synthetic.html"), HasSubstr("data:image/png;base64,iVBOR"));
  testing_support::expect_refused(run({"data", "photso"}),
                                  {"", {}, 2, {"unknown data set 'photso'", "Nor is there a file or folder"}});
  testing_support::expect_refused(run({"data", "photos", "--set", "trainer.lr=1"}),
                                  {"", {}, 2, {"only settings of the data have an effect here"}});
  testing_support::expect_refused(run({"data", "photos", "--set", "data.sizes=1"}),
                                  {"", {}, 2, {"unknown data setting 'sizes'", "did you mean 'size'?"}});
}

TEST_F(OwnImages, AreTrainedOnSearchedAndEvaluated) {
  const Outcome trained = run(train("photos", "supernet"));
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const json document = json::parse(trained.out);
  EXPECT_EQ(document["classes"], (json{"ant & bee", "cow", "dog"}));
  EXPECT_EQ(document["input"], "3x16x16");
  const json run_json = json::parse(read_file(*folder_ / "supernet/run.json"));
  EXPECT_EQ(run_json["data"]["class_names"], document["classes"]);
  EXPECT_EQ(run_json["config"]["data"]["name"], "files");
  EXPECT_EQ(run_json["config"]["data"]["resize"], 18);
  EXPECT_EQ(run_json["config"]["loader"]["batch_size"], 16);             // a quarter of 65 images
  EXPECT_EQ(run_json["config"]["evaluation"]["calibration_batch"], 65);  // all there are
  const Outcome searched =
      run({"search", "--quiet", "--json", "--db", "results.db", "--checkpoint", "supernet", "--budget", "4"});
  ASSERT_EQ(searched.exit_code, 0) << searched.err;
  const Outcome tested = run({"evaluate", "--quiet", "--json", "--db", "results.db", "--checkpoint", "supernet",
                              "--arch", kArch, "--split", "test"});
  ASSERT_EQ(tested.exit_code, 0) << tested.err;

  // Decoded anew for every batch, the training ends in the same weights.
  ASSERT_EQ(run(train("photos", "streamed", {"--set", "data.memory_share=0"})).exit_code, 0);
  for (const char* checkpoint : {"supernet", "streamed"})
    for (const Arguments& input : {Arguments{}, Arguments{"--preprocess"}}) {
      Arguments all{"export", "--quiet",  "--json", "--checkpoint", checkpoint,     "--arch",
                    kArch,    "--format", "onnx",   "--out",        "network.onnx", "--overwrite"};
      all.insert(all.end(), input.begin(), input.end());
      const Outcome exported = run(all);
      ASSERT_EQ(exported.exit_code, 0) << exported.err;
      EXPECT_EQ(json::parse(exported.out)["reference"]["images"], 2);
      const Outcome checked = run({"check", "--quiet", "--json", "network.onnx"});
      ASSERT_EQ(checked.exit_code, 0) << checked.err;
      EXPECT_EQ(json::parse(checked.out)["classes"], document["classes"]);
    }
  EXPECT_EQ(read_file(*folder_ / "streamed/weights.safetensors"), read_file(*folder_ / "supernet/weights.safetensors"));

  // The exported network names what files show.
  ASSERT_EQ(run({"export", "--quiet", "--checkpoint", "supernet", "--arch", kArch, "--db", "results.db", "--out",
                 "measured.onnx"})
                .exit_code,
            0);
  const auto predicted = [](const Arguments& more) {
    Arguments all{"predict", "--quiet", "--json", "--model", "measured.onnx"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  Arguments files;
  for (const char* name : {"photos/ant & bee", "photos/cow", "photos/dog"})
    for (const auto& entry : fs::directory_iterator(*folder_ / name)) files.push_back(entry.path().string());
  testing_support::expect_refused(predicted(files),
                                  {"", {}, 2, {"photos/cow/broken.jpg: damaged JPEG", "--broken skip"}});
  Arguments skipping{"--broken", "skip", "--top", "2"};
  skipping.insert(skipping.end(), files.begin(), files.end());
  const Outcome all = predicted(skipping);
  ASSERT_EQ(all.exit_code, 0) << all.err;
  const json named = json::parse(all.out);
  EXPECT_EQ(named["results"].size(), 90U);
  ASSERT_EQ(named["broken"].size(), 1U);
  EXPECT_THAT(named["broken"][0]["reason"].get<std::string>(), HasSubstr("damaged JPEG"));
  for (const auto& item : named["results"]) {
    ASSERT_EQ(item["classes"].size(), 2U);
    EXPECT_GE(item["classes"][0]["probability"], item["classes"][1]["probability"]);
    EXPECT_EQ(item["classes"][0]["class"], document["classes"][item["classes"][0]["index"].get<std::size_t>()]);
  }
  const Outcome one = run({"predict", "--quiet", "--model", "measured.onnx", files.front()});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr(named["results"][0]["classes"][0]["class"].get<std::string>()));
  testing_support::expect_refused(predicted({"photos"}), {"", {}, 2, {"photos"}});
  testing_support::expect_refused(predicted({"missing.jpg"}), {"", {}, 2, {"missing.jpg"}});
  testing_support::expect_refused(run({"predict", "--model", "photos/cow/0.jpg", files.front()}),
                                  {"", {}, 2, {"photos/cow/0.jpg"}});
}

TEST_F(OwnImages, OtherImagesThanThoseTrainedOnAreRefused) {
  add_copy("changing", [](const fs::path&) {});
  ASSERT_EQ(run(train("changing", "before")).exit_code, 0);
  fs::remove(*folder_ / "changing/cow/3.jpg");
  const Arguments evaluate{"evaluate", "--quiet", "--db", "results.db", "--checkpoint", "before", "--arch", kArch};
  testing_support::expect_refused(run(evaluate), {"", {}, 2, {"are not those that the checkpoint was trained with"}});
  fs::rename(*folder_ / "changing/cow", *folder_ / "changing/cattle");
  testing_support::expect_refused(
      run(evaluate), {"", {}, 2, {"the data set changing has other classes than when the checkpoint was trained"}});
  fs::remove_all(*folder_ / "changing/cattle");
  testing_support::expect_refused(run(evaluate), {"", {}, 2, {"has other classes than when"}});
}

TEST_F(OwnImages, WishesThatFewImagesCannotMeetAreRefused) {
  const auto with = [](const std::string& setting) { return run(train("photos", "fresh", {"--set", setting})); };
  testing_support::expect_refused(with("loader.batch_size=66"),
                                  {"", {}, 2, {"loader.batch_size = 66 is more than the 65 images"}});
  testing_support::expect_refused(
      with("evaluation.calibration_images=66"),
      {"",
       {},
       2,
       {"evaluation.calibration_images = 66 is more than the 65 training images", "it then follows the data"}});
  testing_support::expect_refused(with("evaluation.calibration_batch=66"),
                                  {"", {}, 2, {"evaluation.calibration_batch = 66 is more"}});
  testing_support::expect_refused(with("data.search_size=72"),
                                  {"", {}, 2, {"data.search_size = 72 is out of range; allowed: 1 to 71"}});
  testing_support::expect_refused(with("data.size=8000"), {"", {}, 2, {"data.size = 8000", "4096"}});
  testing_support::expect_refused(run(train("photos", "fresh", {"--classes", "3"})),
                                  {"", {}, 2, {"unknown option '--classes'"}});
  testing_support::expect_refused(run(train("photos", "fresh", {"--input", "3x16x16"})),
                                  {"", {}, 2, {"unknown option '--input'"}});
  add_copy("one", [](const fs::path& photos) {
    for (const char* name : {"cow", "dog"}) fs::remove_all(photos / name);
  });
  testing_support::expect_refused(run(train("one", "fresh")),
                                  {"", {}, 2, {"all images of one show one class, 'ant & bee'", "at least two"}});
}

}  // namespace
}  // namespace frontier
