#include "common/system_limits.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>
#include <vector>

#include "common/text.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMount = "/sys/fs/cgroup";

/// Of a small file that the system makes; empty where there is none.
std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string own_groups() { return text_of("/proc/self/cgroup"); }

struct Group {
  fs::path folder;
  bool is_version_2 = true;
};

/// The control groups of a process that limit `controller`, with those above them.
std::vector<Group> groups_of(const std::string& groups, const fs::path& mount, const std::string& controller) {
  std::vector<Group> found;
  for (const std::string& line : split(groups, '\n')) {  // "0::/path", or of version 1 "4:cpu,cpuacct:/path"
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const auto controllers = split(fields[1], ',');
    const bool is_version_2 = fields[1].empty();
    if (!is_version_2 && std::find(controllers.begin(), controllers.end(), controller) == controllers.end()) continue;
    const fs::path root = is_version_2 ? mount : mount / controller;
    for (fs::path path = fs::path(line.substr(fields[0].size() + fields[1].size() + 2)).relative_path();;
         path = path.parent_path()) {
      found.push_back({root / path, is_version_2});
      if (path.empty()) break;
    }
  }
  return found;
}

/// The number that a file holds; none for "max", which is no limit, and for a file that is not there.
std::optional<std::uint64_t> number_in(const fs::path& path) {
  std::istringstream text(text_of(path));
  std::uint64_t value = 0;
  return text >> value ? std::optional(value) : std::nullopt;
}

/// The ratio of two numbers, in one file or two; none where the first is "max" or negative: no limit.
std::optional<double> ratio_in(const fs::path& first, const fs::path& second) {
  std::istringstream text(text_of(first) + (second.empty() ? "" : " " + text_of(second)));
  double quota = 0, period = 0;
  return text >> quota >> period && quota > 0 && period > 0 ? std::optional(quota / period) : std::nullopt;
}

/// The value of a key in a file of lines "key value"; 0 where it has none.
std::uint64_t value_in(const fs::path& path, const std::string& key) {
  std::istringstream text(text_of(path));
  for (std::string name, rest; text >> name; std::getline(text, rest)) {
    std::uint64_t value = 0;
    if (name == key && text >> value) return value;
  }
  return 0;
}

template <class T>
std::optional<T> least_of(const std::vector<Group>& groups,
                          const std::function<std::optional<T>(const Group&)>& limit) {
  std::optional<T> least;
  for (const Group& group : groups)
    if (const auto value = limit(group); value && (!least || *value < *least)) least = value;
  return least;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& groups, const fs::path& mount) {
  return least_of<double>(groups_of(groups, mount, "cpu"), [](const Group& group) {
    return group.is_version_2 ? ratio_in(group.folder / "cpu.max", "")
                              : ratio_in(group.folder / "cpu.cfs_quota_us", group.folder / "cpu.cfs_period_us");
  });
}

std::optional<std::uint64_t> memory_left(const std::string& groups, const fs::path& mount) {
  return least_of<std::uint64_t>(
      groups_of(groups, mount, "memory"), [](const Group& group) -> std::optional<std::uint64_t> {
        const bool v2 = group.is_version_2;
        const auto most = number_in(group.folder / (v2 ? "memory.max" : "memory.limit_in_bytes"));
        const auto used = number_in(group.folder / (v2 ? "memory.current" : "memory.usage_in_bytes"));
        if (!most || !used) return std::nullopt;
        const std::uint64_t cache =
            value_in(group.folder / "memory.stat", v2 ? "inactive_file" : "total_inactive_file");
        return *most - std::min(*most, *used - std::min(*used, cache));
      });
}

std::optional<double> cpu_quota() { return cpu_quota(own_groups(), kMount); }

std::uint64_t free_memory() {
  constexpr std::uint64_t kWhereNobodyTells = std::uint64_t{1} << 30;
  const std::uint64_t told = value_in("/proc/meminfo", "MemAvailable:") << 10;
  const std::uint64_t system = told > 0 ? told : kWhereNobodyTells;
  return std::min(system, memory_left(own_groups(), kMount).value_or(system));
}

}  // namespace frontier
