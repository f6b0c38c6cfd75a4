#include "common/files.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <utility>

#include "common/errors.h"

namespace frontier {
namespace {

/// A file descriptor that closes itself; close() reports what the destructor cannot.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags, const char* verb)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) throw Error(with_errno(std::string("cannot ") + verb + " " + path.string(), errno));
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

/// Returns 0 or the reason.
int write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// Writes a file that gets its name when it is whole, so that a killed process leaves nothing behind.
/// @returns false where the file system has no files without names. @throws Error with the system's reason.
bool write_unnamed_first(const std::filesystem::path& path, std::string_view content) {
  const int fd = ::open(folder_of(path).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  Descriptor file(fd);
  int reason = write_all(fd, content);
  if (reason == 0 && ::fsync(fd) != 0) reason = errno;
  if (reason != 0) throw Error(with_errno("cannot write " + path.string(), reason));
  const std::string unnamed = "/proc/self/fd/" + std::to_string(fd);
  return ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

/// A pipe or a device, such as /dev/stdout: written into, never replaced by a file.
bool is_special(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
         !std::filesystem::is_directory(status);
}

/// What a pipe gives until it ends, which not every one does.
std::string read_pipe(std::istream& in, const std::filesystem::path& path) {
  constexpr std::size_t kMost = std::size_t{1} << 30;
  std::string content, piece(std::size_t{1} << 16, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0) {
    content.append(piece, 0, static_cast<std::size_t>(in.gcount()));
    if (content.size() > kMost) throw UsageError("cannot read " + path.string() + ": it gives more than 1 GiB");
  }
  return content;
}

}  // namespace

std::optional<std::string> no_file(const std::filesystem::path& path) {
  constexpr auto kPipeFileSystem = 0x50495045;  // PIPEFS_MAGIC: pipes that have no name, so both ends are open
  std::error_code error;
  struct statfs system {};
  switch (std::filesystem::status(path, error).type()) {
    case std::filesystem::file_type::directory: return "a folder";
    case std::filesystem::file_type::character:
    case std::filesystem::file_type::block: return "a device";
    case std::filesystem::file_type::socket: return "a socket";
    case std::filesystem::file_type::fifo:
      if (::statfs(path.c_str(), &system) == 0 && system.f_type == kPipeFileSystem) return std::nullopt;
      return "a named pipe";
    default: return std::nullopt;
  }
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (const auto other = no_file(path))
    throw UsageError("cannot read " + path.string() + ": it is " + *other + "; give a file");
  std::ifstream in(path, std::ios::binary);
  if (!in) throw UsageError(with_errno("cannot read " + path.string(), errno));
  if (std::filesystem::is_fifo(path, error)) return read_pipe(in, path);
  std::string content((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) throw UsageError(with_errno("cannot read " + path.string(), errno));
  return content;
}

void write_new_file(const std::filesystem::path& path, std::string_view content) {
  Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC, "write");
  const auto failed = [&](int reason) {
    ::unlink(path.c_str());
    throw Error(with_errno("cannot write " + path.string(), reason));
  };
  if (const int reason = write_all(file.get(), content); reason != 0) failed(reason);
  if (::fsync(file.get()) != 0) failed(errno);
  if (!file.close()) failed(errno);
}

void sync_folder(const std::filesystem::path& folder) {
  Descriptor directory(folder.empty() ? std::filesystem::path(".") : folder, O_RDONLY | O_DIRECTORY, "open");
  if (::fsync(directory.get()) != 0 && errno != EINVAL)
    throw Error(with_errno("cannot sync " + folder.string(), errno));
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  if (is_special(path)) {
    Descriptor file(path, O_WRONLY, "write");
    const int reason = write_all(file.get(), content);
    if (reason != 0) throw Error(with_errno("cannot write " + path.string(), reason));
    if (!file.close()) throw Error(with_errno("cannot write " + path.string(), errno));
    return;
  }
  std::filesystem::path temporary = path;
  temporary += ".tmp" + std::to_string(::getpid());
  if (!write_unnamed_first(temporary, content)) write_new_file(temporary, content);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    throw Error(with_errno("cannot write " + path.string(), reason));
  }
  sync_folder(path.parent_path());
}

void Crc32::add(std::string_view bytes) {
  sum_ =
      static_cast<std::uint32_t>(::crc32_z(sum_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

std::string Crc32::hex() const {
  char text[16];
  std::snprintf(text, sizeof text, "%08lx", static_cast<unsigned long>(sum_));
  return text;
}

std::string crc32_hex(std::string_view bytes) {
  Crc32 sum;
  sum.add(bytes);
  return sum.hex();
}

}  // namespace frontier
