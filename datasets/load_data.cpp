#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>

#include "common/errors.h"
#include "common/options.h"
#include "common/rng.h"
#include "common/text.h"
#include "datasets/internal/class_draw.h"
#include "datasets/internal/readers.h"

namespace frontier {
namespace {

constexpr const char* kFiles = "files";

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
  if (options.name == "mnist") return read_idx_folder(folder_of(options), numbered_classes(10));
  if (options.name == kFiles) return read_path(options);
  return read_idx_folder(folder_of(options), {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                                              "Sneaker", "Bag", "Ankle boot"});
}

/// A name that is none is a path. @throws UsageError where it is neither.
DataOptions with_path(DataOptions options) {
  const auto& names = dataset_names();
  if (std::find(names.begin(), names.end(), options.name) != names.end()) return options;
  std::error_code error;
  if (!options.path.empty() || options.name.empty() || !std::filesystem::exists(options.name, error))
    throw UsageError(unknown_name("data set", options.name, names) +
                     (options.path.empty() ? ". Nor is there a file or folder of that name" : ""));
  options.path = std::exchange(options.name, kFiles);
  return options;
}

void check_options(const DataOptions& options) {
  DataOptions copy;  // options built in code pass the same checks as those read from JSON
  read_options(write_options(options), "data", copy);
  const bool synthetic = options.name == "synthetic";
  if (synthetic && !options.path.empty())
    throw UsageError("data.path = '" + printable(options.path) +
                     "' has no effect: synthetic images are made, not read");
  if (!synthetic && write_options(options.synthetic) != write_options(SyntheticOptions{}))
    throw UsageError("data.synthetic has no effect on " + options.name + "; it is for data.name = synthetic");
  if (options.name == kFiles && options.path.empty())
    throw UsageError("data.path is empty; data.name = files needs the file or folder");
  if (options.name != kFiles)
    refuse_settings(options, {"test_share", "size", "resize", "channels", "broken", "memory_share"}, options.name,
                    "files of your own");
}

/// What results are stored under: the last part of a path.
std::string display_name(const DataOptions& options) {
  if (options.name != kFiles) return options.name;
  auto path = std::filesystem::absolute(options.path).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  std::string name = path.filename().string();
  std::replace(name.begin(), name.end(), '/', '_');
  return name.empty() ? kFiles : name;
}

/// Names are stored as JSON.
void require_text(const std::vector<std::string>& class_names) {
  for (const std::string& name : class_names)
    if (!is_utf8(name))
      throw UsageError("the name of class '" + printable(name) + "' is not valid UTF-8 text; rename it");
}

/// Those images in the order of the file.
RawImages select_sorted(RawImages from, std::span<const Ranked> ranked) {
  auto indices = indices_of(ranked);
  std::sort(indices.begin(), indices.end());
  select(from, indices);
  return from;
}

RawImages draw(const RawImages& from, int classes, std::int64_t count, const Rng& rng) {
  if (count == from.labels.size(0)) return from;
  auto members = rank_by_class(PixelSource(from), from.labels, classes, rng);
  return select_sorted(from, take(members, count));
}

/// How many of each class are held back for the test: `share`, at least one of two, at most all but one.
std::vector<std::int64_t> test_quotas(const RankedImages& members, double share) {
  std::vector<std::int64_t> quota;
  for (const auto& ranked : members) {
    const std::int64_t size = std::ssize(ranked);
    quota.push_back(size < 2 ? 0
                             : std::clamp<std::int64_t>(std::llround(share * static_cast<double>(size)), 1, size - 1));
  }
  return quota;
}

/// Moves a share of the training images to the test.
void hold_back_test(RawData& data, double share, const Rng& rng) {
  auto members = rank_by_class(PixelSource(data.train), data.train.labels, data.classes, rng);
  const auto taken = take(members, test_quotas(members, share));
  if (taken.empty())
    throw UsageError("there are no test images, and no class has two images of which one could be held back");
  data.test = select_sorted(data.train, taken);
  std::vector<Ranked> others;
  for (const auto& ranked : members) others.insert(others.end(), ranked.begin(), ranked.end());
  data.train = select_sorted(data.train, others);
}

void refuse_test_share(const DataOptions& options) {
  if (options.test_share != DataOptions{}.test_share)
    throw UsageError("data.test_share has no effect: " + display_name(options) + " brings test images of its own");
}

/// Moves the images that rank subnets out of the training images, and leaves as many to train on as are wanted.
void hold_back_search(RawData& data, const DataOptions& options, const Rng& rng) {
  const std::int64_t total = data.train.labels.size(0);
  const std::int64_t fallback = std::max<std::int64_t>(1, std::min<std::int64_t>(5000, total / 10));
  if (total < 2)
    throw UsageError("there are " + std::to_string(total) +
                     " training images; allowed: 2 and more, as one is held out "
                     "for search");
  const std::int64_t search_size =
      within("data.search_size", options.search_size == 0 ? fallback : options.search_size, total - 1,
             "less than the training images, so that some are left to train on");
  const std::int64_t left = total - search_size;
  const std::int64_t train_size = within("data.train_size", options.train_size == 0 ? left : options.train_size, left,
                                         "the training images not held out for search");
  auto members = rank_by_class(PixelSource(data.train), data.train.labels, data.classes, rng);
  data.search = select_sorted(data.train, take(members, search_size));  // first: `train_size` cannot matter
  data.train = select_sorted(data.train, take(members, train_size));
}

/// The data set brings its own images to rank subnets.
void draw_given_search(RawData& data, const DataOptions& options, const Rng& rng) {
  const std::int64_t total = data.train.labels.size(0), given = data.search->labels.size(0);
  data.search = draw(*data.search, data.classes,
                     within("data.search_size", options.search_size == 0 ? given : options.search_size, given,
                            "the validation images"),
                     rng);
  data.train = draw(
      data.train, data.classes,
      within("data.train_size", options.train_size == 0 ? total : options.train_size, total, "the training images"),
      rng);
}

}  // namespace

