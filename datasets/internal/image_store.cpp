#include "datasets/internal/image_store.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include <oneapi/tbb/parallel_for.h>

#include "datasets/internal/every_core.h"

namespace frontier {

PixelSource::PixelSource(const at::Tensor& images, std::shared_ptr<const ImageStore> store, const at::Tensor& rows)
    : store_(std::move(store)) {
  if (store_ != nullptr) {
    rows_ = rows.contiguous();
    size_ = rows_.size(0);
    shape_ = store_->shape();
  } else {
    images_ = images.contiguous();
    size_ = images_.size(0);
    shape_ = {images_.size(1), images_.size(2), images_.size(3)};
  }
}

const std::uint8_t* PixelSource::image(std::int64_t index, std::vector<std::uint8_t>& buffer) const {
  if (store_ != nullptr) return store_->pixels(rows_.const_data_ptr<std::int64_t>()[index], buffer);
  return images_.const_data_ptr<std::uint8_t>() + index * bytes_per_image();
}

std::span<const std::uint8_t> PixelSource::identity(std::int64_t index, std::vector<std::uint8_t>& buffer) const {
  if (store_ == nullptr) return {image(index, buffer), static_cast<std::size_t>(bytes_per_image())};
  const std::uint64_t digest = store_->digest(rows_.const_data_ptr<std::int64_t>()[index]);
  buffer.resize(sizeof digest);
  std::memcpy(buffer.data(), &digest, sizeof digest);
  return buffer;
}

std::uint64_t hash_bytes(std::span<const std::uint8_t> bytes, std::uint64_t key) {
  std::uint64_t hash = key;
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
    mix(word);
  }
  mix(bytes.size());
  return hash;
}

void for_each_index(std::int64_t count, const std::function<void(std::int64_t)>& work) {
  const ThreadLimit limit;
  const auto most = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  tbb::task_arena arena(std::clamp(at::get_num_threads(), 1, static_cast<int>(most)));
  const EveryCore every_core(arena);
  arena.execute([&] { tbb::parallel_for(std::int64_t{0}, count, work); });
}

}  // namespace frontier
