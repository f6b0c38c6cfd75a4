#include "apps/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "apps/output.h"
#include "common/text.h"

namespace frontier {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

/// Whether stderr is a terminal that can go back to the start of a line and clear it.
bool is_drawn_on() {
  const char* kind = std::getenv("TERM");
  return ::isatty(2) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

/// Of the terminal that stderr is, which may change while the program runs.
std::size_t num_columns() {
  winsize size{};
  return ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

void on_signal(int signal) {
  const bool is_asked_twice = g_interrupted != 0 && signal != SIGUSR1 && signal != SIGHUP;
  if (is_asked_twice) ::_exit(128 + signal);
  g_interrupted = 1;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  // A terminal that closes, and what batch systems send before the time is up.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (signal == SIGHUP && before.sa_handler == SIG_IGN) continue;  // nohup
    ::sigaction(signal, &action, nullptr);
  }
}

bool interrupted() { return g_interrupted != 0; }

Progress::Progress(std::string label, std::int64_t total, std::string unit, bool quiet)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      quiet_(quiet),
      terminal_(is_drawn_on()),
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
  const Work work =
      work_ ? *work_ : Work{static_cast<double>(first_), static_cast<double>(done), static_cast<double>(total_)};
  const std::string time = last ? format_seconds(seconds)
                           : work.done > work.first
                               ? format_seconds(seconds * (work.total - work.done) / (work.done - work.first)) + " left"
                               : "";
  const std::string numbers =
      std::to_string(done) + "/" + std::to_string(total_) + ", " + format_rate(rate, unit_) + ", ";
  std::string line = label_ + ": ";
  const std::string behind = numbers + time + (detail.empty() ? "" : "  " + detail);
  if (terminal_) {
    constexpr std::size_t kBar = 24, kFrame = 3;
    const std::size_t columns = num_columns();
    if (line.size() + kBar + kFrame + behind.size() < columns) {
      const auto filled = std::min(kBar, static_cast<std::size_t>(total_ > 0 ? done * kBar / total_ : kBar));
      line += "[" + std::string(filled, '#') + std::string(kBar - filled, '.') + "] ";
    }
    // A line that wraps could not be drawn over.
    std::fprintf(stderr, "\r\x1b[K%s", (line + behind).substr(0, columns - 1).c_str());
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%s\n", (line + behind).c_str());
  }
}

void Progress::work(double done, double total) { work_ = {work_ ? work_->first : done, done, total}; }

void Progress::finish() {
  if (drawn_) std::fputc('\n', stderr);
  drawn_ = false;
}

ProgressObserver::ProgressObserver(bool quiet, std::function<void(const nlohmann::ordered_json&)> print)
    : quiet_(quiet), print_(std::move(print)) {
  catch_interrupts();
}

void ProgressObserver::begin(const std::string& what, std::int64_t first, std::int64_t total, const std::string& unit) {
  progress_.emplace(what, total, unit, quiet_);
  progress_->start_at(first);
}

void ProgressObserver::progress(std::int64_t done, const std::string& detail) {
  if (progress_) progress_->update(done, detail);
}

void ProgressObserver::result(const nlohmann::ordered_json& document) {
  if (std::exchange(is_shown_, true)) return;
  try {
    print_(document);
  } catch (const std::exception&) {
    failure_ = std::current_exception();
  }
}

void ProgressObserver::finish(const nlohmann::ordered_json& document) {
  result(document);
  if (failure_) std::rethrow_exception(failure_);
}

void ProgressObserver::work(double done, double total) {
  if (progress_) progress_->work(done, total);
}

void ProgressObserver::note(const std::string& line) {
  if (!quiet_) frontier::note(line);
}

}  // namespace frontier
