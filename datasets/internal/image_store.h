#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "datasets/dataset.h"

namespace frontier {

/// Images of one shape that lie in memory or are decoded when asked for: the same bytes either way.
/// Full thread-safety.
class ImageStore {
 public:
  virtual ~ImageStore() = default;
  virtual const PictureShape& shape() const = 0;
  virtual bool in_memory() const = 0;
  /// The bytes [C, H, W] of an image: where they lie, or decoded into `buffer`.
  virtual const std::uint8_t* pixels(std::int64_t index, std::vector<std::uint8_t>& buffer) const = 0;
  /// 64 bits that depend on every byte of what the image was made from.
  virtual std::uint64_t digest(std::int64_t index) const = 0;
  /// Of the images `rows` ([N] int64).
  virtual ChannelStatistics statistics(const at::Tensor& rows) const = 0;
};

/// The images of a data set, wherever they are. Full thread-safety.
class PixelSource {
 public:
  /// @param set something with `images`, `store` and `rows` as Dataset has them.
  template <class Set>
  explicit PixelSource(const Set& set) : PixelSource(set.images, set.store, set.rows) {}
  PixelSource(const at::Tensor& images, std::shared_ptr<const ImageStore> store, const at::Tensor& rows);

  std::int64_t size() const { return size_; }
  const PictureShape& shape() const { return shape_; }
  std::int64_t bytes_per_image() const { return shape_.channels * shape_.height * shape_.width; }
  /// Whether reading an image takes long.
  bool decodes() const { return store_ != nullptr && !store_->in_memory(); }

  /// As ImageStore::pixels.
  const std::uint8_t* image(std::int64_t index, std::vector<std::uint8_t>& buffer) const;
  /// What tells image `index` from others: its pixels, or the digest of its file.
  std::span<const std::uint8_t> identity(std::int64_t index, std::vector<std::uint8_t>& buffer) const;

 private:
  at::Tensor images_;
  std::shared_ptr<const ImageStore> store_;
  at::Tensor rows_;
  std::int64_t size_ = 0;
  PictureShape shape_;
};

/// 64 bits that depend on `key` and every byte.
std::uint64_t hash_bytes(std::span<const std::uint8_t> bytes, std::uint64_t key);

/// work(i) for every i in [0, count), on as many threads as at::get_num_threads() says. Rethrows an exception of it.
void for_each_index(std::int64_t count, const std::function<void(std::int64_t)>& work);

}  // namespace frontier
