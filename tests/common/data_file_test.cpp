#include "common/data_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/errors.h"
#include "common/files.h"
#include "support/gzip.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

using frontier::testing::TemporaryFolder;
using testing_support::gzip;

std::string all_of(const std::string& path) {
  DataFile file(path);
  std::string content;
  std::uint8_t piece[7];
  for (std::size_t got = 0; (got = file.read_some(piece, sizeof piece)) > 0;)
    content.append(reinterpret_cast<const char*>(piece), got);
  EXPECT_EQ(file.file_position(), file.file_bytes());
  return content;
}

TEST(DataFile, ReadsPlainAndGzipFilesAlike) {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  for (const std::string content : {"", "abc", "abcdefg", "abcdefgh", "a longer text, a longer text, a longer text"}) {
    SCOPED_TRACE(content);
    write_file(path, content);
    EXPECT_EQ(all_of(path), content);
    write_file(path, gzip(content));
    EXPECT_EQ(all_of(path), content);
    write_file(path, gzip(content) + gzip("more"));
    EXPECT_EQ(all_of(path), content + "more");
  }
}

TEST(DataFile, RefusesEveryTruncatedAndDamagedGzipFile) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.gz", whole = gzip("a,b\n1,2\n3,4\n");
  for (std::size_t length = 2; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    write_file(path, whole.substr(0, length));
    EXPECT_THROWS_WITH(all_of(path), UsageError, "(truncated)");
  }
  for (std::size_t at = 10; at < whole.size(); ++at) {  // behind the header, of which some bytes mean nothing
    SCOPED_TRACE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    write_file(path, damaged);
    EXPECT_THROWS_WITH(all_of(path), UsageError, path);
  }
  write_file(path, whole + "rest");
  EXPECT_THROWS_WITH(all_of(path), UsageError, "extra bytes behind the end of the gzip data");
}

TEST(DataFile, CallsWhatStandsInPlaceOfDataByItsName) {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  write_file(path, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n");
  EXPECT_THROWS_WITH(all_of(path), UsageError, path + ": expected data, saw a Git LFS pointer");
  for (const char* page : {"<!DOCTYPE html><html>", "\n <HTML lang=en>", "\xef\xbb\xbf<!doctype HTML>"}) {
    write_file(path, page);
    EXPECT_THROWS_WITH(all_of(path), UsageError, "saw a web page (HTML); download the file itself");
  }
  write_file(path, "version 1");
  EXPECT_EQ(all_of(path), "version 1");
}

TEST(DataFile, RefusesWhatIsNoFileByItsName) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THROWS_WITH(all_of(folder / "pipe"), UsageError, "expected a regular file, saw a named pipe");
  EXPECT_THROWS_WITH(all_of("/dev/zero"), UsageError, "expected a regular file, saw a device");
  EXPECT_THROWS_WITH(all_of(folder.path().string()), UsageError, "expected a regular file, saw a folder");
}

TEST(ReadInput, TakesWhatEditorsAndDownloadsLeaveInFiles) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.json";
  write_file(path, "\xef\xbb\xbf{}");
  EXPECT_EQ(read_input(path), "{}");
  write_file(path, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n");
  EXPECT_THROWS_WITH(read_input(path), UsageError, path + ": it is a Git LFS pointer");
  write_file(path, "<!DOCTYPE html><html>");
  EXPECT_THROWS_WITH(read_input(path), UsageError, "it is a web page (HTML)");
  write_file(path, std::string("\xff\xfe{\0}\0", 6));
  EXPECT_THROWS_WITH(read_input(path), UsageError, "it is UTF-16; save it as UTF-8");
  EXPECT_EQ(name_of_input("-"), "standard input");
}

}  // namespace
}  // namespace frontier
