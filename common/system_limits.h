#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace frontier {

// What the system lets this process take. Control groups are read in both versions; a limit of a group above the
// process's own counts, too.

/// The processor time a second that the control groups of a process may use, in cores.
/// @param groups the text of /proc/self/cgroup.  @param mount where control groups are mounted: /sys/fs/cgroup.
std::optional<double> cpu_quota(const std::string& groups, const std::filesystem::path& mount);
/// Likewise the bytes of memory that they have left; the cache of files that can be dropped counts as left.
std::optional<std::uint64_t> memory_left(const std::string& groups, const std::filesystem::path& mount);

/// Of this process.
std::optional<double> cpu_quota();
/// Bytes that this process may still take without swapping: what the system and its control groups have left.
std::uint64_t free_memory();

}  // namespace frontier
