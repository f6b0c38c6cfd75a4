// Files that are wrong, damaged, read-only or on a full disk.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "common/errors.h"
#include "common/files.h"
#include "db/store.h"
#include "sample.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

constexpr auto kRead = Store::Mode::kReadOnly;
constexpr auto kWrite = Store::Mode::kReadWrite;

class StoreFiles : public ::testing::Test {
 protected:
  void fill(int count) {
    Store store(file_, kWrite);
    for (int i = 0; i < count; ++i) add(store, sample(std::to_string(i)));
  }

  frontier::testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "results.db";
};

/// What the message of the exception is when `work` runs in a process of its own, as an ordinary user if we are root.
std::string message_in_child(const std::function<void()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    std::string message = "nothing thrown";
    try {
      if (::geteuid() == 0 && ::setuid(65534) != 0) message = "cannot drop rights";
      work();
    } catch (const UsageError& error) {
      message = std::string("usage: ") + error.what();
    } catch (const std::exception& error) {
      message = error.what();
    }
    const ssize_t written = ::write(ends[1], message.data(), message.size());
    ::_exit(written < 0);
  }
  ::close(ends[1]);
  std::string message;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    message.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return message;
}

TEST_F(StoreFiles, WhatStandsInPlaceOfADatabaseIsNamed) {
  write_file(file_, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n" + std::string(600, ' '));
  EXPECT_THROWS_WITH(Store(file_, kRead), UsageError,
                     "is not a SQLite database, but a Git LFS pointer; fetch the file");
  write_file(file_, "<!DOCTYPE html><html>" + std::string(600, ' '));
  EXPECT_THROWS_WITH(Store(file_, kRead), UsageError, "is not a SQLite database, but a web page (HTML)");
}

TEST_F(StoreFiles, WrongPathsAreNamed) {
  EXPECT_THROWS_WITH(Store(file_, kRead), UsageError, "no results database at " + file_);
  EXPECT_THROWS_WITH(Store(folder_.path().string(), kRead), UsageError, "is a folder; give a file");
  EXPECT_THROWS_WITH(Store("/dev/null", kRead), UsageError, "/dev/null is a device or a pipe; give a file");
  EXPECT_THROWS_WITH(Store(folder_ / "none/x.db", kWrite), UsageError, "there is no folder " + (folder_ / "none"));
  EXPECT_THROWS_WITH(Store("", kWrite), UsageError, "the path is empty");
  EXPECT_THROWS_WITH(Store("sqlite:///", kWrite), UsageError, "the path is empty");
  EXPECT_THROWS_WITH(Store("sqlite://x", kWrite), UsageError, "write a path or sqlite:///path");
  EXPECT_THROWS_WITH(Store("postgresql://host/x", kWrite), UsageError, "write a path or sqlite:///path");
  EXPECT_FALSE(std::filesystem::exists(file_)) << "reading made a file";
}

TEST_F(StoreFiles, OddNamesAreOrdinaryPaths) {
  for (const char* name : {"a b.db", "100%?x#y.db", "file:x.db", ":memory:", "'; --.db"}) {
    const std::string path = folder_ / name;
    {
      Store store(path, kWrite);
      add(store, sample("a"));
    }
    EXPECT_EQ(Store(path, kRead).results().size(), 1U) << name;
    EXPECT_TRUE(std::filesystem::exists(path)) << name;
  }
}

TEST_F(StoreFiles, WhatIsNoDatabaseIsRefusedAndKept) {
  const std::string text(5000, 'x');
  write_file(file_, text);
  for (const auto mode : {kRead, kWrite})
    EXPECT_THROWS_WITH(Store(file_, mode), UsageError, file_ + " is not a SQLite database");
  EXPECT_EQ(read_file(file_), text);
}

TEST_F(StoreFiles, AnEmptyFileIsANewDatabase) {
  write_file(file_, "");
  EXPECT_THROWS_WITH(Store(file_, kRead), UsageError, "is an empty database without results");
  fill(1);
  EXPECT_EQ(Store(file_, kRead).results().size(), 1U);
}

TEST_F(StoreFiles, DamageIsReported) {
  fill(200);
  const std::string good = read_file(file_);
  // Cut short, and overwritten in the middle: opening, reading or writing says so, and nothing crashes.
  int reported = 0;
  for (std::size_t page = 0; page + 1 < good.size() / 4096; ++page) {
    std::string bad = good;
    std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(4096 * page + 100), 3000, '\xa5');
    write_file(file_, bad);
    try {
      Store store(file_, kWrite);
      store.results();
      add(store, sample("new"));
    } catch (const Error& error) {
      ++reported;
      EXPECT_THAT(std::string(error.what()), ::testing::HasSubstr(file_)) << "page " << page;
    }
    std::filesystem::remove(file_ + "-wal");
    std::filesystem::remove(file_ + "-shm");
  }
  EXPECT_GT(reported, 5);
  write_file(file_, good.substr(0, good.size() / 2));
  EXPECT_THROWS_WITH(Store(file_, kRead).results(), Error,
                     "is damaged (database disk image is malformed); restore a copy");
  write_file(file_, good.substr(0, 50));
  EXPECT_THROWS_WITH(Store(file_, kRead).results(), Error, "is damaged");
}

