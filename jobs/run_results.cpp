#include "jobs/run_results.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "common/files.h"
#include "common/shell.h"
#include "common/text.h"
#include "jobs/internal/pending.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kSlice(250);  ///< between looks at whether the user wants to stop
constexpr int kLongerAtTheEnd = 11;  ///< the wait of finish(), in those of a commit

/// While it lives, calls of the store wait for a slice of time.
class ShortWait {
 public:
  explicit ShortWait(Store& store) : store_(store), before_(store.wait()) {
    store_.set_wait(std::min(before_, kSlice));
  }
  ~ShortWait() { store_.set_wait(before_); }
  ShortWait(const ShortWait&) = delete;
  ShortWait& operator=(const ShortWait&) = delete;

 private:
  Store& store_;
  milliseconds before_;
};

}  // namespace

RunResults::RunResults(Store& store, std::int64_t run, Observer& observer)
    : store_(store), run_(store.runs({.id = run}).at(0)), observer_(observer), wait_(store.wait()) {}

void RunResults::add(Evaluation evaluation) {
  evaluation.run = run_.id;
  evaluations_.push_back(std::move(evaluation));
}

void RunResults::link(std::span<const std::int64_t> results) {
  reused_.insert(reused_.end(), results.begin(), results.end());
}

/// One try.
void RunResults::write(const std::function<void()>& more) {
  {
    Store::Transaction transaction(store_);
    store_.record(evaluations_);
    store_.link(run_.id, reused_);
    store_.add_points(run_.id, points_);
    if (more) more();
    transaction.commit();
  }
  evaluations_.clear();
  reused_.clear();
  points_.clear();
}

bool RunResults::commit(const std::function<void()>& more) {
  const ShortWait slices(store_);
  const auto start = Clock::now();
  do {
    try {
      write(more);
      is_held_ = false;
      return true;
    } catch (const DatabaseBusy&) {
    }
    // Who waited in vain once does not do so at every step.
  } while (!is_held_ && Clock::now() - start < wait_ && !observer_.should_stop());
  if (!is_held_)
    observer_.note("another program holds database " + store_.path() +
                   "; the run goes on, and what it finds is stored later");
  is_held_ = true;
  return false;
}

void RunResults::set_state(RunState state, const std::string& message) {
  run_.state = state;
  run_.message = message;
  if (state == RunState::kDone) run_.progress = 1;
}

/// What a commit stores of it.
std::function<void()> RunResults::state_update() {
  return [this] {
    RunUpdate update{.state = run_.state, .message = run_.message};
    if (run_.state == RunState::kDone) update.progress = run_.progress;
    store_.update_run(run_.id, update);
  };
}

bool RunResults::close() {
  set_state(RunState::kDone, "");
  return commit(state_update());
}

std::string RunResults::close_failed(RunState state, const std::string& message) {
  set_state(state, message);
  const bool has_unsaved = !evaluations_.empty() || !reused_.empty() || !points_.empty();
  try {
    return commit(state_update()) || !has_unsaved ? "" : keep().remark;
  } catch (const DatabaseError&) {
    return keep().remark;
  } catch (const std::exception&) {  // other numbers are stored, say
    try {
      state_update()();
    } catch (const std::exception&) {  // the job's failure is what the user must hear about
    }
    return has_unsaved ? keep().remark : "";
  }
}

void RunResults::finish(const nlohmann::ordered_json& document) {
  set_state(RunState::kDone, "");
  const ShortWait slices(store_);
  const auto start = Clock::now(), end = start + kLongerAtTheEnd * wait_;
  auto next_note = start;
  bool is_shown = false;
  std::optional<Kept> kept;  // from the start: whoever ends the program while it waits loses nothing
  const auto show = [&] {
    if (std::exchange(is_shown, true)) return;
    observer_.end();
    observer_.result(document);
  };
  for (;;) {
    try {
      write(state_update());
      std::error_code ignored;
      if (kept) fs::remove(kept->file, ignored);
      return;
    } catch (const DatabaseBusy&) {
      show();
      if (!kept) kept = keep();
      const auto now = Clock::now();
      if (observer_.should_stop())
        throw Interrupted("stopped while another program holds database " + store_.path() + kept->remark);
      if (now >= end)
        throw DatabaseError("another program has held database " + store_.path() + " for " +
                            format_seconds(std::chrono::duration<double>(now - start).count()) + kept->remark);
      if (now >= next_note) {
        observer_.note(
            "another program holds database " + store_.path() + ": the result above is not stored yet; trying for " +
            format_seconds(std::chrono::duration<double>(end - now).count()) + " more (a file keeps it meanwhile)");
        next_note = now + std::chrono::minutes(1);
      }
    } catch (const DatabaseError& error) {
      show();
      throw DatabaseError(error.what() + (kept ? *kept : keep()).remark);
    } catch (const UsageError& error) {  // other numbers are stored
      show();
      throw UsageError(error.what() + close_failed(RunState::kFailed, error.what()));
    } catch (const Error& error) {  // other costs, or what is not finite
      show();
      throw Error(error.what() + close_failed(RunState::kFailed, error.what()));
    }
  }
}

