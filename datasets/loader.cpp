#include "datasets/loader.h"

#include <ATen/Context.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <numeric>
#include <vector>

#include "common/errors.h"
#include "common/options.h"
#include "common/rng.h"
#include "datasets/internal/mixing.h"
#include "datasets/internal/prefetcher.h"
#include "datasets/internal/transforms.h"

namespace frontier {
namespace {

/// Where an image is cut from: output pixel (y, x) shows input pixel (y + dy, x + dx), zero outside of it.
struct Crop {
  std::int64_t dy = 0, dx = 0;
  bool flip = false;
};

/// For tensors of a batch.
at::TensorOptions batch_memory(at::ScalarType type) { return at::TensorOptions(type).pinned_memory(at::hasCUDA()); }

/// Turns images from bytes [C, H, W] into normalised floats [H, W, C] in one pass, by a table of 256 floats a channel.
class Normaliser {
 public:
  explicit Normaliser(const Dataset& dataset)
      : images_(dataset.images.contiguous()),
        channels_(dataset.channels()),
        height_(dataset.height()),
        width_(dataset.width()),
        table_(static_cast<std::size_t>(channels_) * 256) {
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const std::size_t c = i / 256;
      table_[i] = static_cast<float>((static_cast<double>(i % 256) / 255.0 - dataset.mean[c]) / dataset.stddev[c]);
    }
  }

  std::int64_t floats_per_image() const { return channels_ * height_ * width_; }

  at::Tensor empty_batch(std::int64_t count) const {
    return at::empty({count, channels_, height_, width_},
                     batch_memory(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  }

  /// @param out room for floats_per_image().
  void write(std::int64_t index, const Crop& crop, float* out) const { write(image_at(index), crop, out); }
  void write(const ByteImage& image, float* out) const { write(image.pixels.data(), {}, out); }

  ByteImage cut(std::int64_t index, const Crop& crop) const {
    ByteImage result{channels_, height_, width_,
                     std::vector<std::uint8_t>(static_cast<std::size_t>(floats_per_image()))};
    const std::uint8_t* from = image_at(index);
    auto* out = result.pixels.data();
    for (std::int64_t row = 0; row < channels_ * height_; ++row, out += width_) {
      const std::int64_t y = row % height_ + crop.dy;
      if (y < 0 || y >= height_) continue;
      const std::uint8_t* line = from + (row / height_ * height_ + y) * width_;
      for (std::int64_t x = 0; x < width_; ++x)
        if (x + crop.dx >= 0 && x + crop.dx < width_) out[crop.flip ? width_ - 1 - x : x] = line[x + crop.dx];
    }
    return result;
  }

 private:
  const std::uint8_t* image_at(std::int64_t index) const {
    return images_.const_data_ptr<std::uint8_t>() + index * floats_per_image();
  }

  void write(const std::uint8_t* image, const Crop& crop, float* out) const {
    switch (channels_) {
      case 1: return write_image<1>(image, crop, out);
      case 3: return write_image<3>(image, crop, out);
      default: return write_image<0>(image, crop, out);
    }
  }

  /// @tparam kChannels known at compile time for speed; 0: any number.
  template <int kChannels>
  void write_image(const std::uint8_t* image, const Crop& crop, float* out) const {
    const std::int64_t channels = kChannels > 0 ? kChannels : channels_;
    const std::int64_t plane = height_ * width_;
    const std::int64_t first = std::clamp<std::int64_t>(-crop.dx, 0, width_);  // columns that show input pixels:
    const std::int64_t last = std::clamp<std::int64_t>(width_ - crop.dx, first, width_);  // [first, last)
    const std::int64_t step = crop.flip ? -channels : channels;
    for (std::int64_t y = 0; y < height_; ++y, out += width_ * channels) {
      float* target = crop.flip ? out + (width_ - 1) * channels : out;
      const auto put = [&](auto value_of) {
        for (std::int64_t c = 0; c < channels; ++c) target[c] = table_[static_cast<std::size_t>(c * 256 + value_of(c))];
        target += step;
      };
      const auto zero = [](std::int64_t) { return 0; };
      const bool outside = y + crop.dy < 0 || y + crop.dy >= height_;
      const std::int64_t begin = outside ? width_ : first;
      const std::int64_t end = outside ? width_ : last;
      for (std::int64_t x = 0; x < begin; ++x) put(zero);
      const std::int64_t row = (y + crop.dy) * width_ + crop.dx;
      for (std::int64_t x = begin; x < end; ++x) put([&](std::int64_t c) { return image[c * plane + row + x]; });
      for (std::int64_t x = end; x < width_; ++x) put(zero);
    }
  }

  at::Tensor images_;
  std::int64_t channels_, height_, width_;
  std::vector<float> table_;
};

/// Batch `step` as a function; full thread-safety.
class BatchMaker {
 public:
  BatchMaker(const Dataset& dataset, const LoaderOptions& options, const Rng& rng)
      : normaliser_(dataset),
        labels_(dataset.labels.contiguous()),
        size_(dataset.size()),
        options_(options),
        transforms_(make_transforms(options.augment, dataset)),
        mixer_(options.augment, dataset.classes, options.batch_size),
        rng_(rng) {}

  std::int64_t steps_per_epoch() const {
    return (options_.drop_last ? size_ : size_ + options_.batch_size - 1) / options_.batch_size;
  }

  Batch make(std::int64_t step) const {
    const std::int64_t epoch = step / steps_per_epoch();
    const std::int64_t first = step % steps_per_epoch() * options_.batch_size;
    const std::int64_t count = std::min(options_.batch_size, size_ - first);
    const Rng epoch_rng = rng_.split(static_cast<std::uint64_t>(epoch));
    const auto order = order_of(epoch, epoch_rng);

    Batch batch{normaliser_.empty_batch(count), at::empty({count}, batch_memory(at::kLong)), {}, step};
    float* images = batch.images.mutable_data_ptr<float>();
    auto* labels = batch.labels.mutable_data_ptr<std::int64_t>();
    const auto* all_labels = labels_.const_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t position = first + i;
      const std::int64_t index = order ? (*order)[static_cast<std::size_t>(position)] : position;
      labels[i] = all_labels[index];
      write_image(index, epoch_rng, position, images + i * normaliser_.floats_per_image());
    }
    mixer_.mix(batch, rng_.domain("mix").split(static_cast<std::uint64_t>(step)));
    return batch;
  }

 private:
  using Order = std::shared_ptr<const std::vector<std::int64_t>>;

  void write_image(std::int64_t index, const Rng& epoch_rng, std::int64_t position, float* out) const {
    const Crop crop = draw_crop(epoch_rng, position);
    if (transforms_.empty()) return normaliser_.write(index, crop, out);  // in one pass
    const Rng image_rng = epoch_rng.split(static_cast<std::uint64_t>(position));
    ByteImage image = normaliser_.cut(index, crop);
    for (const Transform& transform : transforms_) {
      Rng rng = image_rng.domain(transform.name);
      transform.apply(image, rng);
    }
    normaliser_.write(image, out);
  }

  Crop draw_crop(const Rng& epoch_rng, std::int64_t position) const {
    Crop crop;
    if (options_.pad == 0 && !options_.flip) return crop;
    Rng rng = epoch_rng.split(static_cast<std::uint64_t>(position));
    const auto offset = [&] {
      return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(2 * options_.pad + 1))) - options_.pad;
    };
    if (options_.pad > 0) {
      crop.dy = offset();
      crop.dx = offset();
    }
    if (options_.flip) crop.flip = rng.below(2) == 1;
    return crop;
  }

