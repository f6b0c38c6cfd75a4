#include "datasets/internal/prefetcher.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <utility>

namespace frontier {
namespace {

/// How many of `threads` workers TBB has; asked for more, it would print a warning.
int available(int threads) {
  const auto limit = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  return std::min(threads, static_cast<int>(limit) - 1);
}

}  // namespace

/// One batch, made by whoever claims it first: a worker, the consumer, or nobody once it is cancelled.
struct Prefetcher::Job {
  Job(std::shared_ptr<const Make> make, std::int64_t step)
      : task([make = std::move(make), step] { return (*make)(step); }), result(task.get_future()) {}

  bool claim() { return !claimed.exchange(true); }
  void run() {
    if (claim()) task();
  }

  std::atomic<bool> claimed = false;
  std::packaged_task<Batch()> task;
  std::future<Batch> result;
};

Prefetcher::Prefetcher(Make make, int prefetch, int threads)
    : make_(std::make_shared<const Make>(std::move(make))),
      prefetch_(available(threads) > 0 ? static_cast<std::size_t>(prefetch) : 0),
      // Starts nothing until it is used; without workers its one place is the caller's.
      arena_(std::max(available(threads), 1), /*reserved_for_masters=*/available(threads) > 0 ? 0 : 1),
      every_core_(arena_) {}

Prefetcher::~Prefetcher() { cancel(); }

void Prefetcher::cancel() noexcept {
  for (const auto& job : pending_)
    if (!job->claim()) job->result.wait();
  pending_.clear();
}

void Prefetcher::fill() {
  while (pending_.size() < prefetch_) {
    auto job = std::make_shared<Job>(make_, position_ + static_cast<std::int64_t>(pending_.size()));
    pending_.push_back(job);
    arena_.enqueue([job = std::move(job)] { job->run(); });
  }
}

Batch Prefetcher::next() {
  if (prefetch_ == 0) {
    Batch batch = (*make_)(position_);
    ++position_;
    return batch;
  }
  fill();
  const std::shared_ptr<Job> job = pending_.front();
  job->run();
  job->result.wait();
  pending_.pop_front();
  try {
    Batch batch = job->result.get();
    ++position_;
    fill();
    return batch;
  } catch (...) {
    cancel();
    throw;
  }
}

void Prefetcher::seek(std::int64_t step) {
  if (step == position_) return;
  cancel();
  position_ = step;
}

}  // namespace frontier
