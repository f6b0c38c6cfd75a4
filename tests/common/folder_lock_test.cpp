#include "common/folder_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>

#include "common/errors.h"
#include "common/files.h"
#include "support/messages.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using frontier::testing::TemporaryFolder;

TEST(FolderLock, KeepsAllOthersOutAndNamesItsHolder) {
  const TemporaryFolder temporary;
  const std::string folder = temporary / "a/run", process = "process " + std::to_string(::getpid());
  std::optional<FolderLock> lock(folder);
  EXPECT_TRUE(lock->is_held());
  EXPECT_THROWS_WITH(FolderLock{folder}, UsageError, process + " writes into '" + folder + "'; wait for it, stop it");
  EXPECT_THROWS_WITH(FolderLock{folder + "/"}, UsageError, process + " writes into");
  lock->set_owner("run 3");
  EXPECT_THROWS_WITH(FolderLock{folder}, UsageError, "run 3 (" + process + ") writes into");
  const FolderLock other(temporary / "a/other");
  lock.reset();
  EXPECT_FALSE(fs::exists(folder + ".lock"));
  EXPECT_TRUE(FolderLock(folder).is_held());
}

TEST(FolderLock, IsTriedWhereOthersMayHoldIt) {
  const TemporaryFolder temporary;
  auto lock = FolderLock::try_lock(temporary / "run");
  ASSERT_TRUE(lock);
  EXPECT_EQ(FolderLock::try_lock(temporary / "run"), nullptr);
  EXPECT_THROW(FolderLock(temporary / "run"), UsageError);
  lock.reset();
  EXPECT_TRUE(FolderLock::try_lock(temporary / "run"));
}

TEST(FolderLock, GoesWithAProcessThatIsKilled) {
  const TemporaryFolder temporary;
  const std::string folder = temporary / "run";
  const pid_t child = ::fork();
  if (child == 0) {
    FolderLock lock(folder);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(fs::exists(folder + ".lock"));
  { const FolderLock lock(folder); }
  EXPECT_FALSE(fs::exists(folder + ".lock"));
}

TEST(FolderLock, OfManyProcessesAtOnceIsHeldByOneAtATime) {
  const TemporaryFolder temporary;
  constexpr int kProcesses = 8, kTimes = 200;
  for (int i = 0; i < kProcesses; ++i) {
    if (::fork() != 0) continue;
    int done = 0;
    while (done < kTimes) {
      try {
        const FolderLock lock(temporary / "run");
        if (::mkdir((temporary / "alone").c_str(), 0755) != 0) ::_exit(1);
        ::rmdir((temporary / "alone").c_str());
        ++done;
      } catch (const UsageError&) {
      }
    }
    ::_exit(0);
  }
  for (int i = 0; i < kProcesses; ++i) {
    int status = 0;
    ::wait(&status);
    EXPECT_EQ(status, 0);
  }
}

TEST(FolderLock, WhereItCannotBeWrittenSaysWhy) {
  const TemporaryFolder temporary;
  write_file(temporary / "file", "");
  EXPECT_THROWS_WITH(FolderLock{temporary / "file/run"}, Error, "cannot make folder");
}

}  // namespace
}  // namespace frontier
