#include "common/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "common/errors.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

using frontier::testing::TemporaryFolder;

TEST(Files, WriteReplacesAndReadsBack) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.bin";
  const std::string bytes("a\0b\n\xff", 5);
  write_file(path, "old");
  write_file(path, bytes);
  EXPECT_EQ(read_file(path), bytes);
  write_file(path, "");
  EXPECT_EQ(read_file(path), "");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "a temporary file was left";
}

TEST(Files, MissingFilesAndFoldersAreNamed) {
  const TemporaryFolder folder;
  EXPECT_THROWS_WITH(read_file(folder / "none"), UsageError, "none: No such file or directory");
  EXPECT_THROWS_WITH(read_file(folder.path()), UsageError, "it is a folder");
  EXPECT_THROWS_WITH(write_file(folder / "no/such/a", "x"), Error, "No such file or directory");
}

TEST(Files, FailedWriteKeepsTheOldContent) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.bin";
  write_file(path, "old");
  const pid_t child = ::fork();
  if (child == 0) {  // a small limit on file sizes stands for a full disk
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file(path, std::string(5000, 'x'));
      ::_exit(1);
    } catch (const Error& error) {
      ::_exit(std::string(error.what()).find("cannot write") == std::string::npos ? 2 : 0);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "a temporary file was left";
}

TEST(Files, DevicesAreWrittenIntoAndNotReplaced) {
  const testing::TemporaryFolder folder;
  for (const char* device : {"/dev/null", "/dev/full"})
    std::filesystem::create_symlink(device, folder.path() / std::filesystem::path(device).filename());
  write_file(folder / "null", "content");
  EXPECT_THROWS_WITH(write_file(folder / "full", "content"), Error, "No space left on device");
  EXPECT_TRUE(std::filesystem::is_character_file(folder / "null"));
  EXPECT_TRUE(std::filesystem::is_character_file(folder / "full"));
}

// The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
TEST(Files, Crc32HasTheCatalogueValue) {
  EXPECT_EQ(crc32_hex("123456789"), "cbf43926");
  EXPECT_EQ(crc32_hex(""), "00000000");
  Crc32 pieces;
  for (const char* piece : {"1234", "", "56789"}) pieces.add(piece);
  EXPECT_EQ(pieces.hex(), "cbf43926");
}

TEST(Files, DevicesAreNotRead) {
  for (const char* device : {"/dev/zero", "/dev/urandom", "/dev/null"})
    EXPECT_THROWS_WITH(read_file(device), UsageError, std::string(device) + ": it is a device");
}

// A pipe with a name waits for whoever opens its other end, maybe for ever.
TEST(Files, NamedPipesAreRefusedAtOnce) {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROWS_WITH(read_file(pipe), UsageError, "it is a named pipe; give a file");
  EXPECT_EQ(no_file(folder.path()), "a folder");
  EXPECT_EQ(no_file(folder.path() / "none"), std::nullopt);
  EXPECT_EQ(no_file("/proc/self/status"), std::nullopt);
}

TEST(Files, ThePipesOfAShellAreReadToTheirEnd) {
  const std::string content(300000, 'x');
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    for (std::size_t done = 0; done < content.size();) {
      const ssize_t written = ::write(ends[1], content.data() + done, content.size() - done);
      if (written <= 0) ::_exit(1);
      done += static_cast<std::size_t>(written);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  EXPECT_EQ(read_file("/dev/fd/" + std::to_string(ends[0])), content);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace frontier
