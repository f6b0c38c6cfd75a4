#include "datasets/dataset.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <compare>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/rng.h"
#include "common/text.h"
#include "datasets/internal/readers.h"

namespace frontier {
namespace {

std::string_view bytes_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
}

std::string shape_text(const at::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) {
    if (!text.empty()) text += 'x';
    text += std::to_string(size);
  }
  return text;
}

RawImages select(const RawImages& from, std::span<const std::int64_t> indices) {
  const auto count = static_cast<std::int64_t>(indices.size());
  at::Tensor index = empty_labels(count);
  std::copy(indices.begin(), indices.end(), index.mutable_data_ptr<std::int64_t>());
  return {from.images.index_select(0, index), from.labels.index_select(0, index)};
}

/// An image and its place in a random order.
struct Ranked {
  std::uint64_t rank;
  std::int64_t index;
  auto operator<=>(const Ranked&) const = default;
};

/// 64 bits that depend on `key`, the label and every pixel.
std::uint64_t hash_image(std::span<const std::uint8_t> pixels, std::int64_t label, std::uint64_t key) {
  std::uint64_t hash = key ^ static_cast<std::uint64_t>(label);
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  };
  for (std::size_t i = 0; i < pixels.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, pixels.data() + i, std::min<std::size_t>(8, pixels.size() - i));
    mix(word);
  }
  mix(pixels.size());
  return hash;
}

/// The images of each class in a random order that depends on the images and `rng` alone: however a file is sorted, the
/// same images come first.
std::vector<std::vector<Ranked>> rank_by_class(const at::Tensor& images, const at::Tensor& labels, int classes,
                                               Rng rng) {
  const std::uint64_t key = rng.next();
  const at::Tensor dense_images = images.contiguous();
  const at::Tensor dense_labels = labels.contiguous();
  const auto bytes = static_cast<std::size_t>(dense_images.numel() / std::max<std::int64_t>(1, dense_images.size(0)));
  const std::uint8_t* pixels = dense_images.const_data_ptr<std::uint8_t>();
  const std::int64_t* label = dense_labels.const_data_ptr<std::int64_t>();
  std::vector<std::vector<Ranked>> members(static_cast<std::size_t>(classes));
  for (std::int64_t i = 0; i < dense_labels.size(0); ++i, pixels += bytes)
    members[static_cast<std::size_t>(label[i])].push_back({hash_image({pixels, bytes}, label[i], key), i});
  for (auto& ranked : members) std::sort(ranked.begin(), ranked.end());
  return members;
}

/// How many of `total` each class gives so that they are `wanted` in all: its share, rounded by largest remainders.
std::vector<std::int64_t> quotas(const std::vector<std::vector<Ranked>>& members, std::int64_t wanted,
                                 std::int64_t total) {
  std::vector<std::int64_t> quota(members.size());
  std::vector<std::pair<std::int64_t, std::size_t>> remainders;
  std::int64_t given = 0;
  for (std::size_t c = 0; c < members.size(); ++c) {
    const std::int64_t share = static_cast<std::int64_t>(members[c].size()) * wanted;  // in units of 1 / total
    quota[c] = share / total;
    given += quota[c];
    remainders.emplace_back(-(share % total), c);
  }
  std::sort(remainders.begin(), remainders.end());
  for (std::size_t i = 0; given < wanted; ++i, ++given) ++quota[remainders[i].second];
  return quota;
}

/// Removes and gives the first `wanted` of `members`, balanced by class, in the random order of all.
std::vector<Ranked> take(std::vector<std::vector<Ranked>>& members, std::int64_t wanted) {
  std::int64_t total = 0;
  for (const auto& ranked : members) total += static_cast<std::int64_t>(ranked.size());
  std::vector<Ranked> taken;
  const auto quota = quotas(members, wanted, total);
  for (std::size_t c = 0; c < members.size(); ++c) {
    taken.insert(taken.end(), members[c].begin(), members[c].begin() + quota[c]);
    members[c].erase(members[c].begin(), members[c].begin() + quota[c]);
  }
  std::sort(taken.begin(), taken.end());
  return taken;
}

std::vector<std::int64_t> indices_of(std::span<const Ranked> ranked) {
  std::vector<std::int64_t> indices;
  for (const Ranked& r : ranked) indices.push_back(r.index);
  return indices;
}

