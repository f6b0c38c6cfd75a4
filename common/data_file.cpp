#include "common/data_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 16;
constexpr std::uint64_t kMostGzipRatio = 1032;  // the densest deflate stream: 258 bytes from two bits
constexpr int kGzipWindow = 15 + 16;            // zlib: largest window, gzip wrapper

std::FILE* open_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw UsageError(path.string() + ": expected a regular file, saw a folder or a device");
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) throw UsageError(with_errno("cannot read " + path.string(), errno));
  return file;
}

}  // namespace

std::optional<std::string> stand_in(std::string_view start) {
  if (start.starts_with("version https://git-lfs"))
    return "a Git LFS pointer; fetch the file that it stands for: git lfs pull";
  if (start.starts_with("\xef\xbb\xbf")) start.remove_prefix(3);
  start.remove_prefix(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
  const std::string tag = lower(start.substr(0, 14));
  if (tag == "<!doctype html" || tag.starts_with("<html")) return "a web page (HTML); download the file itself";
  return std::nullopt;
}

struct DataFile::Stream {
  explicit Stream(const std::filesystem::path& path) : file(open_file(path)) {}
  ~Stream() {
    if (gzip) ::inflateEnd(&zlib);
    std::fclose(file);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  std::FILE* file;
  bool gzip = false;
  bool member_ended = false;  // the end of a gzip member was reached and its checksum was right
  bool first_member = true;
  z_stream zlib{};
  std::vector<std::uint8_t> input;
};

DataFile::DataFile(std::filesystem::path path) : path_(std::move(path)), stream_(std::make_unique<Stream>(path_)) {
  std::error_code error;
  file_bytes_ = std::filesystem::file_size(path_, error);
  if (error) throw UsageError("cannot read " + path_.string() + ": " + error.message());
  most_bytes_ = file_bytes_;

  std::array<char, 512> start{};
  const std::string_view first(start.data(), std::fread(start.data(), 1, start.size(), stream_->file));
  std::rewind(stream_->file);
  if (const auto other = stand_in(first)) fail("data", *other);
  if (!first.starts_with("\x1f\x8b")) return;
  if (::inflateInit2(&stream_->zlib, kGzipWindow) != Z_OK) throw Error("cannot start zlib (out of memory?)");
  stream_->gzip = true;
  stream_->input.resize(kChunk);
  most_bytes_ *= kMostGzipRatio;
}

DataFile::~DataFile() = default;

std::uint64_t DataFile::file_position() const {
  const off_t position = ::ftello(stream_->file);
  return position < 0 ? 0 : static_cast<std::uint64_t>(position);
}

void DataFile::fail(const std::string& expected, const std::string& seen) const {
  throw UsageError(path_.string() + ": expected " + expected + ", saw " + seen);
}

std::size_t DataFile::read_raw(std::uint8_t* out, std::size_t count) {
  const std::size_t got = std::fread(out, 1, count, stream_->file);
  if (got < count && std::ferror(stream_->file) != 0)
    throw UsageError(with_errno("cannot read " + path_.string(), errno));
  return got;
}

std::size_t DataFile::inflate_some(std::uint8_t* out, std::size_t count) {
  z_stream& zlib = stream_->zlib;
  zlib.next_out = out;
  zlib.avail_out = static_cast<uInt>(count);
  while (zlib.avail_out > 0) {
    if (zlib.avail_in == 0) {
      zlib.next_in = stream_->input.data();
      zlib.avail_in = static_cast<uInt>(read_raw(stream_->input.data(), kChunk));
    }
    if (stream_->member_ended) {
      if (zlib.avail_in == 0) break;
      ::inflateReset(&zlib);  // gzip files may be concatenated; anything else after the end is refused below
      stream_->member_ended = false;
      stream_->first_member = false;
    }
    const std::string at = " after " + std::to_string(position_ + (count - zlib.avail_out)) + " bytes of data";
    if (zlib.avail_in == 0) fail("a complete gzip file", "its end" + at + " (truncated)");
    const int status = ::inflate(&zlib, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      stream_->member_ended = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      const bool trailing = zlib.total_out == 0 && !stream_->first_member;
      fail("valid gzip data", trailing ? "extra bytes behind the end of the gzip data"
                                       : "damage" + at + " (" + (zlib.msg != nullptr ? zlib.msg : "unknown") + ")");
    }
  }
  return count - zlib.avail_out;
}

std::size_t DataFile::read_some(std::uint8_t* out, std::size_t count) {
  const std::size_t got = stream_->gzip ? inflate_some(out, count) : read_raw(out, count);
  position_ += got;
  return got;
}

std::vector<std::uint8_t> DataFile::read(std::uint64_t count, const std::string& what) {
  std::vector<std::uint8_t> bytes;
  while (bytes.size() < count) {
    // Doubling: a header that announces more than the file holds costs at most twice what is there.
    const std::size_t begin = bytes.size();
    const std::uint64_t step = std::min<std::uint64_t>(count - begin, std::max(begin, kChunk));
    bytes.resize(begin + step);
    const std::size_t got = read_some(bytes.data() + begin, step);
    if (got < step)
      fail(std::to_string(count) + " bytes (" + what + ")", "the end of the file after " + std::to_string(begin + got));
  }
  return bytes;
}

std::vector<std::uint8_t> DataFile::read_rest(std::uint64_t limit, const std::string& what) {
  std::vector<std::uint8_t> bytes;
  for (;;) {
    const std::size_t begin = bytes.size();
    const std::size_t step = std::max(begin, kChunk);
    bytes.resize(begin + step);
    const std::size_t got = read_some(bytes.data() + begin, step);
    bytes.resize(begin + got);
    if (bytes.size() > limit) fail("at most " + std::to_string(limit) + " bytes (" + what + ")", "more");
    if (got < step) return bytes;
  }
}

void DataFile::expect_end(const std::string& what) {
  const std::string read_so_far = std::to_string(position_);
  std::uint8_t extra = 0;
  if (read_some(&extra, 1) != 0)
    fail("the end of the file after " + read_so_far + " bytes (" + what + ")", "extra bytes");
}

std::optional<std::filesystem::path> try_data_file(const std::filesystem::path& folder, const std::string& name) {
  std::error_code error;
  for (const auto& candidate : {folder / name, folder / (name + ".gz")})
    if (std::filesystem::exists(candidate, error)) return candidate;
  return std::nullopt;
}

std::filesystem::path find_data_file(const std::filesystem::path& folder, const std::string& name) {
  if (const auto found = try_data_file(folder, name)) return *found;
  throw UsageError((folder / name).string() + ": expected this file, or " + name + ".gz beside it, saw neither");
}

}  // namespace frontier
