#include "datasets/internal/forms.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFolderEntries = 10'000'000;

std::optional<std::int64_t> whole_number(const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789", text[0] == '-' ? 1 : 0) != text.npos)
    return std::nullopt;
  return text == "-" ? std::nullopt : std::optional(std::stoll(text));
}

std::string shape_text(const at::Tensor& images) {
  return std::to_string(images.size(1)) + "x" + std::to_string(images.size(2)) + "x" + std::to_string(images.size(3));
}

/// Whole-number labels that nothing has, between those that something has.
std::vector<std::string> gap_notes(const std::vector<std::string>& class_names) {
  std::vector<std::string> missing;
  std::int64_t gaps = 0;
  for (std::size_t i = 1; i < class_names.size(); ++i) {
    const std::int64_t from = std::stoll(class_names[i - 1]), to = std::stoll(class_names[i]);
    for (std::int64_t label = from + 1; label < to && missing.size() < 5; ++label)
      missing.push_back(std::to_string(label));
    gaps += to - from - 1;
  }
  if (gaps == 0) return {};
  return {"no image has label " + join(missing) + (gaps > 5 ? ", ..." : "") + "; labels go from " +
          class_names.front() + " to " + class_names.back() + ", and those that occur are the " +
          std::to_string(class_names.size()) + " classes"};
}

}  // namespace

std::optional<Part> part_named(const std::string& word) {
  static const std::map<std::string, Part> parts{
      {"train", Part::kTrain},       {"training", Part::kTrain}, {"val", Part::kSearch},  {"valid", Part::kSearch},
      {"validation", Part::kSearch}, {"test", Part::kTest},      {"testing", Part::kTest}};
  const auto found = parts.find(lower(word));
  return found == parts.end() ? std::nullopt : std::optional(found->second);
}

Listing list_folder(const fs::path& folder) {
  Listing listing;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.')) continue;
    std::error_code ignored;  // a link that leads nowhere is listed as a file, and read as a broken one
    (entry->is_directory(ignored) ? listing.folders : listing.files).push_back(name);
    if (listing.folders.size() + listing.files.size() > kMostFolderEntries)
      throw UsageError(folder.string() + " holds more than " + std::to_string(kMostFolderEntries) + " entries");
  }
  if (error) throw UsageError("cannot read " + folder.string() + ": " + error.message());
  std::sort(listing.folders.begin(), listing.folders.end());
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

std::vector<PartFolder> part_folders(const fs::path& root) {
  std::vector<PartFolder> found;
  std::set<Part> parts;
  for (const std::string& name : list_folder(root).folders) {
    const auto part = part_named(name);
    if (!part) return {};
    if (!parts.insert(*part).second)
      throw UsageError(root.string() + ": '" + name + "' and another folder are the same part; keep one of them");
    found.push_back({*part, root / name});
  }
  if (!parts.contains(Part::kTrain)) return {};
  if (!parts.contains(Part::kTest))
    for (PartFolder& folder : found)
      if (folder.part == Part::kSearch) folder.part = Part::kTest;
  return found;
}

std::vector<std::string> class_names_of(std::vector<std::string> labels) {
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  if (std::all_of(labels.begin(), labels.end(), [](const auto& label) { return whole_number(label).has_value(); }))
    std::stable_sort(labels.begin(), labels.end(),
                     [](const auto& a, const auto& b) { return *whole_number(a) < *whole_number(b); });
  return labels;
}

RawData join_parts(std::string form, std::vector<LabelledImages> parts) {
  std::vector<std::int64_t> values;
  for (const auto& part : parts) values.insert(values.end(), part.labels.begin(), part.labels.end());
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  RawData data;
  for (const std::int64_t value : values) data.class_names.push_back(std::to_string(value));
  data.classes = static_cast<int>(values.size());
  data.facts.form = std::move(form);
  data.facts.notes = gap_notes(data.class_names);
  const std::string shape = shape_text(parts.front().images);
  for (auto& part : parts) {
    if (shape_text(part.images) != shape)
      throw UsageError(part.file + ": expected images of " + shape + " as in " + parts.front().file + ", saw " +
                       shape_text(part.images));
    RawImages raw{std::move(part.images), empty_labels(static_cast<std::int64_t>(part.labels.size())), {}, {}};
    std::transform(
        part.labels.begin(), part.labels.end(), raw.labels.mutable_data_ptr<std::int64_t>(),
        [&](std::int64_t value) { return std::lower_bound(values.begin(), values.end(), value) - values.begin(); });
    if (part.part == Part::kTrain) data.train = std::move(raw);
    if (part.part == Part::kSearch) data.search = std::move(raw);
    if (part.part == Part::kTest) data.test = std::move(raw);
  }
  return data;
}

}  // namespace frontier