/// Those images in the order of the file.
RawImages select_sorted(const RawImages& from, std::span<const Ranked> ranked) {
  auto indices = indices_of(ranked);
  std::sort(indices.begin(), indices.end());
  return select(from, indices);
}

/// Training images in two parts: for training, and for search.
std::pair<RawImages, RawImages> split_training(const RawData& data, std::int64_t train_size, std::int64_t search_size,
                                               const Rng& rng) {
  auto members = rank_by_class(data.train.images, data.train.labels, data.classes, rng);
  RawImages search =
      select_sorted(data.train, take(members, search_size));  // first, so that `train_size` cannot matter
  return {select_sorted(data.train, take(members, train_size)), std::move(search)};
}

RawImages draw_test(const RawData& data, std::int64_t test_size, const Rng& rng) {
  if (test_size == data.test.labels.size(0)) return data.test;
  auto members = rank_by_class(data.test.images, data.test.labels, data.classes, rng);
  return select_sorted(data.test, take(members, test_size));
}

std::filesystem::path folder_of(const DataOptions& options) {
  std::filesystem::path folder = options.path;
  std::string hint;
  if (options.name == "fashion_mnist") {
    hint = "; install Debian's package dataset-fashion-mnist, or give the folder of the four idx files";
    if (folder.empty()) folder = "/usr/share/datasets/fashion-mnist";
  }
  if (folder.empty())
    throw UsageError("data.path is empty; " + options.name + " has no usual place, give the folder of its files");
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    throw UsageError("data.path: expected a folder with the files of " + options.name + ", saw no folder " +
                     folder.string() + hint);
  return folder;
}

RawData read_raw(const DataOptions& options) {
  if (options.name == "synthetic") return make_synthetic(options.synthetic);
  if (options.name == "cifar10") return read_cifar10_folder(folder_of(options));
  return read_idx_folder(folder_of(options));
}

void check_options(const DataOptions& options) {
  const auto& names = dataset_names();
  if (std::find(names.begin(), names.end(), options.name) == names.end())
    throw UsageError(unknown_name("data set", options.name, names));
  DataOptions copy;  // options built in code pass the same checks as those read from JSON
  read_options(write_options(options), "data", copy);
  const bool synthetic = options.name == "synthetic";
  if (synthetic && !options.path.empty())
    throw UsageError("data.path = '" + printable(options.path) +
                     "' has no effect: synthetic images are made, not read");
  if (!synthetic && write_options(options.synthetic) != write_options(SyntheticOptions{}))
    throw UsageError("data.synthetic has no effect on " + options.name + "; it is for data.name = synthetic");
}

std::int64_t within(const char* key, std::int64_t value, std::int64_t most, const char* of_what) {
  if (value >= 1 && value <= most) return value;
  throw UsageError(std::string(key) + " = " + std::to_string(value) + " is out of range; allowed: 1 to " +
                   std::to_string(most) + " (" + of_what + ")");
}

}  // namespace

at::Tensor empty_images(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width) {
  return at::empty({count, channels, height, width}, at::kByte);
}

at::Tensor empty_labels(std::int64_t count) { return at::empty({count}, at::kLong); }

std::int64_t Dataset::size() const { return images.size(0); }
std::int64_t Dataset::channels() const { return images.size(1); }
std::int64_t Dataset::height() const { return images.size(2); }
std::int64_t Dataset::width() const { return images.size(3); }

Dataset Dataset::subset(std::span<const std::int64_t> indices) const {
  for (const std::int64_t index : indices)
    if (index < 0 || index >= size())
      throw UsageError("image " + std::to_string(index) + " is not in " + name + "/" + part + "; allowed: 0 to " +
                       std::to_string(size() - 1));
  Dataset result = *this;
  auto chosen = select({images, labels}, indices);
  result.images = std::move(chosen.images);
  result.labels = std::move(chosen.labels);
  return result;
}

Dataset Dataset::draw(std::int64_t count, const Rng& rng) const {
  within("the number of images drawn", count, size(), ("the images of " + name + "/" + part).c_str());
  auto members = rank_by_class(images, labels, classes, rng);
  return subset(indices_of(take(members, count)));
}

std::string Dataset::fingerprint() const {
  const at::Tensor all_images = images.contiguous();
  const at::Tensor all_labels = labels.contiguous();
  const std::string sums = crc32_hex(bytes_of(all_images)) + crc32_hex(bytes_of(all_labels));
  return name + "/" + part + "/" + shape_text(images) + "/" + crc32_hex(sums);
}

