#include "jobs/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/files.h"
#include "jobs/observer.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using frontier::testing::TemporaryFolder;

TEST(CpuQuota, IsTheLeastOnTheWayUp) {
  const TemporaryFolder mount;
  const std::string groups = "0::/slice/job\n";
  fs::create_directories(mount / "slice/job");
  EXPECT_EQ(cpu_quota(groups, mount.path()), std::nullopt);
  write_file(mount / "slice/job/cpu.max", "max 100000\n");
  EXPECT_EQ(cpu_quota(groups, mount.path()), std::nullopt);
  write_file(mount / "slice/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpu_quota(groups, mount.path()), 1.5);
  write_file(mount / "slice/job/cpu.max", "400000 100000\n");
  EXPECT_EQ(cpu_quota(groups, mount.path()), 1.5);
}

TEST(CpuQuota, IsReadOfTheFirstVersionToo) {
  const TemporaryFolder mount;
  const std::string groups = "9:memory:/other\n4:cpu,cpuacct:/job\n0::/\n";
  fs::create_directories(mount / "cpu/job");
  write_file(mount / "cpu/job/cpu.cfs_quota_us", "-1\n");
  write_file(mount / "cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpu_quota(groups, mount.path()), std::nullopt);
  write_file(mount / "cpu/job/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(cpu_quota(groups, mount.path()), 2);
}

struct Notes : Observer {
  std::string lines;
  void note(const std::string& line) override { lines += line + "\n"; }
};

TEST(ResumedThreads, AreThoseThatTheTrainingBeganWith) {
  const TemporaryFolder folder;
  const std::string checkpoint = folder.path().string();
  Notes notes;
  EXPECT_EQ(resumed_threads(0, checkpoint, notes), 0);  // nothing is there yet
  for (const char* other : {"{}", "{\"threads\": \"two\"}", "{\"threads\": 0}", "{\"threads\": "}) {
    write_file(folder / "run.json", other);
    EXPECT_EQ(resumed_threads(3, checkpoint, notes), 3) << other;
  }
  EXPECT_EQ(notes.lines, "");
  write_file(folder / "run.json", "{\"threads\": 63}");
  EXPECT_EQ(resumed_threads(0, checkpoint, notes), 63);
  EXPECT_THAT(notes.lines, ::testing::StartsWith("the training began with 63 threads and goes on with them"));
  notes.lines.clear();
  EXPECT_EQ(resumed_threads(63, checkpoint, notes), 63);
  EXPECT_EQ(notes.lines, "");
  EXPECT_EQ(resumed_threads(1, checkpoint, notes), 1);
  EXPECT_EQ(notes.lines, "the training began with 63 threads and goes on with 1: last digits may differ\n");
}

}  // namespace
}  // namespace frontier
