#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>

#include "common/data_file.h"
#include "common/errors.h"
#include "common/text.h"
#include "datasets/internal/forms.h"

namespace frontier {
namespace {

constexpr std::uint32_t kLabelsMagic = 0x00000801;  // unsigned bytes, one dimension
constexpr std::uint32_t kImagesMagic = 0x00000803;  // unsigned bytes, three dimensions
constexpr std::uint32_t kMostPixelsASide = 4096;
constexpr const char* kImagesEnd = "images-idx3-ubyte";
constexpr const char* kLabelsEnd = "labels-idx1-ubyte";

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

void expect_magic(DataFile& file, std::uint32_t wanted, const char* kind) {
  const std::uint32_t magic = big_endian(file.read(4, "the magic number of an idx file").data());
  if (magic == wanted) return;
  std::string seen = hex(magic);
  if (magic == kLabelsMagic) seen += " (a labels file)";
  if (magic == kImagesMagic) seen += " (an images file)";
  file.fail("magic number " + hex(wanted) + " (idx " + kind + " of unsigned bytes)", seen);
}

/// Refuses a header that announces more than the file can hold, before anything of that size is allocated.
void expect_room(const DataFile& file, std::uint64_t bytes, const std::string& what) {
  if (bytes > file.most_bytes())
    file.fail(std::to_string(bytes) + " bytes (" + what + ", as its header says)",
              "a file that can hold " + std::to_string(file.most_bytes()) + " at most");
}

at::Tensor read_images(const std::filesystem::path& path) {
  DataFile file(path);
  expect_magic(file, kImagesMagic, "images");
  const auto header = file.read(12, "the rest of an idx header");
  const std::uint32_t count = big_endian(header.data());
  const std::uint32_t height = big_endian(header.data() + 4);
  const std::uint32_t width = big_endian(header.data() + 8);
  const std::string size = std::to_string(height) + "x" + std::to_string(width);
  if (height == 0 || width == 0 || height > kMostPixelsASide || width > kMostPixelsASide)
    file.fail("images of 1x1 to 4096x4096 pixels", size);
  const std::string what = std::to_string(count) + " images of " + size;
  if (count == 0) file.fail("at least one image", what);

  const std::uint64_t bytes = std::uint64_t{count} * height * width;  // below 2^56
  expect_room(file, bytes, what);
  const auto pixels = file.read(bytes, what);
  file.expect_end(what);
  at::Tensor images = empty_images(count, 1, height, width);
  std::memcpy(images.mutable_data_ptr<std::uint8_t>(), pixels.data(), pixels.size());
  return images;
}

std::vector<std::int64_t> read_labels(const std::filesystem::path& path, int classes) {
  DataFile file(path);
  expect_magic(file, kLabelsMagic, "labels");
  const std::uint32_t count = big_endian(file.read(4, "the rest of an idx header").data());
  const std::string what = std::to_string(count) + " labels";
  if (count == 0) file.fail("at least one label", what);

  expect_room(file, count, what);
  const auto bytes = file.read(count, what);
  file.expect_end(what);
  const auto wrong = std::find_if(bytes.begin(), bytes.end(), [&](std::uint8_t label) { return label >= classes; });
  if (wrong != bytes.end())
    file.fail("labels from 0 to " + std::to_string(classes - 1),
              std::to_string(*wrong) + " at position " + std::to_string(wrong - bytes.begin()));
  return {bytes.begin(), bytes.end()};
}

/// @param name of the images; the labels' differs in its end.  @param classes labels are below that.
LabelledImages read_part(const std::filesystem::path& folder, const std::string& prefix, Part part, int classes) {
  const auto images_path = find_data_file(folder, prefix + kImagesEnd);
  const auto labels_path = find_data_file(folder, prefix + kLabelsEnd);
  LabelledImages read{part, read_images(images_path), read_labels(labels_path, classes), labels_path.string()};
  if (read.images.size(0) != static_cast<std::int64_t>(read.labels.size()))
    throw UsageError(labels_path.string() + ": expected " + std::to_string(read.images.size(0)) +
                     " labels, as many as " + images_path.filename().string() + " has images, saw " +
                     std::to_string(read.labels.size()));
  return read;
}

/// What stands before "images-idx3-ubyte" in the names of a folder's files: "train-", "emnist-letters-test-".
std::vector<std::string> find_prefixes(const std::filesystem::path& folder) {
  std::vector<std::string> prefixes;
  for (std::string name : list_folder(folder).files) {
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    if (!name.ends_with(kImagesEnd)) continue;
    name.resize(name.size() - std::string(kImagesEnd).size());
    if (prefixes.empty() || prefixes.back() != name) prefixes.push_back(name);
  }
  return prefixes;
}

bool is_test(const std::string& prefix) {
  return prefix.find("t10k") != std::string::npos || prefix.find("test") != std::string::npos;
}

}  // namespace

RawData read_idx_folder(const std::filesystem::path& folder, std::vector<std::string> class_names) {
  const auto classes = static_cast<int>(class_names.size());
  RawData data;
  const auto part_of = [&](const char* prefix, Part part) {
    LabelledImages read = read_part(folder, prefix, part, classes);
    RawImages raw{std::move(read.images), empty_labels(static_cast<std::int64_t>(read.labels.size())), {}, {}};
    std::copy(read.labels.begin(), read.labels.end(), raw.labels.mutable_data_ptr<std::int64_t>());
    return raw;
  };
  data.train = part_of("train-", Part::kTrain);
  data.test = part_of("t10k-", Part::kTest);
  data.classes = classes;
  data.class_names = std::move(class_names);
  data.facts.form = "idx files";
  const auto shape = [](const at::Tensor& images) {
    return std::to_string(images.size(2)) + "x" + std::to_string(images.size(3));
  };
  if (shape(data.train.images) != shape(data.test->images))
    throw UsageError(folder.string() + ": expected test images of " + shape(data.train.images) +
                     " like the training images, saw " + shape(data.test->images));
  return data;
}

std::optional<RawData> read_any_idx_folder(const std::filesystem::path& root) {
  const auto prefixes = find_prefixes(root);
  if (prefixes.empty()) return std::nullopt;
  std::vector<LabelledImages> parts;
  const auto tests = std::count_if(prefixes.begin(), prefixes.end(), is_test);
  if (tests > 1 || static_cast<std::ptrdiff_t>(prefixes.size()) - tests != 1)
    throw UsageError(root.string() + ": expected idx files of one data set, one *" + kImagesEnd +
                     " to train on and one with 'test' or 't10k' in its name, saw " + std::to_string(prefixes.size()) +
                     ": " + join(prefixes) + "; put those of one data set into a folder of their own");
  for (const std::string& prefix : prefixes)
    parts.push_back(read_part(root, prefix, is_test(prefix) ? Part::kTest : Part::kTrain,
                              std::numeric_limits<std::uint8_t>::max() + 1));
  return join_parts("idx files", std::move(parts));
}

}  // namespace frontier