void Dataset::validate() const {
  const auto require = [&](bool fine, const std::string& wrong) {
    if (!fine) throw UsageError("data set " + name + "/" + part + ": " + wrong);
  };
  require(images.defined() && images.dim() == 4 && images.scalar_type() == at::kByte && images.is_cpu() &&
              images.numel() > 0,
          "images must be a non-empty uint8 tensor [N, C, H, W] on the CPU");
  require(labels.defined() && labels.dim() == 1 && labels.scalar_type() == at::kLong && labels.is_cpu(),
          "labels must be an int64 tensor [N] on the CPU");
  require(labels.size(0) == size(),
          std::to_string(size()) + " images but " + std::to_string(labels.size(0)) + " labels");
  require(labels.min().item<std::int64_t>() >= 0 && labels.max().item<std::int64_t>() < classes,
          "labels must be from 0 to " + std::to_string(classes - 1));
  const auto per_channel = static_cast<std::size_t>(channels());
  require(mean.size() == per_channel && stddev.size() == per_channel,
          "mean and stddev must have one value for each of the " + std::to_string(per_channel) + " channels");
  for (std::size_t c = 0; c < per_channel; ++c)
    require(std::isfinite(mean[c]) && std::isfinite(stddev[c]) && stddev[c] > 0,
            "mean must be finite, stddev finite and above 0");
}

ChannelStatistics channel_statistics(const at::Tensor& images) {
  const at::Tensor dense = images.contiguous();
  const auto channels = static_cast<std::size_t>(dense.size(1));
  const std::int64_t plane = dense.size(2) * dense.size(3);
  std::vector<std::array<std::int64_t, 256>> counts(channels);
  const std::uint8_t* pixel = dense.const_data_ptr<std::uint8_t>();
  for (std::int64_t n = 0; n < dense.size(0); ++n)
    for (auto& channel : counts)
      for (std::int64_t i = 0; i < plane; ++i) ++channel[*pixel++];

  const double total = static_cast<double>(dense.size(0) * plane);
  ChannelStatistics result;
  for (const auto& channel : counts) {
    double mean = 0;
    for (std::size_t v = 0; v < 256; ++v)
      mean += static_cast<double>(channel[v]) * static_cast<double>(v) / 255.0 / total;
    double variance = 0;
    for (std::size_t v = 0; v < 256; ++v)
      variance += static_cast<double>(channel[v]) * std::pow(static_cast<double>(v) / 255.0 - mean, 2) / total;
    const bool constant =
        std::any_of(channel.begin(), channel.end(), [&](std::int64_t n) { return n == dense.size(0) * plane; });
    result.mean.push_back(mean);
    result.stddev.push_back(constant ? 1.0 : std::sqrt(variance));
  }
  return result;
}

const std::vector<std::string>& dataset_names() {
  static const std::vector<std::string> names{"fashion_mnist", "mnist", "cifar10", "synthetic"};
  return names;
}

DataSplits load_data(const DataOptions& options) {
  check_options(options);
  RawData data = read_raw(options);
  const std::int64_t total = data.train.labels.size(0);
  const std::int64_t default_search = std::max<std::int64_t>(1, std::min<std::int64_t>(5000, total / 10));
  const std::int64_t search_size =
      within("data.search_size", options.search_size == 0 ? default_search : options.search_size, total - 1,
             "less than the training images, so that some are left to train on");
  const std::int64_t left = total - search_size;
  const std::int64_t train_size = within("data.train_size", options.train_size == 0 ? left : options.train_size, left,
                                         "the training images not held out for search");
  const std::int64_t test_images = data.test.labels.size(0);
  const std::int64_t test_size = within("data.test_size", options.test_size == 0 ? test_images : options.test_size,
                                        test_images, "the test images");

  const Rng rng(static_cast<std::uint64_t>(options.seed));
  auto [train, search] = split_training(data, train_size, search_size, rng.domain("data.split"));
  RawImages test = draw_test(data, test_size, rng.domain("data.test"));
  const ChannelStatistics statistics = channel_statistics(train.images);
  const auto dataset = [&](const char* part, RawImages images) {
    return Dataset{
        options.name,     part, std::move(images.images), std::move(images.labels), data.classes, statistics.mean,
        statistics.stddev};
  };
  return {dataset("train", std::move(train)), dataset("search", std::move(search)), dataset("test", std::move(test))};
}

}  // namespace frontier
