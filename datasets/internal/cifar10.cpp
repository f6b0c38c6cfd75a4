#include <algorithm>
#include <cstring>
#include <vector>

#include "common/data_file.h"
#include "common/errors.h"
#include "common/text.h"
#include "datasets/internal/readers.h"

namespace frontier {
namespace {

constexpr int kClasses = 10;
constexpr std::size_t kPixels = 3 * 32 * 32;  // 1024 red, 1024 green, 1024 blue
constexpr std::size_t kRecord = 1 + kPixels;  // the label comes first
constexpr std::uint64_t kMostRecords =
    1'000'000;  // a file; CIFAR-10 has 60,000 in all, so more is damage or a gzip bomb

using Paths = std::vector<std::filesystem::path>;

struct CifarFiles {
  Paths train, test;
};

std::vector<std::uint8_t> read_records(const std::filesystem::path& path) {
  DataFile file(path);
  auto bytes = file.read_rest(kMostRecords * kRecord, std::to_string(kMostRecords) + " records");
  const std::string seen = std::to_string(bytes.size()) + " bytes";
  if (bytes.empty() || bytes.size() % kRecord != 0)
    file.fail("whole records of 3073 bytes (label, 32x32 red, green, blue)", seen);
  for (std::size_t i = 0; i < bytes.size(); i += kRecord)
    if (bytes[i] >= kClasses)
      file.fail("labels from 0 to 9", std::to_string(bytes[i]) + " in record " + std::to_string(i / kRecord));
  return bytes;
}

RawImages read_part(const Paths& paths) {
  std::vector<std::uint8_t> bytes;
  for (const auto& path : paths) {
    const auto records = read_records(path);
    bytes.insert(bytes.end(), records.begin(), records.end());
  }
  const std::size_t count = bytes.size() / kRecord;
  RawImages part{empty_images(static_cast<std::int64_t>(count), 3, 32, 32),
                 empty_labels(static_cast<std::int64_t>(count)),
                 {},
                 {}};
  auto* images = part.images.mutable_data_ptr<std::uint8_t>();
  auto* labels = part.labels.mutable_data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* record = bytes.data() + i * kRecord;
    labels[i] = record[0];
    std::memcpy(images + i * kPixels, record + 1, kPixels);
  }
  return part;
}

/// The one file `<prefix>*.bin` or `<prefix>*.bin.gz`.
std::filesystem::path find_single(const std::filesystem::path& folder, const std::string& prefix) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && (name.ends_with(".bin") || name.ends_with(".bin.gz"))) names.push_back(name);
  }
  if (error) throw UsageError("cannot read " + folder.string() + ": " + error.message());
  std::sort(names.begin(), names.end());
  if (names.empty())
    throw UsageError(folder.string() +
                     ": expected CIFAR-10's data_batch_1.bin to data_batch_5.bin with test_batch.bin, or one " +
                     "train*.bin and one test*.bin (each also as .gz), saw no " + prefix + "*.bin");
  if (names.size() > 1)
    throw UsageError(folder.string() + ": expected one " + prefix + "*.bin or .bin.gz, saw " + join(names));
  return folder / names.front();
}

CifarFiles find_files(const std::filesystem::path& folder) {
  if (!try_data_file(folder, "data_batch_1.bin"))
    return {{find_single(folder, "train")}, {find_single(folder, "test")}};
  CifarFiles files;
  for (int i = 1; i <= 5; ++i)
    files.train.push_back(find_data_file(folder, "data_batch_" + std::to_string(i) + ".bin"));
  files.test.push_back(find_data_file(folder, "test_batch.bin"));
  return files;
}

}  // namespace

RawData read_cifar10_folder(const std::filesystem::path& folder) {
  const auto unpacked = folder / "cifar-10-batches-bin";  // what the published archive unpacks to
  std::error_code error;
  const CifarFiles files = find_files(std::filesystem::is_directory(unpacked, error) ? unpacked : folder);
  RawData data;
  data.train = read_part(files.train);
  data.test = read_part(files.test);
  data.classes = kClasses;
  data.class_names = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  data.facts.form = "CIFAR-10 records";
  return data;
}

}  // namespace frontier
