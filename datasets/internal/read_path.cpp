#include <algorithm>

#include "common/errors.h"
#include "common/text.h"
#include "datasets/internal/forms.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

constexpr const char* kForms =
    "a folder with one folder of JPEG and PNG files a class; a folder with train, test and maybe val of such; a CSV of "
    "paths and labels; a folder with images.npy and labels.npy; a folder of idx files";

/// Settings of picture files do nothing to images that lie in arrays.
RawData with_arrays(RawData data, const DataOptions& options) {
  refuse_settings(options, {"size", "resize", "channels", "broken", "memory_share"}, data.facts.form, "picture files");
  return data;
}

/// What a folder that fits no form holds, for the message.
std::string described(const fs::path& folder) {
  const Listing listing = list_folder(folder);
  if (listing.folders.empty() && listing.files.empty()) return "an empty folder";
  const auto some = [](std::vector<std::string> names, const char* what) {
    const std::size_t count = names.size();
    names.resize(std::min<std::size_t>(count, 4));
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s") +
           (names.empty() ? "" : " (" + printable(join(names), 160) + (count > 4 ? ", ..." : "") + ")");
  };
  return some(listing.folders, "folder") + " and " + some(listing.files, "file");
}

RawData read_folder(const fs::path& folder, const DataOptions& options) {
  if (auto arrays = read_npy_folder(folder)) return with_arrays(std::move(*arrays), options);
  if (auto arrays = read_any_idx_folder(folder)) return with_arrays(std::move(*arrays), options);
  if (const auto list = list_class_folders(folder)) return read_pictures(*list, options);
  throw UsageError(folder.string() + ": expected " + kForms + "; saw " + described(folder) +
                   ", no picture in a folder of its class");
}

}  // namespace

RawData read_path(const DataOptions& options) {
  const fs::path path = options.path;
  std::error_code error;
  if (fs::is_directory(path, error)) return read_folder(path, options);
  if (!fs::exists(path, error))
    throw UsageError("data.path: there is no file or folder " + printable(path.string(), 300) + "; expected " + kForms);
  const std::string kind = path.extension().string();
  if (kind == ".csv") return read_pictures(list_table(path), options);
  if (kind == ".npz")
    throw UsageError(path.string() +
                     ": .npz archives are not read; unpack it into a folder of its own with the arrays "
                     "images.npy and labels.npy (numpy.load, numpy.save), and give that folder");
  throw UsageError(path.string() + ": expected " + kForms + "; saw a file that is no .csv");
}

}  // namespace frontier
