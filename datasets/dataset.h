#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/rng.h"
#include "datasets/picture.h"

namespace frontier {

class ImageStore;

/// Labelled images of one shape, as bytes: held in a tensor, or kept by a store that decodes files. The loader turns
/// them into normalised floats batch by batch. A plain value; copies share tensors and store, which nobody writes to.
/// Thread-safety: const.
struct Dataset {
  std::string name{};   ///< "fashion_mnist"
  std::string part{};   ///< "train", "search" or "test"
  at::Tensor images{};  ///< [N, C, H, W] uint8, contiguous; undefined where `store` has them
  at::Tensor labels{};  ///< [N] int64 in [0, classes)
  int classes = 0;
  std::vector<double>
      mean{};  ///< per channel, of pixel / 255, over the training part (never over search or test images)
  std::vector<double> stddev{};  ///< likewise; 1 for a channel that is constant, so that normalising stays finite
  std::vector<std::string> class_names{};     ///< one a class
  std::int64_t crop = 0;                      ///< side of the square that networks see of each image; 0: all of it
  std::shared_ptr<const ImageStore> store{};  ///< null: the images are in `images`
  at::Tensor rows{};                          ///< [N] int64: which images of `store`

  std::int64_t size() const;
  std::int64_t channels() const;
  /// What networks see.
  std::int64_t height() const;
  std::int64_t width() const;

  /// Image `index` as networks see it when they are evaluated: the middle, not normalised.
  ByteImage image(std::int64_t index) const;

  /// The images at `indices`, in that order; everything else is kept. @throws UsageError if an index is not in [0,
  /// size()).
  Dataset subset(std::span<const std::int64_t> indices) const;

  /// `count` images at random, every class with the share it has here (to within one image), in a random order: any run
  /// of them is mixed. A function of `rng` and the set of images, whatever order they are in; a smaller draw is the
  /// subset of a larger one (to within one image a class). Reads all bytes (43 MB: 20 ms).
  /// @throws UsageError unless 1 <= count <= size(); labels must be valid.
  Dataset draw(std::int64_t count, const Rng& rng) const;

  /// "fashion_mnist/test/10000x1x28x28/1a2b3c4d": name, part, shape and CRC-32 of all image and label bytes. Stored
  /// with every result, so that numbers measured on different data are never taken for comparable. Reads all bytes (47
  /// MB: 20 ms), and decodes them where they are not in memory.
  std::string fingerprint() const;
  /// CRC-32 of what the images and labels were made from, in their order: cheap where images are decoded from files.
  /// Tells whether a checkpoint is opened with the images that it was trained on.
  std::string identity() const;

