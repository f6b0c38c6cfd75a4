#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "common/errors.h"
#include "db/store.h"
#include "jobs/observer.h"

namespace frontier {

struct PendingRun;

/// Runs `job`. Where it throws, `close(state, message)` stores how the run ended; what that returns, if anything, is
/// added to the message.
template <class Job, class Close>
auto close_where_it_fails(const Job& job, const Close& close) {
  try {
    return job();
  } catch (const Interrupted& error) {
    throw Interrupted(error.what() + close(RunState::kInterrupted, error.what()));
  } catch (const DatabaseError& error) {
    throw DatabaseError(error.what() + close(RunState::kFailed, error.what()));
  } catch (const UsageError& error) {
    const std::string remark = close(RunState::kFailed, error.what());
    if (remark.empty()) throw;
    throw UsageError(error.what() + remark);
  } catch (const std::exception& error) {
    const std::string remark = close(RunState::kFailed, error.what());
    if (remark.empty()) throw;
    throw Error(error.what() + remark);
  }
}

/// What a run finds, on its way into the results database: nothing that was measured is lost.
///
/// What is handed over is stored by the next commit(). While another program holds the database the run goes on, and a
/// later commit stores it. At the end finish() shows the result first and then keeps trying; where the database cannot
/// be written at all, everything that the run found goes into a file that store_pending() (`frontier runs
/// --import-pending`) stores later. Not thread-safe.
class RunResults {
 public:
  /// @param run is in the store.  All must outlive this.
  RunResults(Store& store, std::int64_t run, Observer& observer);

  /// Measured by this run.
  void add(Evaluation evaluation);
  /// Measured before, and used by this run.
  void link(std::span<const std::int64_t> results);
  void add(const CurvePoint& point) { points_.push_back(point); }

  /// Stores all of it in one transaction with what `more` stores. @returns false where others hold the database: it is
  /// kept for the next time.  @throws DatabaseError if it cannot be written.
  bool commit(const std::function<void()>& more = {});

  /// Does `job`; where it throws, the run is closed as failed or interrupted.
  template <class Job>
  auto guard(const Job& job) {
    return close_where_it_fails(
        job, [this](RunState state, const std::string& message) { return close_failed(state, message); });
  }
  /// Closes the run as failed or interrupted. @returns where what could not be stored is kept, to be added to the
  /// message; mostly nothing.
  std::string close_failed(RunState state, const std::string& message);
  /// Closes the run as done: false where others hold the database.
  bool close();
  /// The same, for as long as it takes. @param document what the run found, for the observer where it takes long or
  /// fails.
  /// @throws DatabaseError naming the file that keeps it, after trying for ten more times as long as a writer waits;
  /// Interrupted likewise when the observer says to stop.
  void finish(const nlohmann::ordered_json& document);

  Store& store() { return store_; }
  std::int64_t run() const { return run_.id; }

 private:
  void write(const std::function<void()>& more);
  void set_state(RunState state, const std::string& message);
  std::function<void()> state_update();
  PendingRun everything() const;
  /// A file with everything(), and what the user must know of it; neither where there is nothing.
  struct Kept {
    std::filesystem::path file = {};
    std::string remark = {};
  };
  Kept keep() const;

  Store& store_;
  Run run_;
  Observer& observer_;
  std::vector<Evaluation> evaluations_;  ///< these three are not yet stored
  std::vector<std::int64_t> reused_;
  std::vector<CurvePoint> points_;
  const std::chrono::milliseconds wait_;  ///< how long a commit waits for others
  bool is_held_ = false;                  ///< by another program, at the last commit
};

/// Stores what a run could not. Doing it again changes nothing.
/// @returns {"run", "results", "new", "file"}: the run's id, how many results the file holds, how many of them the run
/// did not have, and what the file is called now: FILE.stored.
/// @throws UsageError for a file that no run wrote, or whose numbers differ from those stored.
nlohmann::ordered_json store_pending(const std::string& db, const std::filesystem::path& file);

}  // namespace frontier
