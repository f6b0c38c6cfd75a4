#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "datasets/dataset.h"

namespace frontier {

/// One part of a data set, as its files hold it.
struct RawImages {
  at::Tensor images;  ///< [N, C, H, W] uint8
  at::Tensor labels;  ///< [N] int64 in [0, classes)
};

/// A data set as its files hold it, not yet split.
struct RawData {
  RawImages train, test;
  int classes = 0;
};

/// The four idx files of MNIST and Fashion-MNIST. @throws UsageError as load_data does.
RawData read_idx_folder(const std::filesystem::path& folder);
/// The binary version of CIFAR-10. @throws UsageError as load_data does.
RawData read_cifar10_folder(const std::filesystem::path& folder);
RawData make_synthetic(const SyntheticOptions& options);

/// [N, C, H, W] uint8 / [N] int64 with room for the data, for the readers to fill.
at::Tensor empty_images(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width);
at::Tensor empty_labels(std::int64_t count);

}  // namespace frontier
