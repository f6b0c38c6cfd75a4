#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "db/store.h"
#include "jobs/observer.h"

namespace frontier {

/// Runs `job`, tells `close(state, message)` how it ended, and gives its result or its exception on. Where the job
/// failed, that is what the user must hear about: a failure of `close` is then dropped.
template <class Job, class Close>
auto close_after(const Job& job, const Close& close) {
  const auto close_failed = [&](RunState state, const std::exception& error) {
    try {
      close(state, error.what());
    } catch (const std::exception&) {
    }
  };
  const auto run = [&] {
    try {
      return job();
    } catch (const Interrupted& error) {
      close_failed(RunState::kInterrupted, error);
      throw;
    } catch (const std::exception& error) {
      close_failed(RunState::kFailed, error);
      throw;
    }
  };
  auto result = run();
  close(RunState::kDone, "");
  return result;
}

/// Stores how a run ended.
void close_run(Store& store, std::int64_t run, RunState state, const std::string& message);

/// The version of Frontier that runs are stored with.
std::string version();

/// Watches a training: progress to the observer; run, state and curves into the results database.
class RunRecorder {
 public:
  /// @param resumed_checkpoint folder whose run.json names the run to go on with; empty: a new run.
  /// @param observer must outlive the recorder.
  RunRecorder(const std::string& db, RunInfo info, Observer& observer, const std::string& resumed_checkpoint);

  /// Once, before work starts. @param first_step above 0 where a run is resumed.
  void begin(const nlohmann::json& resolved_config, std::int64_t first_step, std::int64_t total_steps);
  /// After every optimiser step. The values are "train/loss", "train/lr", ...; each has a curve of its own, over the
  /// steps that have it.
  void step(std::int64_t step, const std::vector<std::pair<std::string, double>>& values);
  /// Whether a point of the curves is drawn at this step.
  bool draws_at(std::int64_t step) const;
  /// Before a checkpoint is committed: what is stored in it about the run.
  nlohmann::json checkpoint_note();
  bool should_stop() { return observer_.should_stop(); }
  void note(const std::string& line) { observer_.note(line); }
  /// A part of the job that takes no optimiser steps: measuring, say. Its progress, not the run's.
  void begin_part(const std::string& what, std::int64_t total, const std::string& unit) {
    observer_.begin(what, 0, total, unit);
  }
  void part_progress(std::int64_t done, const std::string& detail) { observer_.progress(done, detail); }

  /// Runs the job and closes the run as done, interrupted or failed.
  template <class Job>
  auto guard(const Job& job) {
    return close_after(job, [this](RunState state, const std::string& message) { close(state, message); });
  }
  std::int64_t run() const { return run_.value_or(0); }
  Store& store() { return store_; }

 private:
  struct Sum {
    double sum = 0;
    std::int64_t count = 0;
  };
  void flush();
  void close(RunState state, const std::string& message);

  Store store_;
  RunInfo info_;
  Observer& observer_;
  std::optional<std::int64_t> resumed_;  ///< goes on as run_ once the work begins; left alone where it cannot begin
  std::optional<std::int64_t> run_;
  std::int64_t total_ = 0, done_ = 0;
  std::vector<CurvePoint> points_;   ///< not yet stored
  std::map<std::string, Sum> sums_;  ///< by curve, since its last point
};

}  // namespace frontier
