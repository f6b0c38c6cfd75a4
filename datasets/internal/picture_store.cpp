#include "datasets/internal/picture_store.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <span>

#include "common/errors.h"
#include "common/files.h"
#include "datasets/internal/readers.h"
#include "datasets/picture.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostFileBytes = std::uintmax_t{1} << 28;
constexpr std::size_t kHeaderBytes = std::size_t{1} << 16;  ///< in which most files say their size

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The file, which is no folder, no pipe and not huge. @throws UsageError without its name.
std::string read_picture_file(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw UsageError("there is no such file");
  if (!fs::is_regular_file(status)) throw UsageError("it is no regular file");
  const auto size = fs::file_size(path, error);
  if (!error && size > kMostFileBytes)
    throw UsageError("it has " + std::to_string(size) + " bytes; allowed: " + std::to_string(kMostFileBytes));
  try {
    return read_file(path);
  } catch (const UsageError&) {
    throw UsageError("it cannot be read");
  }
}

/// Sums over the pixels of one image and channel, from which mean and deviation of any set of images follow exactly.
struct PixelSums {
  std::uint64_t first = 0, second = 0;  ///< of the values, of their squares
  std::uint8_t least = 255, most = 0;
};

PixelSums sums_of(std::span<const std::uint8_t> plane) {
  PixelSums sums;
  for (const std::uint8_t value : plane) {
    sums.first += value;
    sums.second += std::uint64_t{value} * value;
    sums.least = std::min(sums.least, value);
    sums.most = std::max(sums.most, value);
  }
  return sums;
}

/// Picture files of one shape. Those that cannot be read have no pixels; nobody asks for them.
class PictureStore : public ImageStore {
 public:
  /// Reads and decodes every file once. @param why_not one a file: empty where it is readable; filled in.
  PictureStore(std::vector<fs::path> paths, const PictureShape& shape, bool keep, std::vector<std::string>& why_not,
               std::vector<PictureInfo>& infos)
      : paths_(std::move(paths)), shape_(shape), digests_(paths_.size()), sums_(paths_.size() * channels()) {
    if (keep) kept_ = empty_images(static_cast<std::int64_t>(paths_.size()), shape.channels, shape.height, shape.width);
    for_each_index(static_cast<std::int64_t>(paths_.size()), [&](std::int64_t index) {
      const auto i = static_cast<std::size_t>(index);
      if (!why_not[i].empty()) return;
      try {
        const std::string file = read_picture_file(paths_[i]);
        infos[i] = picture_info(file);
        take(index, file);
      } catch (const UsageError& error) {
        why_not[i] = error.what();
      }
    });
  }

  const PictureShape& shape() const override { return shape_; }
  bool in_memory() const override { return kept_.defined(); }
  std::uint64_t digest(std::int64_t index) const override { return digests_[static_cast<std::size_t>(index)]; }

  const std::uint8_t* pixels(std::int64_t index, std::vector<std::uint8_t>& buffer) const override {
    if (kept_.defined()) return kept_.const_data_ptr<std::uint8_t>() + index * bytes_per_image();
    const fs::path& path = paths_[static_cast<std::size_t>(index)];
    try {
      const std::string file = read_picture_file(path);
      if (hash_bytes(bytes_of(file), 0) != digest(index)) throw UsageError("it was changed since it was first read");
      buffer = read_picture(file, shape_).pixels;
    } catch (const UsageError& error) {
      throw Error(path.string() + ": " + error.what());  // it was fine before the work began
    }
    return buffer.data();
  }

  ChannelStatistics statistics(const at::Tensor& rows) const override {
    ChannelStatistics result;
    const auto* row = rows.const_data_ptr<std::int64_t>();
    const double count = static_cast<double>(rows.size(0) * shape_.height * shape_.width);
    for (std::size_t c = 0; c < channels(); ++c) {
      PixelSums all;
      for (std::int64_t i = 0; i < rows.size(0); ++i) {
        const PixelSums& one = sums_[static_cast<std::size_t>(row[i]) * channels() + c];
        all.first += one.first;
        all.second += one.second;
        all.least = std::min(all.least, one.least);
        all.most = std::max(all.most, one.most);
      }
      const double mean = static_cast<double>(all.first) / count;
      const double variance = static_cast<double>(all.second) / count - mean * mean;
      result.mean.push_back(mean / 255.0);
      result.stddev.push_back(all.least == all.most ? 1.0 : std::sqrt(std::max(variance, 0.0)) / 255.0);
    }
    return result;
  }

 private:
  std::size_t channels() const { return static_cast<std::size_t>(shape_.channels); }
  std::int64_t bytes_per_image() const { return shape_.channels * shape_.height * shape_.width; }

  void take(std::int64_t index, const std::string& file) {
    const auto i = static_cast<std::size_t>(index);
    ByteImage image = read_picture(file, shape_);
    digests_[i] = hash_bytes(bytes_of(file), 0);
    for (std::size_t c = 0; c < channels(); ++c)
      sums_[i * channels() + c] = sums_of(image.plane(static_cast<std::int64_t>(c)));
    if (kept_.defined())
      std::copy(image.pixels.begin(), image.pixels.end(),
                kept_.mutable_data_ptr<std::uint8_t>() + index * bytes_per_image());
  }

  std::vector<fs::path> paths_;
  PictureShape shape_;
  std::vector<std::uint64_t> digests_;
  std::vector<PixelSums> sums_;  ///< [file][channel]
  at::Tensor kept_;              ///< [N, C, H, W]; undefined where files are decoded anew
};

}  // namespace

PictureInfo read_picture_info(const fs::path& path) {
  std::string start(kHeaderBytes, '\0');
  if (std::ifstream file(path, std::ios::binary); fs::is_regular_file(path)) {
    file.read(start.data(), static_cast<std::streamsize>(start.size()));
    start.resize(static_cast<std::size_t>(file.gcount()));
    try {
      return picture_info(start);
    } catch (const UsageError&) {  // its header may be longer
    }
  }
  return picture_info(read_picture_file(path));
}

std::shared_ptr<const ImageStore> read_picture_store(std::vector<fs::path> paths, const PictureShape& shape, bool keep,
                                                     std::vector<std::string>& why_not,
                                                     std::vector<PictureInfo>& infos) {
  return std::make_shared<PictureStore>(std::move(paths), shape, keep, why_not, infos);
}

}  // namespace frontier
