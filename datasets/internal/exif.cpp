#include <optional>

#include "datasets/internal/codecs.h"

namespace frontier {
namespace {

/// Numbers of a TIFF structure, in its byte order; none beyond its end.
class TiffReader {
 public:
  explicit TiffReader(std::string_view bytes) : bytes_(bytes), little_(bytes.starts_with("II")) {}

  std::optional<std::uint32_t> number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | static_cast<std::uint8_t>(bytes_[at + (little_ ? size - 1 - i : i)]);
    return value;
  }

 private:
  std::string_view bytes_;
  bool little_;
};

constexpr std::uint32_t kOrientationTag = 0x0112, kShort = 3;
constexpr std::size_t kEntry = 12;  // bytes: tag, type, count, value

}  // namespace

Orientation exif_orientation(std::string_view tiff) {
  if (!tiff.starts_with("II") && !tiff.starts_with("MM")) return Orientation();
  const TiffReader reader(tiff);
  if (reader.number(2, 2) != 42) return Orientation();
  const auto directory = reader.number(4, 4);
  if (!directory) return Orientation();
  const auto entries = reader.number(*directory, 2);
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const std::size_t entry = std::size_t{*directory} + 2 + i * kEntry;
    const auto tag = reader.number(entry, 2);
    if (!tag) break;
    if (*tag != kOrientationTag) continue;
    const auto value = reader.number(entry + 8, 2);
    const bool is_valid = reader.number(entry + 2, 2) == kShort && value && *value >= 1 && *value <= 8;
    return Orientation(is_valid ? static_cast<int>(*value) : 1);
  }
  return Orientation();
}

}  // namespace frontier
