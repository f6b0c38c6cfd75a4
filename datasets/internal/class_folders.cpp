#include <set>

#include "common/errors.h"
#include "common/text.h"
#include "datasets/internal/forms.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

/// By its name; whether it is one is seen when it is read.
bool looks_like_a_picture(const fs::path& file) {
  static const std::set<std::string> kinds{".jpg",  ".jpeg", ".jpe",  ".jfif", ".png", ".gif",  ".bmp",
                                           ".webp", ".tif",  ".tiff", ".ppm",  ".pgm", ".heic", ".avif"};
  return kinds.contains(lower(file.extension().string()));
}

class FolderLister {
 public:
  /// Adds the pictures of every class folder in `root`.
  void add(const fs::path& root, Part part) {
    for (const std::string& name : list_folder(root).folders) {
      names_.push_back(name);
      const std::size_t before = list_.files.size();
      add_below(root / name, name, part, 0);
      if (list_.files.size() == before && part == Part::kTrain)
        list_.notes.push_back("class folder '" + printable(name) + "' holds no picture");
    }
  }

  FileList finish() {
    list_.form = "class folders";
    list_.class_names = class_names_of(names_);
    if (others_ > 0)
      list_.notes.push_back(std::to_string(others_) + (others_ == 1 ? " file" : " files") +
                            " in class folders have no picture's name and were not read, e.g. " + an_other_);
    return std::move(list_);
  }

 private:
  static constexpr int kMostLevels = 16;  // of folders in a class's folder; links may go round in circles

  void add_below(const fs::path& folder, const std::string& label, Part part, int level) {
    if (level == kMostLevels) throw UsageError(folder.string() + ": folders are nested deeper than 16 levels");
    const Listing listing = list_folder(folder);
    for (const std::string& name : listing.files) {
      if (looks_like_a_picture(name)) {
        list_.files.push_back({folder / name, label, part});
      } else if (++others_ == 1) {
        an_other_ = printable((folder / name).string(), 200);
      }
    }
    for (const std::string& name : listing.folders) add_below(folder / name, label, part, level + 1);
  }

  FileList list_;
  std::vector<std::string> names_;
  std::int64_t others_ = 0;
  std::string an_other_;
};

}  // namespace

std::optional<FileList> list_class_folders(const fs::path& root) {
  FolderLister lister;
  const auto parts = part_folders(root);
  for (const auto& [part, path] : parts) lister.add(path, part);
  if (parts.empty()) lister.add(root, Part::kTrain);
  FileList list = lister.finish();
  return list.files.empty() ? std::nullopt : std::optional(std::move(list));
}

}  // namespace frontier
