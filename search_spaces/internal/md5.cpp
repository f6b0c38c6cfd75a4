#include "search_spaces/internal/md5.h"

#include <boost/uuid/detail/md5.hpp>
#include <cstdint>
#include <cstring>

// Alone in its file on purpose: Boost reads the message through 32-bit words, which is only safe where the compiler
// cannot see how the bytes were written.

namespace frontier {

std::string md5_hex(std::string_view message) {
  boost::uuids::detail::md5 md5;
  // Whole blocks from an aligned place, because of those words.
  alignas(std::uint32_t) unsigned char block[64];
  while (!message.empty()) {
    const std::string_view part = message.substr(0, sizeof block);
    std::memcpy(block, part.data(), part.size());
    md5.process_bytes(block, part.size());
    message.remove_prefix(part.size());
  }
  boost::uuids::detail::md5::digest_type digest;
  md5.get_digest(digest);
  // Four 32-bit numbers up to Boost 1.85, sixteen bytes since: either way each element's digits, highest first.
  std::string hex;
  hex.reserve(32);
  for (const auto element : digest)
    for (int shift = static_cast<int>(8 * sizeof element) - 4; shift >= 0; shift -= 4)
      hex += "0123456789abcdef"[(static_cast<std::uint32_t>(element) >> shift) & 15U];
  return hex;
}

}  // namespace frontier
