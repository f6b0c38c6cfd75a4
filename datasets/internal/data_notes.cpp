#include <algorithm>
#include <cmath>

#include "common/text.h"
#include "datasets/internal/readers.h"

namespace frontier {
namespace {

std::vector<std::int64_t> class_counts(const Dataset& dataset) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(dataset.classes));
  const auto* label = dataset.labels.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < dataset.labels.size(0); ++i) ++counts[static_cast<std::size_t>(label[i])];
  return counts;
}

/// The classes that a part has no image of.
void note_missing_classes(const Dataset& dataset, std::vector<std::string>& notes) {
  constexpr std::size_t kNamed = 5;
  std::vector<std::string> missing;
  const auto counts = class_counts(dataset);
  for (std::size_t c = 0; c < counts.size(); ++c)
    if (counts[c] == 0) missing.push_back("'" + printable(dataset.class_names[c]) + "'");
  if (missing.empty()) return;
  const std::size_t count = missing.size();
  missing.resize(std::min(kNamed, count));
  notes.push_back("no " + std::string(dataset.part == "train" ? "training" : "test") + " image shows " +
                  (count == 1 ? "class " : "the classes ") + join(missing) + (count > kNamed ? ", ..." : ""));
}

void note_one_sided_classes(const Dataset& train, std::vector<std::string>& notes) {
  constexpr double kNearlyAll = 0.9;
  const auto counts = class_counts(train);
  const auto most = std::max_element(counts.begin(), counts.end());
  const double share = static_cast<double>(*most) / static_cast<double>(train.size());
  const std::string name = "'" + printable(train.class_names[static_cast<std::size_t>(most - counts.begin())]) + "'";
  if (*most == train.size()) {
    notes.push_back("all training images show class " + name + ": there is nothing to tell apart");
  } else if (share > kNearlyAll) {
    notes.push_back(std::to_string(std::llround(100 * share)) + " % of the training images show class " + name +
                    ": always to say so would be right as often");
  }
}

/// Test images that are also training images, byte by byte.
void note_shared_images(const DataSplits& splits, std::vector<std::string>& notes) {
  const auto hashes = [](const Dataset& dataset) {
    const PixelSource source(dataset);
    std::vector<std::uint8_t> buffer;
    std::vector<std::uint64_t> all;
    for (std::int64_t i = 0; i < source.size(); ++i) all.push_back(hash_bytes(source.identity(i, buffer), 0));
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto train = hashes(splits.train), test = hashes(splits.test);
  const auto shared = std::count_if(test.begin(), test.end(), [&](std::uint64_t hash) {
    return std::binary_search(train.begin(), train.end(), hash);
  });
  if (shared > 0)
    notes.push_back(std::to_string(shared) + " of the " + std::to_string(test.size()) +
                    " test images are training images as well, byte by byte: accuracy on them says little");
}

}  // namespace

void add_notes(DataSplits& splits) {
  std::vector<std::string>& notes = splits.facts.notes;
  for (const Dataset* part : {&splits.train, &splits.test}) note_missing_classes(*part, notes);
  note_one_sided_classes(splits.train, notes);
  if (splits.options.name == "files") note_shared_images(splits, notes);
}

}  // namespace frontier
