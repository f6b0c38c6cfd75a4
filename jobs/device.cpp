#include "jobs/device.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/text.h"
#include "jobs/observer.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

/// Of a small file that the system makes; empty where there is none.
std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The ratio of two numbers, in one file or two; none where the first is "max" or negative: no limit.
std::optional<double> ratio_in(const fs::path& first, const fs::path& second) {
  std::istringstream text(text_of(first) + (second.empty() ? "" : " " + text_of(second)));
  double quota = 0, period = 0;
  return text >> quota >> period && quota > 0 && period > 0 ? std::optional(quota / period) : std::nullopt;
}

/// What the checkpoint's run.json says; 0 where it does not, or is no such file, which is refused where it is read.
int stored_threads(const std::string& checkpoint) {
  const fs::path path = fs::path(checkpoint) / "run.json";
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return 0;
  const nlohmann::json run = parse_json_or_discard(read_file(path));
  if (!run.is_object() || !run.contains("threads") || !run["threads"].is_number_integer()) return 0;
  const auto threads = run["threads"].get<std::int64_t>();
  return threads >= 1 && threads <= 4096 ? static_cast<int>(threads) : 0;
}

std::string threads_in_words(int threads) { return std::to_string(threads) + (threads == 1 ? " thread" : " threads"); }

}  // namespace

int num_allowed_cores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) throw Error("cannot tell which cores this process may use");
  return CPU_COUNT(&cores);
}

std::optional<double> cpu_quota(const std::string& groups, const fs::path& mount) {
  std::optional<double> least;
  for (const std::string& line : split(groups, '\n')) {  // "0::/path", or of version 1 "4:cpu,cpuacct:/path"
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const auto controllers = split(fields[1], ',');
    const bool is_version_2 = fields[1].empty();
    if (!is_version_2 && std::find(controllers.begin(), controllers.end(), "cpu") == controllers.end()) continue;
    const fs::path root = is_version_2 ? mount : mount / "cpu";
    for (fs::path group = fs::path(line.substr(fields[0].size() + fields[1].size() + 2)).relative_path();;
         group = group.parent_path()) {
      const auto quota = is_version_2 ? ratio_in(root / group / "cpu.max", "")
                                      : ratio_in(root / group / "cpu.cfs_quota_us", root / group / "cpu.cfs_period_us");
      if (quota && (!least || *quota < *least)) least = quota;
      if (group.empty()) break;
    }
  }
  return least;
}

UsableCores usable_cores() {
  UsableCores cores{num_allowed_cores(), ""};
  cores.reason = std::to_string(cores.count) + (cores.count == 1 ? " core" : " cores");
  const auto limit = [&](double count, const std::string& reason) {
    if (count >= cores.count) return;
    cores = {std::max(1, static_cast<int>(count)), reason};
  };
  if (const auto quota = cpu_quota(text_of("/proc/self/cgroup"), "/sys/fs/cgroup"))
    limit(*quota, "a quota of " + exact(std::round(*quota * 100) / 100) + " cores");
  if (const char* wanted = std::getenv("OMP_NUM_THREADS"); wanted != nullptr && std::atoi(wanted) > 0)
    limit(std::atoi(wanted), "OMP_NUM_THREADS");
  return cores;
}

int resumed_threads(int given, const std::string& checkpoint, Observer& observer) {
  const int stored = stored_threads(checkpoint), cores = num_usable_cores();
  if (stored == 0) return given;
  const std::string began = "the training began with " + threads_in_words(stored);
  if (given > 0 && given != stored)
    observer.note(began + " and goes on with " + std::to_string(given) + ": last digits may differ");
  if (given == 0 && stored != cores)
    observer.note(began + " and goes on with them, so that not a digit differs; here are " + std::to_string(cores) +
                  " cores");
  return given > 0 ? given : stored;
}

}  // namespace frontier
