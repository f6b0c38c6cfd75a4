#include "datasets/dataset.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "common/errors.h"
#include "common/files.h"
#include "datasets/internal/class_draw.h"
#include "datasets/internal/readers.h"

namespace frontier {
namespace {

std::string_view bytes_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
}

std::string_view bytes_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Of the bytes of all images, in their order. Those that are decoded for it are so by all threads, some at a time.
std::string crc32_of_pixels(const Dataset& dataset) {
  if (dataset.store == nullptr) return crc32_hex(bytes_of(dataset.images.contiguous()));
  constexpr std::int64_t kAtOnce = 256;
  const PixelSource source(dataset);
  std::vector<std::vector<std::uint8_t>> buffers(kAtOnce);
  std::vector<const std::uint8_t*> pixels(kAtOnce);
  Crc32 sum;
  for (std::int64_t first = 0; first < source.size(); first += kAtOnce) {
    const std::int64_t count = std::min(kAtOnce, source.size() - first);
    const auto read = [&](std::int64_t i) {
      pixels[static_cast<std::size_t>(i)] = source.image(first + i, buffers[static_cast<std::size_t>(i)]);
    };
    if (source.decodes()) {
      for_each_index(count, read);
    } else {
      for (std::int64_t i = 0; i < count; ++i) read(i);
    }
    for (std::int64_t i = 0; i < count; ++i)
      sum.add(bytes_of({pixels[static_cast<std::size_t>(i)], static_cast<std::size_t>(source.bytes_per_image())}));
  }
  return sum.hex();
}

}  // namespace

at::Tensor empty_images(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width) {
  return at::empty({count, channels, height, width}, at::kByte);
}

at::Tensor empty_labels(std::int64_t count) { return at::empty({count}, at::kLong); }

std::vector<std::string> numbered_classes(int classes) {
  std::vector<std::string> names;
  for (int i = 0; i < classes; ++i) names.push_back(std::to_string(i));
  return names;
}

std::int64_t Dataset::size() const { return store != nullptr ? rows.size(0) : images.size(0); }
std::int64_t Dataset::channels() const { return store != nullptr ? store->shape().channels : images.size(1); }
std::int64_t Dataset::height() const {
  return crop > 0 ? crop : store != nullptr ? store->shape().height : images.size(2);
}
std::int64_t Dataset::width() const {
  return crop > 0 ? crop : store != nullptr ? store->shape().width : images.size(3);
}

ByteImage Dataset::image(std::int64_t index) const {
  const PixelSource source(*this);
  const PictureShape& shape = source.shape();
  std::vector<std::uint8_t> buffer;
  const std::uint8_t* pixels = source.image(index, buffer);
  return cut_middle({shape.channels, shape.height, shape.width, {pixels, pixels + source.bytes_per_image()}}, height(),
                    width());
}

Dataset Dataset::subset(std::span<const std::int64_t> indices) const {
  for (const std::int64_t index : indices)
    if (index < 0 || index >= size())
      throw UsageError("image " + std::to_string(index) + " is not in " + name + "/" + part + "; allowed: 0 to " +
                       std::to_string(size() - 1));
  Dataset result = *this;
  select(result, indices);
  return result;
}

Dataset Dataset::draw(std::int64_t count, const Rng& rng) const {
  within("the number of images drawn", count, size(), ("the images of " + name + "/" + part).c_str());
  auto members = rank_by_class(PixelSource(*this), labels, classes, rng);
  return subset(indices_of(take(members, count)));
}

std::string Dataset::fingerprint() const {
  const at::Tensor all_labels = labels.contiguous();
  const std::string sums =
      crc32_of_pixels(*this) + crc32_hex(bytes_of(all_labels)) + (crop > 0 ? " middle " + std::to_string(crop) : "");
  return name + "/" + part + "/" + std::to_string(size()) + "x" + std::to_string(channels()) + "x" +
         std::to_string(height()) + "x" + std::to_string(width()) + "/" + crc32_hex(sums);
}

std::string Dataset::identity() const {
  const at::Tensor all_labels = labels.contiguous();
  Crc32 sum;
  const PixelSource source(*this);
  std::vector<std::uint8_t> buffer;
  for (std::int64_t i = 0; i < size(); ++i) sum.add(bytes_of(source.identity(i, buffer)));
  sum.add(bytes_of(all_labels));
  return sum.hex();
}

void Dataset::validate() const {
  const auto require = [&](bool fine, const std::string& wrong) {
    if (!fine) throw UsageError("data set " + name + "/" + part + ": " + wrong);
  };
  require(store != nullptr || (images.defined() && images.dim() == 4 && images.scalar_type() == at::kByte &&
                               images.is_cpu() && images.numel() > 0),
          "images must be a non-empty uint8 tensor [N, C, H, W] on the CPU");
  require(labels.defined() && labels.dim() == 1 && labels.scalar_type() == at::kLong && labels.is_cpu(),
          "labels must be an int64 tensor [N] on the CPU");
  require(labels.size(0) == size(),
          std::to_string(size()) + " images but " + std::to_string(labels.size(0)) + " labels");
  require(labels.min().item<std::int64_t>() >= 0 && labels.max().item<std::int64_t>() < classes,
          "labels must be from 0 to " + std::to_string(classes - 1));
  const auto per_channel = static_cast<std::size_t>(channels());
  require(mean.size() == per_channel && stddev.size() == per_channel,
          "mean and stddev must have one value for each of the " + std::to_string(per_channel) + " channels");
  for (std::size_t c = 0; c < per_channel; ++c)
    require(std::isfinite(mean[c]) && std::isfinite(stddev[c]) && stddev[c] > 0,
            "mean must be finite, stddev finite and above 0");
}

ChannelStatistics channel_statistics(const at::Tensor& images) {
  const at::Tensor dense = images.contiguous();
  const auto channels = static_cast<std::size_t>(dense.size(1));
  const std::int64_t plane = dense.size(2) * dense.size(3);
  std::vector<std::array<std::int64_t, 256>> counts(channels);
  const std::uint8_t* pixel = dense.const_data_ptr<std::uint8_t>();
  for (std::int64_t n = 0; n < dense.size(0); ++n)
    for (auto& channel : counts)
      for (std::int64_t i = 0; i < plane; ++i) ++channel[*pixel++];

  const double total = static_cast<double>(dense.size(0) * plane);
  ChannelStatistics result;
  for (const auto& channel : counts) {
    double mean = 0;
    for (std::size_t v = 0; v < 256; ++v)
      mean += static_cast<double>(channel[v]) * static_cast<double>(v) / 255.0 / total;
    double variance = 0;
    for (std::size_t v = 0; v < 256; ++v)
      variance += static_cast<double>(channel[v]) * std::pow(static_cast<double>(v) / 255.0 - mean, 2) / total;
    const bool constant =
        std::any_of(channel.begin(), channel.end(), [&](std::int64_t n) { return n == dense.size(0) * plane; });
    result.mean.push_back(mean);
    result.stddev.push_back(constant ? 1.0 : std::sqrt(variance));
  }
  return result;
}

}  // namespace frontier
