#pragma once

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

/// The cores that this thread may use. @throws Error if the system does not tell.
int num_usable_cores();

}  // namespace frontier
