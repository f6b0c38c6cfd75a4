#include "search_spaces/architecture.h"

#include <algorithm>

namespace frontier {

std::optional<std::uint16_t> Decision::find(std::string_view label) const {
  const auto it = std::find(options.begin(), options.end(), label);
  if (it == options.end()) return std::nullopt;
  return static_cast<std::uint16_t>(it - options.begin());
}

std::size_t hash_value(const Architecture& arch) {
  std::uint64_t h = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const auto choice : arch.choices) h = (h ^ choice) * 0x100000001b3ULL;
  return static_cast<std::size_t>(h ^ (h >> 32));
}

}  // namespace frontier
