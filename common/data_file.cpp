#include "common/data_file.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/errors.h"
#include "common/files.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 16;
constexpr std::uint64_t kMostGzipRatio = 1032;  // the densest deflate stream: 258 bytes from two bits
constexpr int kGzipWindow = 15 + 16;            // zlib: largest window, gzip wrapper

constexpr const char* kStandardInput = "/dev/stdin";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::FILE* open_file(const std::filesystem::path& path) {
  std::error_code error;
  auto other = no_file(path);
  if (!other && path != kStandardInput && std::filesystem::is_fifo(path, error)) other = "a pipe";
  if (other) throw UsageError(path.string() + ": expected a regular file, saw " + *other);
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) throw UsageError(with_errno("cannot read " + path.string(), errno));
  return file;
}

}  // namespace

std::optional<std::string> stand_in(std::string_view start) {
  if (start.starts_with("version https://git-lfs"))
    return "a Git LFS pointer; fetch the file that it stands for: git lfs pull";
  if (start.starts_with(kByteOrderMark)) start.remove_prefix(kByteOrderMark.size());
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
  std::string start;  // bytes that were looked at and are still to be read
  bool gzip = false;
  bool member_ended = false;  // the end of a gzip member was reached and its checksum was right
  bool first_member = true;
  z_stream zlib{};
  std::vector<std::uint8_t> input;
};

DataFile::DataFile(std::filesystem::path path) : DataFile(path, std::make_unique<Stream>(path)) {}

std::unique_ptr<DataFile> DataFile::standard_input() {
  return std::unique_ptr<DataFile>(new DataFile("standard input", std::make_unique<Stream>(kStandardInput)));
}

DataFile::DataFile(std::filesystem::path name, std::unique_ptr<Stream> stream)
    : path_(std::move(name)), stream_(std::move(stream)) {
  struct stat status {};
  if (::fstat(::fileno(stream_->file), &status) != 0)
    throw UsageError(with_errno("cannot read " + path_.string(), errno));
  if (S_ISREG(status.st_mode)) file_bytes_ = static_cast<std::uint64_t>(status.st_size);
  most_bytes_ = S_ISREG(status.st_mode) ? file_bytes_ : std::uint64_t{1} << 53;

  std::string& first = stream_->start;
  first.resize(512);
  first.resize(std::fread(first.data(), 1, first.size(), stream_->file));
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
  return position < 0 ? 0 : static_cast<std::uint64_t>(position) - stream_->start.size();
}

void DataFile::fail(const std::string& expected, const std::string& seen) const {
  throw UsageError(path_.string() + ": expected " + expected + ", saw " + seen);
}

std::size_t DataFile::read_raw(std::uint8_t* out, std::size_t count) {
  if (std::string& start = stream_->start; !start.empty()) {
    const std::size_t ready = std::min(count, start.size());
    std::copy_n(start.begin(), ready, out);
    start.erase(0, ready);
    return ready < count ? ready + read_raw(out + ready, count - ready) : ready;
  }
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

std::string name_of_input(const std::string& path) { return path == "-" ? "standard input" : path; }

std::string read_input(const std::string& path) {
  const bool is_standard = path == "-";
  if (const auto other = is_standard ? no_file(kStandardInput) : std::nullopt)
    throw UsageError("cannot read standard input: it is " + *other + "; give a file or a pipe");
  std::string text = read_file(is_standard ? kStandardInput : path);
  const auto refuse = [&](const std::string& seen) {
    throw UsageError("cannot read " + name_of_input(path) + ": it is " + seen);
  };
  if (const auto other = stand_in(text)) refuse(*other);
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) refuse("UTF-16; save it as UTF-8");
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  return text;
}

}  // namespace frontier
