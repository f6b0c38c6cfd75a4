#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>

namespace frontier {

/// While it lives, TBB may use every core that OpenMP has: by itself it counts only the cores of the thread that asks
/// first, which OpenMP may have bound to one.
class ThreadLimit {
 public:
  ThreadLimit();

 private:
  tbb::global_control limit_;
};

/// Lets an arena's workers run on every core that OpenMP has: they inherit the cores of the thread that starts them,
/// and with OMP_PROC_BIND that is one.
class EveryCore : public tbb::task_scheduler_observer {
 public:
  explicit EveryCore(tbb::task_arena& arena);
  ~EveryCore() override;
  void on_scheduler_entry(bool is_worker) override;
};

}  // namespace frontier
