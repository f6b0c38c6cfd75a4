#pragma once

#include <cstdint>
#include <memory>

namespace frontier {

/// Counts the bytes of tensors on the CPU that this thread makes while the counter is alive: what a forward pass keeps
/// for the backward pass, the most that a training step holds at a time. Tensors that were there before do not count,
/// and LibTorch warns where one of them is freed meanwhile. One counter a thread at a time. Thread-safety: none.
class TensorMemory {
 public:
  TensorMemory();
  ~TensorMemory();
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

  std::int64_t bytes() const;  ///< alive now
  std::int64_t peak() const;   ///< the most since the beginning or reset_peak()
  void reset_peak() const;

 private:
  struct Counter;
  struct Guard;
  std::shared_ptr<Counter> counter_;
  std::unique_ptr<Guard> guard_;
};

}  // namespace frontier
