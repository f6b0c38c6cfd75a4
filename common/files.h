#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace frontier {

/// What keeps a path from being read to its end: "a folder", "a device", "a named pipe", "a socket"; none where it is a
/// file or the shell's end of a pipe (/dev/stdin, <(command)), or is not there. Every file that a user names passes
/// here.
std::optional<std::string> no_file(const std::filesystem::path& path);

/// The whole file. @throws UsageError if it does not exist or cannot be read, and at once for what is no_file().
std::string read_file(const std::filesystem::path& path);

/// Replaces `path` as one step: written under a temporary name beside it, synced, renamed, folder synced. A reader or a
/// crash sees the old or the new content, never a part. A pipe or a device is written into instead. @throws Error with
/// the system's reason (full disk, read-only folder).
void write_file(const std::filesystem::path& path, std::string_view content);

/// Writes `content` to a new file and syncs it; for files inside a folder that is renamed as a whole. @throws Error.
void write_new_file(const std::filesystem::path& path, std::string_view content);

/// Makes a rename inside `folder` durable. @throws Error.
void sync_folder(const std::filesystem::path& folder);

/// CRC-32 (zlib's) of pieces one after another.
class Crc32 {
 public:
  void add(std::string_view bytes);
  std::string hex() const;  ///< 8 hexadecimal digits

 private:
  std::uint32_t sum_ = 0;
};

/// That of one piece.
std::string crc32_hex(std::string_view bytes);

}  // namespace frontier
