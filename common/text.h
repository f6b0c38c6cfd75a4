#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace frontier {

/// "a, b, c".
std::string join(std::span<const std::string> items, std::string_view separator = ", ");

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
/// With the letters A to Z as a to z.
std::string lower(std::string_view text);
/// Characters of UTF-8 text: the columns that most take on a terminal.
std::size_t num_characters(std::string_view text);

/// The known name nearest to `name` by edit distance; empty if none is near enough to be meant.
std::string nearest(std::string_view name, std::span<const std::string> known);

/// "did you mean '<nearest>'? Known: a, b, c": how a message about an unknown name goes on; of more than 40 known names
/// the first.
std::string known_names(std::string_view name, std::span<const std::string> known);
/// "unknown <what> '<name>'; did you mean '<nearest>'? Known: a, b, c", the text of every unknown-name error.
std::string unknown_name(std::string_view what, std::string_view name, std::span<const std::string> known);

/// Counts as people write them: `4M`, `600k`, `1.2G`, `300000`. Powers of 1000. Not negative.
/// @throws UsageError naming `what` if `text` is anything else or does not fit.
std::int64_t parse_count(std::string_view text, std::string_view what);
/// "1.23 M": three significant digits and a unit.
std::string format_count(double count);
/// The shortest text that reads back as the same number.
std::string exact(double value);
/// "1 h 02 min", "3 min 05 s", "12.3 s"; of what is no duration "an unknown time". The only place that prints
/// durations.
std::string format_seconds(double seconds);
/// "8.25 k steps/s", "12.5 steps/s"; of what is slower "7.50 steps/min" or "/h"; of what is no rate "an unknown rate".
/// The only place that prints rates.
std::string format_rate(double per_second, std::string_view unit);

/// `bytes` in the 64 letters of RFC 4648, as in data: addresses.
std::string base64(std::string_view bytes);
/// The bytes; none for text that base64() would not give.
std::optional<std::string> from_base64(std::string_view text);

bool is_utf8(std::string_view text);
/// `text` as one may show it: control characters, those that turn or hide text and what is no UTF-8 escaped, cut behind
/// `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 80);

/// @throws UsageError naming `what` if `text` is not entirely one finite number (an integer for parse_integer).
double parse_number(std::string_view text, std::string_view what);
std::int64_t parse_integer(std::string_view text, std::string_view what);

}  // namespace frontier
