#include "datasets/loader.h"

#include <ATen/Context.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <numeric>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "common/errors.h"
#include "common/options.h"
#include "common/rng.h"
#include "datasets/internal/image_store.h"
#include "datasets/internal/mixing.h"
#include "datasets/internal/prefetcher.h"
#include "datasets/internal/resize.h"
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

/// Turns images from bytes [C, H, W] into normalised floats [h, w, C] of what networks see, in one pass, by a table of
/// 256 floats a channel.
class Normaliser {
 public:
  explicit Normaliser(const Dataset& dataset)
      : source_(dataset),
        channels_(dataset.channels()),
        height_(source_.shape().height),
        width_(source_.shape().width),
        seen_height_(dataset.height()),
        seen_width_(dataset.width()),
        table_(static_cast<std::size_t>(channels_) * 256) {
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const std::size_t c = i / 256;
      table_[i] = static_cast<float>((static_cast<double>(i % 256) / 255.0 - dataset.mean[c]) / dataset.stddev[c]);
    }
  }

  std::int64_t floats_per_image() const { return channels_ * seen_height_ * seen_width_; }
  /// Rows and columns that networks do not see.
  std::int64_t spare_rows() const { return height_ - seen_height_; }
  std::int64_t spare_columns() const { return width_ - seen_width_; }
  Crop middle() const { return {spare_rows() / 2, spare_columns() / 2, false}; }
  /// Whether an image takes long to read.
  bool decodes() const { return source_.decodes(); }

  at::Tensor empty_batch(std::int64_t count) const {
    return at::empty({count, channels_, seen_height_, seen_width_},
                     batch_memory(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  }

  /// @param out room for floats_per_image().
  void write(std::int64_t index, const Crop& crop, float* out) const {
    std::vector<std::uint8_t> buffer;
    write(source_.image(index, buffer), {height_, width_}, crop, out);
  }
  void write(const ByteImage& image, float* out) const {
    write(image.pixels.data(), {seen_height_, seen_width_}, {}, out);
  }

  ByteImage cut(std::int64_t index, const Crop& crop) const {
    ByteImage result = empty_image();
    std::vector<std::uint8_t> buffer;
    const std::uint8_t* from = source_.image(index, buffer);
    auto* out = result.pixels.data();
    for (std::int64_t row = 0; row < channels_ * seen_height_; ++row, out += seen_width_) {
      const std::int64_t y = row % seen_height_ + crop.dy;
      if (y < 0 || y >= height_) continue;
      const std::uint8_t* line = from + (row / seen_height_ * height_ + y) * width_;
      for (std::int64_t x = 0; x < seen_width_; ++x)
        if (x + crop.dx >= 0 && x + crop.dx < width_) out[crop.flip ? seen_width_ - 1 - x : x] = line[x + crop.dx];
    }
    return result;
  }

  /// A rectangle of the image, resized to what networks see.
  ByteImage cut_resized(std::int64_t index, const RandomResizedCropOptions& options, bool flip, Rng rng) const {
    const Window from = draw_rectangle(options, height_, width_, rng);
    ByteImage result = empty_image();
    std::vector<std::uint8_t> buffer;
    const std::uint8_t* pixels = source_.image(index, buffer);
    for (std::int64_t c = 0; c < channels_; ++c) {
      const std::uint8_t* corner = pixels + (c * height_ + from.top) * width_ + from.left;
      resize_bilinear({corner, from.height, from.width, 1, width_}, seen_height_, seen_width_,
                      {0, 0, seen_height_, seen_width_}, result.plane(c).data());
    }
    if (!flip) return result;
    for (auto row = result.pixels.begin(); row != result.pixels.end(); row += seen_width_)
      std::reverse(row, row + seen_width_);
    return result;
  }

 private:
  struct Size {
    std::int64_t height, width;
  };

  ByteImage empty_image() const {
    return {channels_, seen_height_, seen_width_,
            std::vector<std::uint8_t>(static_cast<std::size_t>(floats_per_image()))};
  }

  void write(const std::uint8_t* image, const Size& size, const Crop& crop, float* out) const {
    switch (channels_) {
      case 1: return write_image<1>(image, size, crop, out);
      case 3: return write_image<3>(image, size, crop, out);
      default: return write_image<0>(image, size, crop, out);
    }
  }

  /// @tparam kChannels known at compile time for speed; 0: any number.  @param size of `image`.
  template <int kChannels>
  void write_image(const std::uint8_t* image, const Size& size, const Crop& crop, float* out) const {
    const std::int64_t channels = kChannels > 0 ? kChannels : channels_;
    const std::int64_t plane = size.height * size.width;
    const std::int64_t first = std::clamp<std::int64_t>(-crop.dx, 0, seen_width_);  // columns that show input pixels:
    const std::int64_t last = std::clamp<std::int64_t>(size.width - crop.dx, first, seen_width_);  // [first, last)
    const std::int64_t step = crop.flip ? -channels : channels;
    for (std::int64_t y = 0; y < seen_height_; ++y, out += seen_width_ * channels) {
      float* target = crop.flip ? out + (seen_width_ - 1) * channels : out;
      const auto put = [&](auto value_of) {
        for (std::int64_t c = 0; c < channels; ++c) target[c] = table_[static_cast<std::size_t>(c * 256 + value_of(c))];
        target += step;
      };
      const auto zero = [](std::int64_t) { return 0; };
      const bool outside = y + crop.dy < 0 || y + crop.dy >= size.height;
      const std::int64_t begin = outside ? seen_width_ : first;
      const std::int64_t end = outside ? seen_width_ : last;
      for (std::int64_t x = 0; x < begin; ++x) put(zero);
      const std::int64_t row = (y + crop.dy) * size.width + crop.dx;
      for (std::int64_t x = begin; x < end; ++x) put([&](std::int64_t c) { return image[c * plane + row + x]; });
      for (std::int64_t x = end; x < seen_width_; ++x) put(zero);
    }
  }

  PixelSource source_;
  std::int64_t channels_, height_, width_, seen_height_, seen_width_;
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
    const auto make_image = [&](std::int64_t i) {
      const std::int64_t position = first + i;
      const std::int64_t index = order ? (*order)[static_cast<std::size_t>(position)] : position;
      labels[i] = all_labels[index];
      write_image(index, epoch_rng, position, images + i * normaliser_.floats_per_image());
    };
    if (normaliser_.decodes()) {
      tbb::parallel_for(std::int64_t{0}, count, make_image);
    } else {
      for (std::int64_t i = 0; i < count; ++i) make_image(i);
    }
    mixer_.mix(batch, rng_.domain("mix").split(static_cast<std::uint64_t>(step)));
    return batch;
  }

 private:
  using Order = std::shared_ptr<const std::vector<std::int64_t>>;

  void write_image(std::int64_t index, const Rng& epoch_rng, std::int64_t position, float* out) const {
    const Crop crop = draw_crop(epoch_rng, position);
    if (transforms_.empty() && !resizes()) return normaliser_.write(index, crop, out);  // in one pass
    const Rng image_rng = epoch_rng.split(static_cast<std::uint64_t>(position));
    ByteImage image = resizes() ? normaliser_.cut_resized(index, options_.augment.random_resized_crop, crop.flip,
                                                          image_rng.domain("random_resized_crop"))
                                : normaliser_.cut(index, crop);
    for (const Transform& transform : transforms_) {
      Rng rng = image_rng.domain(transform.name);
      transform.apply(image, rng);
    }
    normaliser_.write(image, out);
  }

  bool resizes() const { return options_.augment.random_resized_crop.smallest < 1; }

  Crop draw_crop(const Rng& epoch_rng, std::int64_t position) const {
    Crop crop;
    Rng rng = epoch_rng.split(static_cast<std::uint64_t>(position));
    const auto offset = [&](std::int64_t spare) {
      const auto places = static_cast<std::uint64_t>(2 * options_.pad + spare + 1);
      return places > 1 ? static_cast<std::int64_t>(rng.below(places)) - options_.pad : 0;
    };
    if (!resizes()) {
      crop.dy = offset(normaliser_.spare_rows());
      crop.dx = offset(normaliser_.spare_columns());
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
  const auto& crop = copy.augment.random_resized_crop;
  if (crop.smallest < 1 && copy.pad > 0)
    throw UsageError("loader.pad = " + std::to_string(copy.pad) +
                     " has no effect with loader.augment.random_resized_crop, which takes the place of the crop");
  if (crop.smallest == 1 && crop.aspect != RandomResizedCropOptions{}.aspect)
    throw UsageError(
        "loader.augment.random_resized_crop.aspect has no effect while "
        "loader.augment.random_resized_crop.smallest is 1");
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
  const auto write = [&](std::int64_t i) {
    normaliser.write(first + i, normaliser.middle(), images + i * normaliser.floats_per_image());
  };
  if (normaliser.decodes()) {
    for_each_index(count, write);
  } else {
    for (std::int64_t i = 0; i < count; ++i) write(i);
  }
  return batch;
}

}  // namespace frontier
