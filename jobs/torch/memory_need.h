#pragma once

#include <cstdint>

#include "jobs/torch/prepare.h"

namespace frontier {

/// Bytes of float32 activations for one image.
struct MemoryNeed {
  std::int64_t training = 0;    ///< what a training step keeps until its gradients are there
  std::int64_t evaluation = 0;  ///< what is alive at once without gradients
};

/// Of the largest network that the sampler trains: the one that it is about, everything at once where it learns which
/// to choose, or else the subnet of the most multiply-accumulates.
MemoryNeed memory_need(const Prepared& prepared);

/// @param free bytes.  @throws UsageError naming the batch size, and one that would do, where a step takes more than is
/// free: it would not end in an error, but with the system killing the process.
void require_memory_to_train(const Prepared& prepared, std::uint64_t free);
void require_memory_to_measure(const Prepared& prepared, std::uint64_t free);

}  // namespace frontier
