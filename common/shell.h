#pragma once

#include <string>
#include <string_view>

namespace frontier {

/// One word as a POSIX shell reads it: as it is where that is safe, else in single quotes.
std::string shell_quoted(std::string_view word);

}  // namespace frontier
