#include "supernet/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>

namespace frontier {

/// What LibTorch tells a profiler.
struct TensorMemory::Counter final : c10::MemoryReportingInfoBase {
  std::int64_t bytes = 0, peak = 0;

  void reportMemoryUsage(void* /*place*/, std::int64_t size, std::size_t /*allocated*/, std::size_t /*reserved*/,
                         c10::Device device) override {
    if (!device.is_cpu()) return;
    bytes += size;
    peak = std::max(peak, bytes);
  }
  bool memoryProfilingEnabled() const override { return true; }
};

struct TensorMemory::Guard {
  c10::DebugInfoGuard guard;
};

TensorMemory::TensorMemory()
    : counter_(std::make_shared<Counter>()),
      guard_(new Guard{c10::DebugInfoGuard(c10::DebugInfoKind::PROFILER_STATE, counter_)}) {}
TensorMemory::~TensorMemory() = default;

std::int64_t TensorMemory::bytes() const { return counter_->bytes; }
std::int64_t TensorMemory::peak() const { return counter_->peak; }
void TensorMemory::reset_peak() const { counter_->peak = counter_->bytes; }

}  // namespace frontier