  /// Null where images come in their own order.
  Order order_of(std::int64_t epoch, Rng epoch_rng) const {
    if (!options_.shuffle) return nullptr;
    const std::lock_guard lock(mutex_);
    auto& cached = orders_[static_cast<std::size_t>(epoch) % orders_.size()];
    if (cached.second == nullptr || cached.first != epoch) {
      std::vector<std::int64_t> order(static_cast<std::size_t>(size_));
      std::iota(order.begin(), order.end(), std::int64_t{0});
      epoch_rng.shuffle(order);
      cached = {epoch, std::make_shared<const std::vector<std::int64_t>>(std::move(order))};
    }
    return cached.second;
  }

  Normaliser normaliser_;
  at::Tensor labels_;
  std::int64_t size_;
  LoaderOptions options_;
  std::vector<Transform> transforms_;
  Mixer mixer_;
  Rng rng_;
  mutable std::mutex mutex_;
  mutable std::array<std::pair<std::int64_t, Order>, 2> orders_;  // batches made ahead reach into the next epoch
};

LoaderOptions checked(const Dataset& dataset, const LoaderOptions& options) {
  dataset.validate();
  LoaderOptions copy;  // options built in code pass the same checks as those read from JSON
  read_options(write_options(options), "loader", copy);
  if (copy.drop_last && copy.batch_size > dataset.size())
    throw UsageError("loader.batch_size = " + std::to_string(copy.batch_size) + " is more than the " +
                     std::to_string(dataset.size()) + " images of " + dataset.name + "/" + dataset.part +
                     "; lower it, or set loader.drop_last to false");
  if (copy.prefetch == 0 && copy.threads > 1)
    throw UsageError("loader.threads = " + std::to_string(copy.threads) +
                     " has no effect with loader.prefetch = 0, which makes every batch when it is asked for");
  return copy;
}

}  // namespace

struct Loader::Impl {
  Impl(const Dataset& dataset, const LoaderOptions& options, const Rng& rng)
      : maker(std::make_shared<const BatchMaker>(dataset, options, rng)),
        prefetcher([maker = maker](std::int64_t step) { return maker->make(step); }, options.prefetch,
                   options.threads) {}

  std::shared_ptr<const BatchMaker> maker;
  Prefetcher prefetcher;
};

Loader::Loader(const Dataset& dataset, const LoaderOptions& options, const Rng& rng)
    : impl_(std::make_unique<Impl>(dataset, checked(dataset, options), rng)) {}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

Batch Loader::next() { return impl_->prefetcher.next(); }
std::int64_t Loader::position() const { return impl_->prefetcher.position(); }
std::int64_t Loader::steps_per_epoch() const { return impl_->maker->steps_per_epoch(); }

void Loader::seek(std::int64_t step) {
  if (step < 0)
    throw UsageError("cannot go to step " + std::to_string(step) + " of the training batches; allowed: 0 and above");
  impl_->prefetcher.seek(step);
}

Batch evaluation_batch(const Dataset& dataset, std::int64_t first, std::int64_t count) {
  if (first < 0 || first >= dataset.size() || count < 1)
    throw UsageError("no images [" + std::to_string(first) + ", " + std::to_string(first) + " + " +
                     std::to_string(count) + ") in " + dataset.name + "/" + dataset.part + "; allowed: from 0 to " +
                     std::to_string(dataset.size() - 1) + ", one or more");
  count = std::min(count, dataset.size() - first);
  const Normaliser normaliser(dataset);
  Batch batch{normaliser.empty_batch(count), at::empty({count}, batch_memory(at::kLong)), {}, 0};
  batch.labels.copy_(dataset.labels.narrow(0, first, count));
  float* images = batch.images.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < count; ++i) normaliser.write(first + i, {}, images + i * normaliser.floats_per_image());
  return batch;
}

}  // namespace frontier
