#include "exports/internal/base64.h"

#include <cstdint>

namespace frontier::internal {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t first = 0; first < bytes.size(); first += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - first);
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < count ? static_cast<std::uint8_t>(bytes[first + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) text += i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t first = 0; first < text.size(); first += 4) {
    std::uint32_t group = 0;
    std::size_t padding = 0;
    for (const char c : text.substr(first, 4)) {
      const std::size_t digit = kDigits.find(c);
      const bool pads = c == '=' && first + 4 == text.size();
      if (digit == std::string_view::npos ? !pads : padding > 0) return std::nullopt;
      padding += pads ? 1 : 0;
      group = group << 6 | (pads ? 0U : static_cast<std::uint32_t>(digit));
    }
    if (padding > 2) return std::nullopt;
    for (std::size_t i = 0; i + padding < 3; ++i) bytes += static_cast<char>(group >> (16 - 8 * i) & 255);
  }
  return to_base64(bytes) == text ? std::optional(bytes) : std::nullopt;
}

}  // namespace frontier::internal
