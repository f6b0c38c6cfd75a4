#include "jobs/device.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/system_limits.h"
#include "common/text.h"
#include "jobs/observer.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

/// What the file says; 0 where it does not, or is no such file, which is refused where it is read.
int stored_threads(const fs::path& path) {
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

UsableCores usable_cores() {
  UsableCores cores{num_allowed_cores(), ""};
  cores.reason = std::to_string(cores.count) + (cores.count == 1 ? " core" : " cores");
  const auto limit = [&](double count, const std::string& reason) {
    if (count >= cores.count) return;
    cores = {std::max(1, static_cast<int>(count)), reason};
  };
  if (const auto quota = cpu_quota()) limit(*quota, "a quota of " + exact(std::round(*quota * 100) / 100) + " cores");
  if (const char* wanted = std::getenv("OMP_NUM_THREADS"); wanted != nullptr && std::atoi(wanted) > 0)
    limit(std::atoi(wanted), "OMP_NUM_THREADS");
  return cores;
}

int resumed_threads(int given, const std::string& what, const fs::path& file, Observer& observer) {
  const int stored = stored_threads(file), cores = num_usable_cores();
  if (stored == 0) return given;
  const std::string began = "the " + what + " began with " + threads_in_words(stored);
  if (given > 0 && given != stored)
    observer.note(began + " and goes on with " + std::to_string(given) + ": last digits may differ");
  if (given == 0 && stored != cores)
    observer.note(began + " and goes on with them, so that not a digit differs; here " +
                  (cores == 1 ? "is 1 core" : "are " + std::to_string(cores) + " cores"));
  return given > 0 ? given : stored;
}

}  // namespace frontier
