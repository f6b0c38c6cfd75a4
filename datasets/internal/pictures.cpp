#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "common/errors.h"
#include "common/system_limits.h"
#include "common/text.h"
#include "datasets/internal/forms.h"
#include "datasets/internal/picture_store.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSmallSide = 96, kDefaultSize = 64;
constexpr double kEvaluationShare = 8.0 / 7;  // of the kept side in the side that is seen, as 256 to 224

/// How the pictures of a data set are read, decided once.
struct Plan {
  PictureOptions picture;  ///< resolved
  PictureShape kept;
  std::int64_t crop = 0;  ///< as in Dataset
};

std::int64_t short_side(const PictureInfo& info) { return std::min(info.height, info.width); }

std::int64_t longest_short_side(const std::vector<PictureInfo>& infos) {
  std::int64_t side = 0;
  for (const PictureInfo& info : infos) side = std::max(side, short_side(info));
  return side;
}

bool have_one_small_size(const std::vector<PictureInfo>& infos) {
  const PictureInfo& first = infos.front();
  return std::max(first.height, first.width) <= kSmallSide &&
         std::all_of(infos.begin(), infos.end(),
                     [&](const PictureInfo& info) { return info.height == first.height && info.width == first.width; });
}

/// @param infos of the readable pictures, at least one.
Plan make_plan(PictureOptions picture, const std::vector<PictureInfo>& infos) {
  if (picture.channels == 2) throw UsageError("data.channels = 2 is not allowed; allowed: 3 (colour), 1 (grey)");
  if (picture.channels == 0)
    picture.channels = std::all_of(infos.begin(), infos.end(), [](const auto& info) { return info.grey; }) ? 1 : 3;
  if (picture.size == 0 && picture.resize == 0 && have_one_small_size(infos))
    return {picture, {picture.channels, infos.front().height, infos.front().width}, 0};
  const std::int64_t longest = longest_short_side(infos);
  if (picture.size == 0) picture.size = std::min(kDefaultSize, longest);
  if (picture.resize == 0)
    picture.resize = std::min(std::llround(static_cast<double>(picture.size) * kEvaluationShare),
                              static_cast<long long>(std::max(picture.size, longest)));
  if (picture.resize < picture.size)
    throw UsageError("data.resize = " + std::to_string(picture.resize) + " is less than data.size = " +
                     std::to_string(picture.size) + ", the side that is cut from it; raise it or leave it out");
  return {picture, {picture.channels, picture.resize, picture.resize}, picture.size};
}

/// Reads the pictures of a list.
class PictureReader {
 public:
  PictureReader(const FileList& list, const DataOptions& options)
      : list_(list), options_(options), why_not_(list.files.size()), infos_(list.files.size()) {}

  RawData read() {
    const PictureOptions& picture = options_.picture;
    if (picture.size == 0 || picture.resize == 0 || picture.channels == 0) read_infos();
    const Plan plan = make_plan(picture, readable_infos());
    store_ = make_store(plan.kept);
    RawData data;
    data.facts = {.form = list_.form, .notes = list_.notes, .broken = broken(), .kept = kept_};
    if (!data.facts.broken.empty()) refuse_or_note(data.facts);
    data.facts.pictures = readable_infos();
    data.class_names = list_.class_names;
    data.classes = static_cast<int>(list_.class_names.size());
    data.picture = plan.picture;
    data.crop = plan.crop;
    data.train = part(Part::kTrain);
    for (const auto& [which, raw] : {std::pair(Part::kSearch, &data.search), std::pair(Part::kTest, &data.test)})
      if (RawImages images = part(which); images.labels.size(0) > 0) *raw = std::move(images);
    return data;
  }

 private:
  bool is_readable(std::size_t i) const { return why_not_[i].empty(); }

  void read_infos() {
    for_each_index(static_cast<std::int64_t>(list_.files.size()), [&](std::int64_t index) {
      const auto i = static_cast<std::size_t>(index);
      try {
        infos_[i] = read_picture_info(list_.files[i].path);
      } catch (const UsageError& error) {
        why_not_[i] = error.what();
      }
    });
  }

  std::vector<PictureInfo> readable_infos() const {
    std::vector<PictureInfo> infos;
    for (std::size_t i = 0; i < infos_.size(); ++i)
      if (is_readable(i)) infos.push_back(infos_[i]);
    if (infos.empty())
      throw UsageError("none of the " + std::to_string(infos_.size()) + " pictures can be read; the first, " +
                       list_.files.front().path.string() + ": " + why_not_.front());
    return infos;
  }

  std::shared_ptr<const ImageStore> make_store(const PictureShape& shape) {
    std::vector<fs::path> paths;
    for (const LabelledFile& file : list_.files) paths.push_back(file.path);
    const double bytes =
        static_cast<double>(paths.size()) * static_cast<double>(shape.channels * shape.height * shape.width);
    const bool keep = bytes <= options_.memory_share * static_cast<double>(free_memory());
    kept_ = (keep ? "in memory (" : "decoded for every batch (kept, they would take ") + format_count(bytes) + "B)";
    return read_picture_store(std::move(paths), shape, keep, why_not_, infos_);
  }

  std::vector<std::pair<std::string, std::string>> broken() const {
    std::vector<std::pair<std::string, std::string>> files;
    for (std::size_t i = 0; i < why_not_.size(); ++i)
      if (!is_readable(i)) files.emplace_back(list_.files[i].path.string(), why_not_[i]);
    return files;
  }

  void refuse_or_note(DataFacts& facts) const {
    constexpr std::size_t kNamed = 3;
    std::vector<std::string> named;
    for (std::size_t i = 0; i < std::min(kNamed, facts.broken.size()); ++i)
      named.push_back(printable(facts.broken[i].first, 200) + ": " + printable(facts.broken[i].second, 200));
    const std::string text = std::to_string(facts.broken.size()) + " of " + std::to_string(why_not_.size()) +
                             " pictures cannot be read: " + join(named, "; ") +
                             (facts.broken.size() > kNamed ? "; ..." : "");
    if (options_.broken == "refuse")
      throw UsageError(text + ". Mend or remove them, or leave them out: --set data.broken=skip");
    facts.notes.push_back(text + ". They are left out");
  }

  RawImages part(Part which) const {
    std::map<std::string, std::int64_t> numbers;
    for (const std::string& name : list_.class_names) numbers.emplace(name, std::ssize(numbers));
    std::vector<std::int64_t> rows, labels;
    for (std::size_t i = 0; i < list_.files.size(); ++i) {
      if (!is_readable(i) || list_.files[i].part != which) continue;
      rows.push_back(static_cast<std::int64_t>(i));
      labels.push_back(numbers.at(list_.files[i].label));
    }
    return {{}, tensor_of(labels), store_, tensor_of(rows)};
  }

  static at::Tensor tensor_of(const std::vector<std::int64_t>& values) {
    at::Tensor tensor = empty_labels(std::ssize(values));
    std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
    return tensor;
  }

  const FileList& list_;
  const DataOptions& options_;
  std::vector<std::string> why_not_;  ///< one a file: empty where it is readable
  std::vector<PictureInfo> infos_;
  std::shared_ptr<const ImageStore> store_;
  std::string kept_;
};

}  // namespace

RawData read_pictures(const FileList& list, const DataOptions& options) { return PictureReader(list, options).read(); }

}  // namespace frontier
