#pragma once

#include <filesystem>
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

/// The threads of work that goes on: what it began with, since with others products of matrices may add in another
/// order; a note says where that is not what this machine would take. @param given by the user; 0: not.
/// @param what "training".  @param file what it keeps, with the number as "threads"; without it, `given`.
int resumed_threads(int given, const std::string& what, const std::filesystem::path& file, Observer& observer);
/// Of a training. @param checkpoint its folder.
inline int resumed_threads(int given, const std::string& checkpoint, Observer& observer) {
  return resumed_threads(given, "training", std::filesystem::path(checkpoint) / "run.json", observer);
}

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

}  // namespace frontier
