#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/errors.h"
#include "common/text.h"
#include "fuzz/harness.h"

namespace frontier::fuzz {

/// @throws BrokenProperty with `what` unless `holds`.
inline void require(bool holds, std::string_view what, std::string_view detail = "") {
  if (!holds) throw BrokenProperty(std::string(what) + (detail.empty() ? "" : ": " + printable(detail, 5000)));
}

/// Whether a message says where in its input something is wrong: a word such as "character" or "line" and a number, one
/// of `names` (of decisions, keys, files), or that something is lacking, which has no place.
bool names_place(std::string_view message, std::span<const std::string> names = {});

/// What every message of a refusal is: short, one line, of printable text.
void check_message(std::string_view message);

/// What read() gives, or nothing if it refuses, which it does by a UsageError whose message is as above.
/// @param check_refusal sees the message.
/// @throws BrokenProperty for a bad message; other exceptions pass, they are bugs.
template <class Read>
auto accepted(const Read& read, const std::function<void(std::string_view message)>& check_refusal)
    -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const UsageError& error) {
    check_message(error.what());
    check_refusal(error.what());
    return std::nullopt;
  }
}

/// What read() gives; a refusal breaks the property `what`.
template <class Read>
auto must_accept(const Read& read, std::string_view what) -> decltype(read()) {
  try {
    return read();
  } catch (const UsageError& error) {
    throw BrokenProperty(std::string(what) + " is refused: " + error.what());
  }
}

}  // namespace frontier::fuzz