  /// @throws UsageError if shapes, types, labels or statistics do not fit together (for data sets made by hand).
  void validate() const;
};

/// Mean and standard deviation of pixel / 255.
struct ChannelStatistics {
  std::vector<double> mean, stddev;
};

/// Exact (counted in integers), so equal on every machine. @param images [N, C, H, W] uint8, N > 0.
ChannelStatistics channel_statistics(const at::Tensor& images);

/// A learnable stand-in that needs no files: each class is a grating of its own direction and pitch, drawn with random
/// contrast and small shifts under strong noise. Classes stay apart under horizontal flips.
struct SyntheticOptions {
  int channels = 1;
  int height = 28;
  int width = 28;
  int classes = 10;
  std::int64_t train_size = 6000;  ///< images made for training and search together
  std::int64_t test_size = 1000;
  double noise = 0.15;  ///< standard deviation of the pixel noise, of pixel / 255
  /// Of the images; apart from DataOptions::seed, so that runs with other seeds see the same data
  std::int64_t seed = 0;
};

template <class Fields>
void describe(Fields& f, SyntheticOptions& o) {
  f("channels", o.channels, 1, 64, "Channels of a synthetic image.");
  f("height", o.height, 4, 1024, "Height of a synthetic image, in pixels.");
  f("width", o.width, 4, 1024, "Width of a synthetic image, in pixels.");
  f("classes", o.classes, 2, 1000, "Classes of synthetic images.");
  f("train_size", o.train_size, 2, 10'000'000, "Images made for training and search together.");
  f("test_size", o.test_size, 1, 10'000'000, "Test images made.");
  f("noise", o.noise, 0.0, 1.0, "Standard deviation of the pixel noise, of pixel / 255.");
  f("seed", o.seed, 0, std::int64_t{1} << 53,
    "Of the images; apart from data.seed, so that runs with other seeds see the same data.");
}

/// "fashion_mnist", "mnist", "cifar10", "synthetic" and "files", which is whatever data.path holds.
const std::vector<std::string>& dataset_names();

/// How picture files become the images that networks see. 0: as the pictures are.
struct PictureOptions {
  /// Side of the square that networks see. 0: all of the pictures where they have one size of at most 96x96, else 64,
  /// or the longest of their short sides where that is less: small enough to train on a CPU in minutes
  std::int64_t size = 0;
  /// Side of the square that is kept of each picture, its short side resized to it: training crops come from it, and
  /// evaluation sees its middle. 0: 8/7 of the size, as 256 pixels for 224
  std::int64_t resize = 0;
  std::int64_t channels = 0;  ///< 3, or 1 for grey. 0: 1 where all pictures are grey
};

template <class Fields>
void describe(Fields& f, PictureOptions& o) {
  f("size", o.size, 0, 4096,
    "Side in pixels of the square that networks see; 0: all of the pictures where they have one size of at most 96x96, "
    "else 64.");
  f("resize", o.resize, 0, 4096,
    "Side in pixels of the square that is kept of each picture; training crops come from it; 0: 8/7 of the size.");
  f("channels", o.channels, 0, 3, "3, or 1 for grey; 0: 1 where all pictures are grey, else 3.");
}

struct DataOptions {
  std::string name = "fashion_mnist";  ///< of dataset_names(), or a path
  std::string path{};                  ///< folder with the data files; empty: where the data set is usually installed
  std::int64_t search_size = 0;        ///< training images held out for search; 0: a tenth of them, at most 5000
  std::int64_t train_size = 0;         ///< keep this many of the images left for training; 0: all
  std::int64_t test_size = 0;          ///< keep so many test images, drawn by `seed`, balanced by class; 0: all
  std::int64_t seed = 0;               ///< of the split into train and search, and of the test images kept
  SyntheticOptions synthetic{};        ///< for name = "synthetic" only
  double test_share = 0.2;  ///< of every class, where the data has no test images of its own; drawn by `seed`
  PictureOptions picture{};
  std::string broken =
      "refuse";  ///< what a picture that cannot be read does: "refuse" the data set, or "skip" the file
  /// Decoded pictures are kept in memory where they take no more than this share of what is free, else decoded anew
  /// for every batch; 0: always decoded anew
  double memory_share = 0.5;
};

template <class Fields>
void describe(Fields& f, DataOptions& o) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  f("name", o.name,
    "A data set with a name (fashion_mnist, mnist, cifar10, synthetic), or the path of your own images.");
  f("path", o.path, "Folder with the files of a data set with a name; empty: where it is usually installed.");
  f("search_size", o.search_size, 0, kMost,
    "Training images held out to rank subnets while searching; 0: a tenth of them, at most 5000.");
  f("train_size", o.train_size, 0, kMost, "Training images kept of those that are left; 0: all.");
  f("test_size", o.test_size, 0, kMost, "Test images kept, balanced by class; 0: all.");
  f("seed", o.seed, 0, std::int64_t{1} << 53,
    "Of the split into training and search, and of the images that are kept.");
  f("synthetic", o.synthetic);
  f("test_share", o.test_share, 0.01, 0.9,
    "Share of every class that is held back for the test where the data has no test images of its own.");
  describe(f, o.picture);
  f("broken", o.broken, {"refuse", "skip"},
    "What a picture that cannot be read does: refuse the data set, or skip the file.");
  f("memory_share", o.memory_share, 0.0, 0.95,
    "Share of the free memory that decoded pictures may take; where they need more, they are decoded anew for every "
    "batch.");
}

/// What was read, for people.
struct DataFacts {
  std::string form{};                                         ///< "class folders"
  std::vector<std::string> notes{};                           ///< what should be known before it is used, a line each
  std::vector<std::pair<std::string, std::string>> broken{};  ///< pictures left out, and why
  std::vector<PictureInfo> pictures{};                        ///< of those read, where they are picture files
  std::string kept{};  ///< where decoded pictures are: "in memory (24 MB)"; empty where there are none
};

/// What training, search and reporting may see. The three never share an image.
struct DataSplits {
  Dataset train;        ///< trains weights
  Dataset search;       ///< held out from training; ranks subnets
  Dataset test;         ///< read only to report
  DataOptions options;  ///< with what follows from the data filled in
  DataFacts facts;
};

/// Reads (or makes) the data set and splits it. The search split is class-balanced: every class gives the share it has
/// in the training images, to within one image. It depends on the seed and the set of images alone, neither on
/// `train_size` nor on the order of the file, and a smaller `search_size` gives a subset of a larger one (to within one
/// image a class). So are training and test images drawn where fewer are wanted than there are. Within each part images
/// keep the order of the file.
///
/// Files of the sets with a name: idx as published for (Fashion-)MNIST, plain or `.gz`; for CIFAR-10 the binary
/// version, `data_batch_1.bin` to `_5.bin` with `test_batch.bin`, or one `train*.bin` and one `test*.bin`, each plain
/// or `.gz`. A path is recognised by what it holds (docs/images.md): a folder with a folder a class, or with train and
/// test (and validation, which is then the search split) of such; a CSV of paths and labels; images.npy with
/// labels.npy; idx files. Classes are numbered in the order of their names. Where there are no test images,
/// `test_share` of every class is, at least one of two, at most all but one.
/// @throws UsageError naming the file, what was expected and what was seen.
DataSplits load_data(const DataOptions& options);

}  // namespace frontier
