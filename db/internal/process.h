#pragma once

#include <cstdint>
#include <string>

namespace frontier {

/// Enough to tell later whether a process still runs, even if its number was given to another one.
struct ProcessId {
  std::int64_t pid = 0;
  std::int64_t started = 0;  ///< clock ticks since boot; 0 where the system does not tell
  std::string host;
};

ProcessId this_process();

/// False only where it is certain: same host, and no such process.
bool may_be_running(const ProcessId& process);

}  // namespace frontier
