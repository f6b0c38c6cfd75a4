#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace frontier {

/// Reads a data file front to back, plain or gzip (told apart by the first bytes, not by the name). Memory grows with
/// what the file really holds, whatever its header announces. A Git LFS pointer or a web page in its place is refused
/// by name. Every failure is a UsageError "<path>: expected ..., saw
/// ...". Thread-safety: none.
class DataFile {
 public:
  explicit DataFile(std::filesystem::path path);
  /// What the program is given on its standard input, which must be a pipe or a file.
  static std::unique_ptr<DataFile> standard_input();
  ~DataFile();

  /// Upper bound of the bytes the file can hold: its size, or for gzip what that size can inflate to at most.
  std::uint64_t most_bytes() const { return most_bytes_; }
  /// Bytes of the file itself (0 of a pipe, which does not say), and how many of them were read so far: what progress
  /// is told by.
  std::uint64_t file_bytes() const { return file_bytes_; }
  std::uint64_t file_position() const;
  /// At most `count` bytes, fewer only at the end of the file; 0 there, once length and checksum of a gzip file agree.
  std::size_t read_some(std::uint8_t* out, std::size_t count);
  /// Exactly `count` bytes. @param what for the message, e.g. "60000 labels".
  std::vector<std::uint8_t> read(std::uint64_t count, const std::string& what);
  /// Everything up to the end. @throws UsageError if that is more than `limit` bytes.
  std::vector<std::uint8_t> read_rest(std::uint64_t limit, const std::string& what);
  /// Checks that nothing follows, and for gzip that length and checksum agree. @param what was read so far.
  void expect_end(const std::string& what);

  [[noreturn]] void fail(const std::string& expected, const std::string& seen) const;

 private:
  struct Stream;
  DataFile(std::filesystem::path name, std::unique_ptr<Stream> stream);
  std::size_t inflate_some(std::uint8_t* out, std::size_t count);
  std::size_t read_raw(std::uint8_t* out, std::size_t count);

  std::filesystem::path path_;
  std::unique_ptr<Stream> stream_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t most_bytes_ = 0;
  std::uint64_t position_ = 0;
};

/// The text of a file that a user names, "-" for standard input; without a byte-order mark. @throws UsageError if it
/// cannot be read, is UTF-16, a Git LFS pointer or a web page.
std::string read_input(const std::string& path);
/// What messages call it: "standard input" for "-".
std::string name_of_input(const std::string& path);

/// What stands where data should, told by its first bytes: a Git LFS pointer ("... run git lfs pull") or a web page;
/// none for anything else.
std::optional<std::string> stand_in(std::string_view start);

/// `folder/name` or `folder/name.gz`, whichever is there. @throws UsageError naming both if neither is.
std::filesystem::path find_data_file(const std::filesystem::path& folder, const std::string& name);
/// The same without the error.
std::optional<std::filesystem::path> try_data_file(const std::filesystem::path& folder, const std::string& name);

}  // namespace frontier
