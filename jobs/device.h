#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace frontier {

/// Where tensors are computed.
struct DeviceOptions {
  int threads = 0;             ///< 0: one a core that this process may use
  std::string device = "cpu";  ///< "cpu" or "cuda"
};

template <class Fields>
void describe(Fields& f, DeviceOptions& o) {
  f("threads", o.threads, 0, 4096);
  f("device", o.device);
}

class Observer;

/// The threads of a training that goes on: what it began with, since with others products of matrices may add in
/// another order; a note says where that is not what this machine would take. @param given by the user; 0: not.
/// @param checkpoint its folder; without one, `given`.
int resumed_threads(int given, const std::string& checkpoint, Observer& observer);

/// How many threads are good, and what says so: "2 cores", "a quota of 1.5 cores", "OMP_NUM_THREADS".
struct UsableCores {
  int count = 1;
  std::string reason;
};
/// The least of the cores that this thread may run on, the quota of its control group and OMP_NUM_THREADS.
/// @throws Error if the system does not tell.
UsableCores usable_cores();
inline int num_usable_cores() { return usable_cores().count; }
/// The cores that this thread may run on. @throws Error if the system does not tell.
int num_allowed_cores();

/// The processor time a second that the control group of a process may use, in cores, by itself or one above it.
/// @param groups the text of /proc/self/cgroup.  @param mount where control groups are mounted: /sys/fs/cgroup.
std::optional<double> cpu_quota(const std::string& groups, const std::filesystem::path& mount);

}  // namespace frontier