PendingRun RunResults::everything() const {
  PendingRun pending{.run = run_};
  std::set<std::tuple<std::string, std::string, Protocol>> unsaved;
  const auto identity = [](const Evaluation& e) {
    return std::tuple(e.architecture.canonical, e.architecture.built_for, e.protocol);
  };
  for (const Evaluation& evaluation : evaluations_) unsaved.insert(identity(evaluation));
  try {  // what is stored, too: the file that it is in may be gone
    for (const Result& result : store_.results({.run = run_.id}))
      if (!unsaved.contains(identity(result))) pending.results.push_back(result);
    for (const std::string& name : store_.curve_names(run_.id))
      for (const CurvePoint& point : store_.curve(run_.id, name)) pending.points.push_back(point);
  } catch (const std::exception&) {
  }
  try {
    for (const std::int64_t id : reused_) pending.results.push_back(store_.result(id));
  } catch (const std::exception&) {
  }
  pending.results.insert(pending.results.end(), evaluations_.begin(), evaluations_.end());
  pending.points.insert(pending.points.end(), points_.begin(), points_.end());
  return pending;
}

RunResults::Kept RunResults::keep() const {
  const PendingRun pending = everything();
  if (pending.results.empty() && pending.points.empty()) return {};
  const std::string text = to_text(pending), run = "run " + std::to_string(run_.id);
  const fs::path db = store_.path();
  const std::string name =
      db.filename().string() + ".pending-" + std::to_string(run_.id) + "-" + crc32_hex(text) + ".json";
  // Where the database's disk is full or its folder is gone or may not be written: beside the checkpoint, or here.
  std::string reason;
  std::error_code none;
  const fs::path folders[] = {db.parent_path(), fs::path(run_.checkpoint).parent_path(), fs::path(),
                              fs::temp_directory_path(none)};
  for (const fs::path& folder : folders) {
    try {
      const fs::path file = folder / name;
      write_file(file, text);
      return {file, "; what " + run + " found is kept in " + file.string() + ", and stored by: frontier runs --db " +
                        shell_quoted(store_.path()) + " --import-pending " + shell_quoted(file.string())};
    } catch (const std::exception& error) {
      if (reason.empty()) reason = error.what();
    }
  }
  return {{}, "; what " + run + " found could not be kept in a file either: " + reason};
}

nlohmann::ordered_json store_pending(const std::string& db, const std::filesystem::path& file) {
  PendingRun pending = read_pending(file);
  Store store(db, Store::Mode::kReadWrite);
  Store::Transaction transaction(store);
  const std::int64_t run = store.adopt_run(pending.run);
  for (Evaluation& evaluation : pending.results) evaluation.run = run;
  const auto num_results = [&] { return store.runs({.id = run}).at(0).num_results; };
  const std::int64_t before = num_results();
  store.record(pending.results);
  store.add_points(run, pending.points);
  RunUpdate update{.state = pending.run.state, .progress = pending.run.progress, .message = pending.run.message};
  store.update_run(run, update);
  const std::int64_t added = num_results() - before;
  transaction.commit();
  fs::path kept = file;
  if (kept.extension() != ".stored") {
    kept += ".stored";
    std::error_code error;
    fs::rename(file, kept, error);
    if (error) kept = file;
  }
  return {{"run", run}, {"results", pending.results.size()}, {"new", added}, {"file", kept.string()}};
}

}  // namespace frontier
