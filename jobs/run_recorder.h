#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/store.h"
#include "jobs/observer.h"
#include "jobs/run_results.h"

namespace frontier {

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

  /// Does the job; where it throws, the run is closed as interrupted or failed.
  template <class Job>
  auto guard(const Job& job) {
    return close_where_it_fails(
        job, [this](RunState state, const std::string& message) { return close_failed(state, message); });
  }
  /// Closes the run as done: false where others hold the database.
  bool close();
  /// The same for as long as it takes: RunResults::finish().
  void finish(const nlohmann::ordered_json& document);

  std::int64_t run() const { return results_ ? results_->run() : 0; }
  Store& store() { return store_; }
  /// Once the work has begun.
  RunResults& results() { return *results_; }

 private:
  struct Sum {
    double sum = 0;
    std::int64_t count = 0;
  };
  void flush();
  std::string close_failed(RunState state, const std::string& message);

  Store store_;
  RunInfo info_;
  Observer& observer_;
  std::optional<std::int64_t> resumed_;  ///< goes on once the work begins; left alone where it cannot begin
  std::optional<RunResults> results_;    ///< once the work has begun
  std::int64_t total_ = 0, done_ = 0;
  bool cannot_store_ = false;        ///< and the user was told
  std::int64_t num_points_ = 0;      ///< not yet stored
  std::map<std::string, Sum> sums_;  ///< by curve, since its last point
};

}  // namespace frontier
