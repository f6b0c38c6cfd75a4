#include "common/system_limits.h"

#include <gtest/gtest.h>

#include "common/files.h"
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

TEST(MemoryLeft, IsTheLeastOnTheWayUpWithoutFilesThatCanBeDropped) {
  const TemporaryFolder mount;
  const std::string groups = "0::/slice/job\n";
  fs::create_directories(mount / "slice/job");
  EXPECT_EQ(memory_left(groups, mount.path()), std::nullopt);
  write_file(mount / "slice/job/memory.max", "max\n");
  write_file(mount / "slice/job/memory.current", "700\n");
  EXPECT_EQ(memory_left(groups, mount.path()), std::nullopt);
  write_file(mount / "slice/memory.max", "1000\n");
  write_file(mount / "slice/memory.current", "800\n");
  EXPECT_EQ(memory_left(groups, mount.path()), 200);
  write_file(mount / "slice/memory.stat", "anon 500\nactive_file 100\ninactive_file 150\n");
  EXPECT_EQ(memory_left(groups, mount.path()), 350);
  write_file(mount / "slice/job/memory.max", "600\n");
  EXPECT_EQ(memory_left(groups, mount.path()), 0);  // above its limit
}

TEST(MemoryLeft, IsReadOfTheFirstVersionToo) {
  const TemporaryFolder mount;
  const std::string groups = "9:memory:/job\n4:cpu,cpuacct:/other\n0::/\n";
  fs::create_directories(mount / "memory/job");
  write_file(mount / "memory/job/memory.limit_in_bytes", "5000\n");
  write_file(mount / "memory/job/memory.usage_in_bytes", "3000\n");
  write_file(mount / "memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 500\n");
  EXPECT_EQ(memory_left(groups, mount.path()), 2500);
}

TEST(FreeMemory, IsSomethingOnThisMachine) {
  EXPECT_GT(free_memory(), std::uint64_t{1} << 26);
  EXPECT_LT(free_memory(), std::uint64_t{1} << 50);
}

}  // namespace
}  // namespace frontier
