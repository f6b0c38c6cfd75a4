#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace frontier {

/// How a job's progress reaches whoever started it, and how that one stops it. Jobs print nothing themselves.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Work of `total` units begins; `first` of them are done already, by a run that is resumed. @param unit "steps".
  virtual void begin(const std::string& /*what*/, std::int64_t /*first*/, std::int64_t /*total*/,
                     const std::string& /*unit*/) {}
  /// @param detail e.g. "loss 0.412".
  virtual void progress(std::int64_t /*done*/, const std::string& /*detail*/) {}
  /// Where units take unequal time: how much of the work is done, of `total`, in units that take equal time. Said after
  /// begin() and before each progress(); the time that is left follows from it.
  virtual void work(double /*done*/, double /*total*/) {}
  virtual void end() {}
  /// What the job is about to give back, where storing it takes long or fails: whoever waits has it already.
  virtual void result(const nlohmann::ordered_json& /*document*/) {}
  /// A line for people, e.g. "going on with run 3".
  virtual void note(const std::string& /*line*/) {}
  /// Whether the user asked to stop; the job then saves what it has and throws Interrupted. Asked from any thread.
  virtual bool should_stop() { return false; }
};

}  // namespace frontier
