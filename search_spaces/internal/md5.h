#pragma once

#include <string>
#include <string_view>

namespace frontier {

/// The MD5 digest of `message` as 32 lower-case hexadecimal digits. For comparing with published fingerprints only: MD5
/// protects against nothing.
std::string md5_hex(std::string_view message);

}  // namespace frontier
