// Every broken data file gives one UsageError that names the file, what was expected and what was seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <functional>

#include "common/errors.h"
#include "datasets/dataset.h"
#include "datasets/sample_files.h"

namespace frontier {
namespace {

using namespace testing_files;
using testing::HasSubstr;

/// The message of load_data, empty if it succeeds.
std::string error_of(const DataOptions& options) {
  try {
    load_data(options);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

struct BrokenFile {
  const char* name;
  std::function<void(const TemporaryFolder&)> damage;  // done to a good folder
  std::vector<std::string> message;                    // parts of the message
};

void PrintTo(const BrokenFile& broken, std::ostream* out) { *out << broken.name; }

class BrokenIdx : public testing::TestWithParam<BrokenFile> {};
class BrokenCifar : public testing::TestWithParam<BrokenFile> {};

std::string name_of(const testing::TestParamInfo<BrokenFile>& info) { return info.param.name; }

TEST_P(BrokenIdx, IsRefusedWithAMessage) {
  const TemporaryFolder folder;
  write_idx_folder(folder);
  DataOptions options{.name = "mnist", .path = folder.path().string()};
  ASSERT_EQ(error_of(options), "");
  GetParam().damage(folder);
  const std::string message = error_of(options);
  EXPECT_THAT(message, HasSubstr(folder.path().string()));
  for (const auto& part : GetParam().message) EXPECT_THAT(message, HasSubstr(part));
}

const char* const kImages = "train-images-idx3-ubyte";
const char* const kLabels = "train-labels-idx1-ubyte";
const char* const kTestImages = "t10k-images-idx3-ubyte";

BrokenFile replaced(const char* name, const char* file, std::string content, std::vector<std::string> message) {
  message.push_back(file);
  return {name, [=](const TemporaryFolder& folder) { folder.write(file, content); }, std::move(message)};
}

std::string with_byte(std::string bytes, std::size_t position, char value) {
  bytes.at(position) = value;
  return bytes;
}

std::string cut(const std::string& bytes, std::size_t from_end) { return bytes.substr(0, bytes.size() - from_end); }

INSTANTIATE_TEST_SUITE_P(
    Datasets, BrokenIdx,
    testing::Values(
        BrokenFile{"MissingFile",
                   [](const TemporaryFolder& f) { std::filesystem::remove(f.path() / kImages); },
                   {"train-images-idx3-ubyte.gz beside it", "saw neither"}},
        BrokenFile{"FolderInPlaceOfFile",
                   [](const TemporaryFolder& f) {
                     std::filesystem::remove(f.path() / kImages);
                     std::filesystem::create_directory(f.path() / kImages);
                   },
                   {"expected a regular file, saw a folder"}},
        BrokenFile{"PipeInPlaceOfFile",
                   [](const TemporaryFolder& f) {
                     std::filesystem::remove(f.path() / kImages);
                     ASSERT_EQ(::mkfifo((f.path() / kImages).c_str(), 0600), 0);
                   },
                   {"expected a regular file"}},
        replaced("EmptyFile", kImages, "", {"expected 4 bytes (the magic number", "end of the file after 0"}),
        replaced("LabelsInPlaceOfImages", kImages, idx_labels(40),
                 {"expected magic number 0x00000803", "saw 0x00000801 (a labels file)"}),
        replaced("ImagesInPlaceOfLabels", kLabels, idx_images(40, 5, 4),
                 {"expected magic number 0x00000801", "(an images file)"}),
        replaced("WrongMagic", kImages, with_byte(idx_images(40, 5, 4), 0, 'P'), {"0x00000803", "saw 0x50000803"}),
        replaced("OtherElementType", kImages, with_byte(idx_images(40, 5, 4), 2, 0x0d),
                 {"unsigned bytes", "saw 0x00000d03"}),
        replaced("HeaderCutShort", kImages, idx_images(40, 5, 4).substr(0, 9),
                 {"expected 12 bytes", "end of the file after 5"}),
        replaced("PixelsCutShort", kImages, cut(idx_images(40, 5, 4), 17),
                 {"expected 800 bytes (40 images of 5x4", "can hold 799 at most"}),
        replaced("ExtraPixels", kImages, idx_images(40, 5, 4) + "x",
                 {"expected the end of the file after 816 bytes", "saw extra bytes"}),
        replaced("HugeCount", kImages, words({0x803, 0xffffffff, 28, 28}) + "abc",
                 {"expected 3367254359280 bytes", "can hold 19 at most"}),
        replaced("HugeSides", kImages, words({0x803, 40, 0x10000, 0x10000}),
                 {"expected images of 1x1 to 4096x4096 pixels, saw 65536x65536"}),
        replaced("ZeroHeight", kImages, words({0x803, 40, 0, 4}), {"expected images of 1x1", "saw 0x4"}),
        replaced("NoImages", kImages, words({0x803, 0, 5, 4}), {"expected at least one image, saw 0 images of 5x4"}),
        replaced("NoLabels", kLabels, words({0x801, 0}), {"expected at least one label, saw 0 labels"}),
        replaced("LabelsCutShort", kLabels, cut(idx_labels(40), 10),
                 {"expected 40 bytes (40 labels", "can hold 38 at most"}),
        replaced("HugeLabelCount", kLabels, words({0x801, 0xffffffff}), {"expected 4294967295 bytes"}),
        replaced("ExtraLabels", kLabels, idx_labels(40) + "1", {"expected the end of the file after 48 bytes"}),
        replaced("LabelOutOfRange", kLabels, with_byte(idx_labels(40), 8 + 13, 10),
                 {"expected labels from 0 to 9, saw 10 at position 13"}),
        replaced("LabelNegative", kLabels, with_byte(idx_labels(40), 8, '\xff'), {"saw 255 at position 0"}),
        replaced("FewerLabelsThanImages", kLabels, idx_labels(39),
                 {"expected 40 labels, as many as train-images-idx3-ubyte", "saw 39"}),
        BrokenFile{"TestImagesOfOtherSize",
                   [](const TemporaryFolder& f) { f.write(kTestImages, idx_images(20, 4, 5)); },
                   {"expected test images of 5x4", "saw 4x5"}},
        replaced("GzipCutShort", kImages, cut(gzip(idx_images(40, 5, 4)), 12),
                 {"expected a complete gzip file", "(truncated)"}),
        replaced("GzipWithoutChecksum", kImages, cut(gzip(idx_images(40, 5, 4)), 8),
                 {"its end after 816 bytes of data (truncated)"}),
        replaced("GzipHeaderOnly", kImages, gzip(idx_images(40, 5, 4)).substr(0, 5), {"its end after 0 bytes"}),
        replaced("GzipWrongChecksum", kImages,
                 with_byte(gzip(idx_images(40, 5, 4)), gzip(idx_images(40, 5, 4)).size() - 8, 0x55),
                 {"valid gzip data", "incorrect data check"}),
        replaced("GzipWrongLength", kImages,
                 with_byte(gzip(idx_images(40, 5, 4)), gzip(idx_images(40, 5, 4)).size() - 1, 0x55),
                 {"valid gzip data", "incorrect length check"}),
        replaced("GzipDamagedInside", kImages, with_byte(gzip(idx_images(40, 5, 4)), 10, '\x07'),
                 {"valid gzip data", "damage after 0 bytes"}),
        replaced("GzipUnknownMethod", kImages, std::string("\x1f\x8b\x09\0\0\0\0\0\0\x03\0\0", 12),
                 {"valid gzip data", "unknown compression method"}),
        replaced("GzipFollowedByOtherData", kImages, gzip(idx_images(40, 5, 4)) + "more",
                 {"extra bytes behind the end of the gzip data"}),
        replaced("GzipHoldsTooMuch", kImages, gzip(idx_images(40, 5, 4) + "x"),
                 {"expected the end of the file after 816 bytes"}),
        replaced("GzipHoldsTooLittle", kImages, gzip(cut(idx_images(40, 5, 4), 1)),
                 {"expected 800 bytes", "end of the file after 799"}),
        replaced("GzipHugeCount", kImages, gzip(words({0x803, 0xffffffff, 4096, 4096})),
                 {"as its header says", "a file that can hold"})),
    name_of);

TEST_P(BrokenCifar, IsRefusedWithAMessage) {
  const TemporaryFolder folder;
  folder.write("train.bin", cifar_records(20));
  folder.write("test.bin", cifar_records(10));
  DataOptions options{.name = "cifar10", .path = folder.path().string()};
  ASSERT_EQ(error_of(options), "");
  GetParam().damage(folder);
  const std::string message = error_of(options);
  EXPECT_THAT(message, HasSubstr(folder.path().string()));
  for (const auto& part : GetParam().message) EXPECT_THAT(message, HasSubstr(part));
}

INSTANTIATE_TEST_SUITE_P(
    Datasets, BrokenCifar,
    testing::Values(replaced("Empty", "train.bin", "", {"expected whole records of 3073 bytes", "saw 0 bytes"}),
                    replaced("PartialRecord", "train.bin", cut(cifar_records(20), 1),
                             {"expected whole records of 3073 bytes", "saw 61459 bytes"}),
                    replaced("LabelOutOfRange", "test.bin", with_byte(cifar_records(10), 3 * 3073, 10),
                             {"expected labels from 0 to 9, saw 10 in record 3"}),
                    replaced("GzipCutShort", "train.bin", cut(gzip(cifar_records(20)), 9),
                             {"a complete gzip file", "truncated"}),
                    replaced("GzipFollowedByOtherData", "train.bin", gzip(cifar_records(20)) + "more",
                             {"extra bytes behind the end"}),
                    BrokenFile{"NoTestFile",
                               [](const TemporaryFolder& f) { std::filesystem::remove(f.path() / "test.bin"); },
                               {"data_batch_1.bin to data_batch_5.bin", "saw no test*.bin"}},
                    BrokenFile{"TwoTrainFiles",
                               [](const TemporaryFolder& f) { f.write("train_more.bin.gz", gzip(cifar_records(10))); },
                               {"expected one train*.bin or .bin.gz, saw train.bin, train_more.bin.gz"}},
                    BrokenFile{"BatchMissing",
                               [](const TemporaryFolder& f) {
                                 for (const char* i : {"1", "2", "4", "5"})
                                   f.write(std::string("data_batch_") + i + ".bin", cifar_records(10));
                               },
                               {"data_batch_3.bin", "saw neither"}}),
    name_of);

TEST(LoadData, DoesNotAllocateWhatAGzipHeaderMerelyAnnounces) {
  const TemporaryFolder folder;
  write_idx_folder(folder);
  // Announces 600 MB; 600 kB of random bytes could inflate to that, so only reading shows that it is a lie.
  std::string noise = words({0x803, 200, 1732, 1732});
  for (std::uint32_t i = 0, x = 1; i < 600'000; ++i) noise += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  folder.write(kImages, gzip(noise));
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  EXPECT_THAT(error_of({.name = "mnist", .path = folder.path().string()}),
              HasSubstr("the end of the file after 600000"));
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 50'000) << "kB";
}

TEST(LoadData, RefusesWrongOptions) {
  const TemporaryFolder folder;
  write_idx_folder(folder);
  const std::string path = folder.path().string();
  EXPECT_THAT(error_of({.name = "fashion_minst"}),
              HasSubstr("unknown data set 'fashion_minst'; did you mean 'fashion_mnist'?"));
  EXPECT_THAT(error_of({.name = ""}), HasSubstr("Known: fashion_mnist, mnist, cifar10, synthetic"));
  EXPECT_THAT(error_of({.name = "mnist"}), HasSubstr("data.path is empty; mnist has no usual place"));
  EXPECT_THAT(error_of({.name = "cifar10"}), HasSubstr("data.path is empty"));
  EXPECT_THAT(error_of({.name = "fashion_mnist", .path = path + "/none"}),
              HasSubstr("saw no folder " + path + "/none; install"));
  EXPECT_THAT(error_of({.name = "mnist", .path = path + "/" + kImages}), HasSubstr("saw no folder"));
  EXPECT_THAT(error_of({.name = "mnist", .path = path, .search_size = 40}),
              HasSubstr("data.search_size = 40 is out of range; allowed: 1 to 39"));
  EXPECT_THAT(error_of({.name = "mnist", .path = path, .search_size = -1}),
              HasSubstr("data.search_size = -1 is out of range"));
  EXPECT_THAT(error_of({.name = "mnist", .path = path, .search_size = 10, .train_size = 31}),
              HasSubstr("data.train_size = 31 is out of range; allowed: 1 to 30"));
  EXPECT_THAT(error_of({.name = "mnist", .path = path, .test_size = 21}),
              HasSubstr("data.test_size = 21 is out of range; allowed: 1 to 20"));
  EXPECT_THAT(error_of({.name = "synthetic", .synthetic = {.classes = 1}}),
              HasSubstr("data.synthetic.classes = 1 is out of range"));
  EXPECT_THAT(error_of({.name = "synthetic", .path = path}), HasSubstr("data.path = '" + path.substr(0, 20)));
  EXPECT_THAT(error_of({.name = "mnist", .path = path, .synthetic = {.classes = 5}}),
              HasSubstr("data.synthetic has no effect on mnist; it is for data.name = synthetic"));
}

}  // namespace
}  // namespace frontier
