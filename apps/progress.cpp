#include "apps/progress.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "apps/output.h"
#include "common/text.h"

namespace frontier {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void on_signal(int signal) {
  if (g_interrupted) ::_exit(128 + signal);
  g_interrupted = 1;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return g_interrupted != 0; }

Progress::Progress(std::string label, std::int64_t total, std::string unit, bool quiet)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      quiet_(quiet),
      terminal_(::isatty(2) == 1),
      last_(start_) {}

Progress::~Progress() { finish(); }

void Progress::update(std::int64_t done, const std::string& detail) {
  if (quiet_) return;
  const auto now = Clock::now();
  const bool last = done >= total_;
  const double since = std::chrono::duration<double>(now - last_).count();
  if (!last && since < (terminal_ ? 0.1 : 10.0)) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - first_) / seconds : 0;
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "%lld/%lld, %.3g %s/s, ", static_cast<long long>(done),
                static_cast<long long>(total_), rate, unit_.c_str());
  const std::string time = last       ? format_seconds(seconds)
                           : rate > 0 ? format_seconds(static_cast<double>(total_ - done) / rate) + " left"
                                      : "";
  std::string line = label_ + ": ";
  if (terminal_) {
    constexpr std::int64_t kWidth = 24;
    const auto filled = static_cast<std::size_t>(total_ > 0 ? done * kWidth / total_ : kWidth);
    line += "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "] ";
  }
  line += numbers + time + (detail.empty() ? "" : "  " + detail);
  if (terminal_) {
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

void Progress::finish() {
  if (drawn_) std::fputc('\n', stderr);
  drawn_ = false;
}

ProgressObserver::ProgressObserver(bool quiet) : quiet_(quiet) { catch_interrupts(); }

void ProgressObserver::begin(const std::string& what, std::int64_t first, std::int64_t total, const std::string& unit) {
  progress_.emplace(what, total, unit, quiet_);
  progress_->start_at(first);
}

void ProgressObserver::progress(std::int64_t done, const std::string& detail) {
  if (progress_) progress_->update(done, detail);
}

void ProgressObserver::note(const std::string& line) {
  if (!quiet_) frontier::note(line);
}

}  // namespace frontier