TEST_F(StoreFiles, AReadOnlyFolderCanBeReadButNotWritten) {
  fill(3);
  ::chmod(folder_.path().c_str(), 0555);
  ::chmod(file_.c_str(), 0444);
  EXPECT_EQ(message_in_child([&] {
              if (Store(file_, kRead).results().size() != 3) throw Error("results are missing");
            }),
            "nothing thrown");
  EXPECT_THAT(message_in_child([&] {
                Store store(file_, kWrite);
                add(store, sample("new"));
              }),
              ::testing::HasSubstr("cannot write database " + file_ + ": it or its folder is read-only"));
  EXPECT_THAT(message_in_child([&] { Store(folder_ / "new.db", kWrite); }),
              ::testing::HasSubstr("usage: cannot open database " + (folder_ / "new.db") + ": Permission denied"));
  ::chmod(file_.c_str(), 0);
  EXPECT_THAT(message_in_child([&] { Store(file_, kRead); }),
              ::testing::HasSubstr("usage: cannot open database " + file_ + ": Permission denied"));
  ::chmod(folder_.path().c_str(), 0755);
  ::chmod(file_.c_str(), 0644);
  EXPECT_EQ(Store(file_, kRead).results().size(), 3U);
}

TEST_F(StoreFiles, AFullDiskLosesNothingStored) {
  fill(20);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200000, 200000};  // a limit on file sizes stands for the full disk
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int stored = 0;
    try {
      Store store(file_, kWrite);
      for (;; ++stored) add(store, sample("new" + std::to_string(stored)));
    } catch (const Error& error) {
      const bool clear = std::string(error.what()).find("database " + file_ + ": ") != std::string::npos;
      if (!clear) stored = -1;
    }
    const ssize_t written = ::write(ends[1], &stored, sizeof stored);
    ::_exit(written < 0);
  }
  int stored = 0;
  ASSERT_EQ(::read(ends[0], &stored, sizeof stored), static_cast<ssize_t>(sizeof stored));
  ::close(ends[0]);
  ::close(ends[1]);
  ::waitpid(child, nullptr, 0);
  EXPECT_GT(stored, 0);
  EXPECT_EQ(Store(file_, kRead).results().size(), 20U + static_cast<std::size_t>(stored));
  EXPECT_EQ(cell_of(file_, "PRAGMA integrity_check"), "ok");
  fill(25);
  EXPECT_EQ(Store(file_, kRead).results().size(), 25U + static_cast<std::size_t>(stored));
}

TEST_F(StoreFiles, AFileThatIsDeletedOrReplacedWhileInUseIsNoticed) {
  Store store(file_, kWrite);
  add(store, sample("a"));
  Store(folder_ / "other.db", kWrite);
  std::filesystem::rename(folder_ / "other.db", file_);
  EXPECT_THROWS_WITH(add(store, sample("b")), Error, "was replaced by another file while it was in use");
  std::filesystem::remove(file_);
  EXPECT_THROWS_WITH(add(store, sample("c")), Error, "was deleted while it was in use");
}

}  // namespace
}  // namespace frontier
