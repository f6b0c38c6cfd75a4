#pragma once

// The forms in which people have images: each reader takes what it knows and leaves the rest to the next one.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "datasets/internal/readers.h"

namespace frontier {

/// Parts that a data set may bring along.
enum class Part { kTrain, kSearch, kTest };

/// "train", "training"; "val", "valid", "validation"; "test", "testing": in whatever case. None for other words.
std::optional<Part> part_named(const std::string& word);

struct PartFolder {
  Part part = Part::kTrain;
  std::filesystem::path path;
};
/// The folders of the parts, where every folder in `root` is one and training is among them; the validation images are
/// the test images where there are no others. Empty otherwise.
std::vector<PartFolder> part_folders(const std::filesystem::path& root);

struct Listing {
  std::vector<std::string> folders, files;
};
/// Names of the folders and files in `folder`, sorted, without hidden ones. @throws UsageError if it cannot be read.
Listing list_folder(const std::filesystem::path& folder);

/// Distinct labels: numbered by value, or by name where one is no whole number.
std::vector<std::string> class_names_of(std::vector<std::string> labels);

/// A picture file and what it shows.
struct LabelledFile {
  std::filesystem::path path{};
  std::string label{};
  Part part = Part::kTrain;
};

/// Picture files of a data set; what is read of them is decided when all are known.
struct FileList {
  std::string form{};  ///< "class folders"
  std::vector<LabelledFile> files{};
  std::vector<std::string> class_names{};
  std::vector<std::string> notes{};
};

/// Images in memory, with labels as their file gives them.
struct LabelledImages {
  Part part = Part::kTrain;
  at::Tensor images;                 ///< [N, C, H, W] uint8
  std::vector<std::int64_t> labels;  ///< N of any values
  std::string file;                  ///< of the labels
};

/// Numbers the classes of all parts. @throws UsageError where the shapes of two parts differ.
RawData join_parts(std::string form, std::vector<LabelledImages> parts);

/// A folder with one folder a class, or with train, val and test of such.
std::optional<FileList> list_class_folders(const std::filesystem::path& root);
/// A CSV with a header: a column of paths (below the CSV's folder, or absolute), one of labels, and maybe one of parts.
FileList list_table(const std::filesystem::path& csv);
/// Decodes the pictures of a list.
RawData read_pictures(const FileList& list, const DataOptions& options);

/// images.npy and labels.npy, in the folder or in its train, val and test.
std::optional<RawData> read_npy_folder(const std::filesystem::path& root);
/// idx files of any number of classes, by the ends of their names: *images-idx3-ubyte and *labels-idx1-ubyte.
std::optional<RawData> read_any_idx_folder(const std::filesystem::path& root);

}  // namespace frontier
