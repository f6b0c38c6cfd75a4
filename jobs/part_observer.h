#pragma once

#include <string>
#include <utility>

#include "jobs/observer.h"

namespace frontier {

/// Shows another job's work as a part of this one's. What the part gives back is no result of the whole.
class PartObserver : public Observer {
 public:
  /// @param work before what begins: "3/18 ".  @param note before every line for people.
  PartObserver(Observer& observer, std::string work, std::string note = "")
      : observer_(observer), work_(std::move(work)), note_(std::move(note)) {}
  void begin(const std::string& what, std::int64_t first, std::int64_t total, const std::string& unit) override {
    observer_.begin(work_ + what, first, total, unit);
  }
  void progress(std::int64_t done, const std::string& detail) override { observer_.progress(done, detail); }
  void work(double done, double total) override { observer_.work(done, total); }
  void end() override { observer_.end(); }
  void note(const std::string& line) override { observer_.note(note_ + line); }
  bool should_stop() override { return observer_.should_stop(); }

 private:
  Observer& observer_;
  std::string work_, note_;
};

}  // namespace frontier
