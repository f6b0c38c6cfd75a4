#include "common/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

#include "common/errors.h"

namespace frontier {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

constexpr std::string_view kBase64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 0;  ///< bytes; 0: there is no UTF-8
};

CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xf5 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (size == 0 || at + size > text.size()) return {};
  char32_t value = first & (0xff >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  const bool is_overlong = value < (size == 2 ? 0x80U : size == 3 ? 0x800U : 0x10000U);
  if (is_overlong || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {};
  return {value, size};
}

/// Neither a control character nor one that is not seen and moves or turns the text around it.
bool is_visible(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  constexpr std::pair<char32_t, char32_t> kHidden[] = {{0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},
                                                       {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
                                                       {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};
  return std::none_of(std::begin(kHidden), std::end(kHidden),
                      [c](const auto& range) { return c >= range.first && c <= range.second; });
}

}  // namespace

std::string join(std::span<const std::string> items, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += separator;
    text += items[i];
  }
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::size_t num_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string nearest(std::string_view name, std::span<const std::string> known) {
  name = name.substr(0, 200);
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string known_names(std::string_view name, std::span<const std::string> known) {
  constexpr std::size_t kMostShown = 40;
  const std::string guess = nearest(name, known);
  std::vector<std::string> shown;
  for (const auto& other : known.first(std::min(known.size(), kMostShown))) shown.push_back(printable(other));
  return (guess.empty() ? "" : "did you mean '" + printable(guess) + "'? ") + "Known: " + join(shown) +
         (known.size() > kMostShown ? ", ... (" + std::to_string(known.size()) + " in all)" : "");
}

std::string unknown_name(std::string_view what, std::string_view name, std::span<const std::string> known) {
  return "unknown " + std::string(what) + " '" + printable(name) + "'; " + known_names(name, known);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = code_point_at(text, at).size;
    if (size == 0) return false;
    at += size;
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  std::size_t at = 0;
  for (; at < text.size() && at < limit;) {
    const CodePoint next = code_point_at(text, at);
    char escaped[16];
    if (next.size == 0) {  // no UTF-8
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(text[at]));
    } else if (next.value < 0x100) {
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(next.value));
    } else {
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(next.value));
    }
    const std::size_t size = std::max<std::size_t>(1, next.size);
    if (next.size > 0 && is_visible(next.value)) {
      out += text.substr(at, size);
    } else {
      out += escaped;
    }
    at += size;
  }
  if (at < text.size()) out += "...";
  return out;
}

double parse_number(std::string_view text, std::string_view what) {
  const std::string_view body = trim(text);
  double value = 0;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (error != std::errc() || end != body.data() + body.size() || !std::isfinite(value))
    throw UsageError(std::string(what) + ": '" + printable(text) + "' is not a finite number");
  return value;
}

std::int64_t parse_integer(std::string_view text, std::string_view what) {
  const std::string_view body = trim(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (error != std::errc() || end != body.data() + body.size())
    throw UsageError(std::string(what) + ": '" + printable(text) + "' is not a whole number");
  return value;
}

std::int64_t parse_count(std::string_view text, std::string_view what) {
  std::string_view body = trim(text);
  double unit = 1;
  if (!body.empty()) {
    switch (body.back()) {
      case 'k':
      case 'K': unit = 1e3; break;
      case 'M':
      case 'm': unit = 1e6; break;
      case 'G':
      case 'g': unit = 1e9; break;
      case 'T':
      case 't': unit = 1e12; break;
      default: break;
    }
  }
  if (unit > 1) body.remove_suffix(1);
  constexpr std::int64_t kMost = 9'000'000'000'000'000'000;
  std::int64_t whole = 0;  // without a unit every digit counts, also beyond the 53 bits of a double
  if (const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), whole);
      unit == 1 && error == std::errc() && end == body.data() + body.size() && whole >= 0 && whole <= kMost)
    return whole;
  const std::string accepted =
      ": '" + printable(text) + "' is not a count; write a number like 300000, 600k, 4M or 1.2G";
  double value = 0;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (body.empty() || error != std::errc() || end != body.data() + body.size() || !std::isfinite(value) || value < 0)
    throw UsageError(std::string(what) + accepted);
  const double scaled = value * unit;
  if (scaled > static_cast<double>(kMost))
    throw UsageError(std::string(what) + ": '" + printable(text) + "' is too large");
  return std::llround(scaled);
}

std::string format_count(double count) {
  static constexpr struct {
    double unit;
    const char* name;
  } kUnits[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
  char text[48];
  for (const auto& [unit, name] : kUnits) {
    if (std::abs(count) < unit) continue;
    if (std::abs(count) >= 1e16) break;
    const double scaled = count / unit;
    std::snprintf(text, sizeof text, "%.*f%s", scaled < 10 ? 2 : scaled < 100 ? 1 : 0, scaled, name);
    return text;
  }
  std::snprintf(text, sizeof text, std::abs(count) >= 1e16 ? "%.2e" : "%.15g", count);
  return text;
}

std::string exact(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), value);
  return error == std::errc() ? std::string(text, end) : std::to_string(value);
}

std::string format_seconds(double seconds) {
  char text[48];
  constexpr double kLongest = 1e6 * 3600;
  if (!(seconds >= 0 && seconds < kLongest)) return seconds >= kLongest ? "over a million hours" : "an unknown time";
  if (seconds < 60) {
    std::snprintf(text, sizeof text, seconds < 1 ? "%.3f s" : "%.1f s", seconds);
  } else if (seconds < 3600) {
    std::snprintf(text, sizeof text, "%d min %02d s", static_cast<int>(seconds) / 60, static_cast<int>(seconds) % 60);
  } else {
    std::snprintf(text, sizeof text, "%d h %02d min", static_cast<int>(seconds / 3600),
                  static_cast<int>(std::fmod(seconds / 60, 60)));
  }
  return text;
}

std::string format_rate(double per_second, std::string_view unit) {
  if (!(per_second >= 0 && per_second < 1e15)) return "an unknown rate";
  double rate = per_second;
  const char* time = "s";
  for (const char* longer : {"min", "h"}) {
    if (rate >= 0.1 || per_second == 0) break;
    rate *= 60;
    time = longer;
  }
  char number[48];
  std::snprintf(number, sizeof number, "%.*f", rate < 10 ? 2 : rate < 100 ? 1 : 0, rate);
  return (rate < 1000 ? std::string(number) : format_count(rate)) + " " + std::string(unit) + "/" + time;
}

std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 3; ++j) word = word << 8 | (j < count ? static_cast<std::uint8_t>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) text += j <= count ? kBase64Letters[word >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t first = 0; first < text.size(); first += 4) {
    std::uint32_t word = 0;
    std::size_t padding = 0;
    for (const char c : text.substr(first, 4)) {
      const std::size_t letter = kBase64Letters.find(c);
      const bool pads = c == '=' && first + 4 == text.size();
      if (letter == std::string_view::npos ? !pads : padding > 0) return std::nullopt;
      padding += pads ? 1 : 0;
      word = word << 6 | (pads ? 0U : static_cast<std::uint32_t>(letter));
    }
    if (padding > 2) return std::nullopt;
    for (std::size_t i = 0; i + padding < 3; ++i) bytes += static_cast<char>(word >> (16 - 8 * i) & 255);
  }
  return base64(bytes) == text ? std::optional(bytes) : std::nullopt;
}

}  // namespace frontier
