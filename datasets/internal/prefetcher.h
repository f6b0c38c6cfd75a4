#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include <oneapi/tbb/task_arena.h>

#include "datasets/internal/every_core.h"
#include "datasets/loader.h"

namespace frontier {

/// Calls `make(step)` for step = 0, 1, 2, ... ahead of use, at most `prefetch` results at a time, and hands them out in
/// order. A consumer that finds its batch not yet begun makes it itself: it never waits for a thread that may not come
/// (all of TBB's workers busy elsewhere, or waiting here too), so no deadlock. Thread-safety: none.
class Prefetcher {
 public:
  using Make = std::function<Batch(std::int64_t step)>;  ///< called on several threads at once

  Prefetcher(Make make, int prefetch, int threads);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// Rethrows what make() threw; the position stays, so that calling again tries again.
  Batch next();
  void seek(std::int64_t step);
  std::int64_t position() const { return position_; }

 private:
  struct Job;
  void fill();
  void cancel() noexcept;

  std::shared_ptr<const Make> make_;  // shared with jobs that TBB may drop only after this object is gone
  ThreadLimit limit_;
  std::size_t prefetch_;
  std::int64_t position_ = 0;
  std::deque<std::shared_ptr<Job>> pending_;  // pending_[i] makes step position_ + i
  tbb::task_arena arena_;
  EveryCore every_core_;
};

}  // namespace frontier
