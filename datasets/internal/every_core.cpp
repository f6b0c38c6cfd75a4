#include "datasets/internal/every_core.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <vector>

namespace frontier {
namespace {

/// What TBB allows, and at least OpenMP's number of cores.
std::size_t most_threads() {
  const auto limit = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  return std::max(limit, static_cast<std::size_t>(omp_get_num_procs()));
}

}  // namespace

ThreadLimit::ThreadLimit() : limit_(tbb::global_control::max_allowed_parallelism, most_threads()) {}

EveryCore::EveryCore(tbb::task_arena& arena) : tbb::task_scheduler_observer(arena) { observe(true); }
EveryCore::~EveryCore() { observe(false); }

void EveryCore::on_scheduler_entry(bool is_worker) {
  if (!is_worker) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  std::vector<int> ids;
  for (int place = 0; place < omp_get_num_places(); ++place) {
    ids.resize(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    for (const int id : ids) CPU_SET(id, &cores);
  }
  if (CPU_COUNT(&cores) > 0) ::sched_setaffinity(0, sizeof cores, &cores);
}

}  // namespace frontier
