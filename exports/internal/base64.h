#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace frontier::internal {

/// RFC 4648, with padding.
std::string to_base64(std::string_view bytes);
/// None for text that to_base64() would not give.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace frontier::internal
