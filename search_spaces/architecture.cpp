#include "search_spaces/architecture.h"

namespace frontier {

std::size_t hash_value(const Architecture& arch) {
  std::uint64_t h = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const auto choice : arch.choices) h = (h ^ choice) * 0x100000001b3ULL;
  return static_cast<std::size_t>(h ^ (h >> 32));
}

}  // namespace frontier
