#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/internal/image_store.h"

namespace frontier {

/// One part of a data set, as its files hold it.
struct RawImages {
  at::Tensor images{};  ///< [N, C, H, W] uint8; undefined where `store` has them
  at::Tensor labels{};  ///< [N] int64 in [0, classes)
  std::shared_ptr<const ImageStore> store{};
  at::Tensor rows{};  ///< [N] int64: which images of `store`
};

/// A data set as its files hold it, not yet split.
struct RawData {
  RawImages train{};
  std::optional<RawImages> test{};  ///< none: a share of `train` is to be held back
  int classes = 0;
  std::vector<std::string> class_names{};
  std::optional<RawImages> search{};  ///< none: a share of `train` is to be held back
  std::int64_t crop = 0;              ///< as in Dataset
  PictureOptions picture{};           ///< resolved, where it is of picture files
  DataFacts facts{};
};

/// The idx files of MNIST and Fashion-MNIST: ten classes. @throws UsageError as load_data does.
RawData read_idx_folder(const std::filesystem::path& folder, std::vector<std::string> class_names);
/// The binary version of CIFAR-10. @throws UsageError as load_data does.
RawData read_cifar10_folder(const std::filesystem::path& folder);
RawData make_synthetic(const SyntheticOptions& options);
/// Whatever `options.path` holds.
RawData read_path(const DataOptions& options);

/// @throws UsageError for one of the settings that is not as it is by default: it "has no effect on <what>; it is for
/// <whom>".
void refuse_settings(const DataOptions& options, std::initializer_list<const char*> keys, const std::string& what,
                     const std::string& whom);

/// Adds what should be known before the data is used: missing and one-sided classes, images in two parts.
void add_notes(DataSplits& splits);

/// "0", "1", ...
std::vector<std::string> numbered_classes(int classes);

/// [N, C, H, W] uint8 / [N] int64 with room for the data, for the readers to fill.
at::Tensor empty_images(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width);
at::Tensor empty_labels(std::int64_t count);

}  // namespace frontier
