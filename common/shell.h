#pragma once

#include <string>
#include <string_view>

namespace frontier {

/// One argument as a shell reads it: `plain`, or `'with blanks'`.
inline std::string shell_quoted(std::string_view text) {
  const bool plain =
      !text.empty() &&
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-") == text.npos;
  if (plain) return std::string(text);
  std::string escaped;
  for (const char c : text) escaped += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + escaped + "'";
}

}  // namespace frontier
