#include <algorithm>

#include "common/csv.h"
#include "common/data_file.h"
#include "common/errors.h"
#include "common/text.h"
#include "datasets/internal/forms.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kPathColumns{"path", "file", "filename", "image", "image_path", "filepath"};
const std::vector<std::string> kLabelColumns{"label", "class", "category", "target"};
const std::vector<std::string> kPartColumns{"split", "part", "subset"};

std::optional<std::size_t> find_column(const CsvReader& csv, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < csv.header().size(); ++i)
    if (std::find(names.begin(), names.end(), csv.header()[i]) != names.end()) return i;
  return std::nullopt;
}

std::size_t need_column(const CsvReader& csv, const char* what, const std::vector<std::string>& names) {
  if (const auto found = find_column(csv, names)) return *found;
  throw UsageError(csv.name() + ": expected a header with a column of " + what + ", named one of " + join(names) +
                   "; saw the columns " + printable(join(csv.header()), 200));
}

[[noreturn]] void fail(const CsvReader& csv, const std::string& what) {
  throw UsageError(csv.name() + ", line " + std::to_string(csv.line()) + ": " + what);
}

Part part_of(const CsvReader& csv, std::string_view word) {
  if (const auto part = part_named(std::string(trim(word)))) return *part;
  fail(csv, "the part '" + printable(word) + "' is none; allowed: train, val, test");
}

/// Validation images are the test images where there are no others.
void use_validation_as_test(std::vector<LabelledFile>& files) {
  const auto is_test = [](const LabelledFile& file) { return file.part == Part::kTest; };
  if (std::any_of(files.begin(), files.end(), is_test)) return;
  for (LabelledFile& file : files)
    if (file.part == Part::kSearch) file.part = Part::kTest;
}

}  // namespace

FileList list_table(const fs::path& path) {
  DataFile file(path);
  CsvReader csv(path.string(), [&](std::span<char> out) {
    return file.read_some(reinterpret_cast<std::uint8_t*>(out.data()), out.size());
  });
  const std::size_t path_column = need_column(csv, "paths", kPathColumns);
  const std::size_t label_column = need_column(csv, "labels", kLabelColumns);
  const auto part_column = find_column(csv, kPartColumns);
  FileList list{.form = "a table of paths and labels"};
  std::vector<std::string> labels;
  while (csv.next()) {
    const std::string_view picture = csv.cell(path_column), label = trim(csv.cell(label_column));
    if (picture.empty()) fail(csv, "the path is empty");
    if (label.empty()) fail(csv, "the label is empty");
    list.files.push_back({path.parent_path() / picture, std::string(label),
                          part_column ? part_of(csv, csv.cell(*part_column)) : Part::kTrain});
    labels.emplace_back(label);
  }
  if (list.files.empty()) throw UsageError(path.string() + ": expected a line a picture below the header, saw none");
  use_validation_as_test(list.files);
  list.class_names = class_names_of(std::move(labels));
  return list;
}

}  // namespace frontier
