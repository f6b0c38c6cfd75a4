#pragma once

#include <zlib.h>

#include <stdexcept>
#include <string>

namespace frontier::testing_support {

/// `bytes` as a gzip file.
inline std::string gzip(const std::string& bytes) {
  z_stream zlib{};
  if (::deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("deflate");
  std::string out(::deflateBound(&zlib, bytes.size()) + 64, '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  zlib.avail_in = static_cast<uInt>(bytes.size());
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  ::deflate(&zlib, Z_FINISH);
  out.resize(zlib.total_out);
  ::deflateEnd(&zlib);
  return out;
}

}  // namespace frontier::testing_support