void refuse_settings(const DataOptions& options, std::initializer_list<const char*> keys, const std::string& what,
                     const std::string& whom) {
  const nlohmann::json given = write_options(options), idle = write_options(DataOptions{});
  for (const char* key : keys)
    if (given[key] != idle[key])
      throw UsageError("data." + std::string(key) + " = " + given[key].dump() + " has no effect on " + what +
                       "; it is for " + whom);
}

const std::vector<std::string>& dataset_names() {
  static const std::vector<std::string> names{"fashion_mnist", "mnist", "cifar10", "synthetic", kFiles};
  return names;
}

DataSplits load_data(const DataOptions& given) {
  const DataOptions options = with_path(given);
  check_options(options);
  RawData data = read_raw(options);
  require_text(data.class_names);
  const Rng rng(static_cast<std::uint64_t>(options.seed));
  if (data.test) {
    refuse_test_share(options);
  } else {
    hold_back_test(data, options.test_share, rng.domain("data.held_back_test"));
  }
  const std::int64_t test_images = data.test->labels.size(0);
  const std::int64_t test_size = within("data.test_size", options.test_size == 0 ? test_images : options.test_size,
                                        test_images, "the test images");
  if (data.search) {
    draw_given_search(data, options, rng.domain("data.split"));
  } else {
    hold_back_search(data, options, rng.domain("data.split"));
  }
  data.test = draw(*data.test, data.classes, test_size, rng.domain("data.test"));

  const ChannelStatistics statistics = data.train.store != nullptr ? data.train.store->statistics(data.train.rows)
                                                                   : channel_statistics(data.train.images);
  const auto dataset = [&](const char* part, RawImages raw) {
    return Dataset{display_name(options),
                   part,
                   std::move(raw.images),
                   std::move(raw.labels),
                   data.classes,
                   statistics.mean,
                   statistics.stddev,
                   data.class_names,
                   data.crop,
                   std::move(raw.store),
                   std::move(raw.rows)};
  };
  DataSplits splits{dataset("train", std::move(data.train)), dataset("search", std::move(*data.search)),
                    dataset("test", std::move(*data.test)), options, std::move(data.facts)};
  if (options.name == kFiles) splits.options.picture = data.picture;
  add_notes(splits);
  return splits;
}

}  // namespace frontier
