#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "jobs/observer.h"

namespace frontier {

/// Progress of long work on stderr: a bar with rate and time left where stderr is a terminal, else a plain line every
/// ten seconds.
class Progress {
 public:
  /// @param unit of the rate, e.g. "steps".
  Progress(std::string label, std::int64_t total, std::string unit, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// @param detail shown behind, e.g. "loss 0.412".
  void update(std::int64_t done, const std::string& detail);
  /// The work starts at `done` (a resumed run): the rate counts from there.
  void start_at(std::int64_t done) { first_ = done; }
  /// See Observer::work(); the first call is where the work starts.
  void work(double done, double total);
  /// Ends the line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  struct Work {
    double first = 0, done = 0, total = 0;
  };
  std::string label_, unit_;
  std::int64_t total_, first_ = 0;
  bool quiet_, terminal_, drawn_ = false;
  std::optional<Work> work_;  ///< none: all units take equal time
  Clock::time_point start_ = Clock::now(), last_;
};

/// From now on Ctrl-C (SIGINT), SIGTERM, SIGHUP and SIGUSR1 only set a flag; a second of the first two ends the program
/// at once.
void catch_interrupts();
bool interrupted();

/// A job's progress on stderr; stops it when the user asks to.
class ProgressObserver : public Observer {
 public:
  /// From now on Ctrl-C stops the job instead of the program.
  /// @param print shows a job's result.
  explicit ProgressObserver(bool quiet, std::function<void(const nlohmann::ordered_json&)> print = {});
  void begin(const std::string& what, std::int64_t first, std::int64_t total, const std::string& unit) override;
  void progress(std::int64_t done, const std::string& detail) override;
  void work(double done, double total) override;
  void end() override { progress_.reset(); }
  void note(const std::string& line) override;
  /// Shows the result, once. What it cannot show is told by finish(): the job goes on and stores it.
  void result(const nlohmann::ordered_json& document) override;
  /// Shows what the job gave, if it was not shown before.
  void finish(const nlohmann::ordered_json& document);
  bool should_stop() override { return interrupted(); }

 private:
  bool quiet_;
  std::function<void(const nlohmann::ordered_json&)> print_;
  bool is_shown_ = false;
  std::exception_ptr failure_;  ///< of showing it
  std::optional<Progress> progress_;
};

}  // namespace frontier
