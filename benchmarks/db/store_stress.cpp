// Writers, killed writers and the speed of fronts on one results database:
//
//   store_stress FOLDER FRONTIER [writers] [kills] [fronts]     (all three by default)
//
// FOLDER is an existing folder for the databases, FRONTIER the program. Prints one line a check; exits 1 if one fails.
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "common/errors.h"
#include "common/rng.h"
#include "db/store.h"

namespace {

using namespace frontier;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

bool all_passed = true;

void report(bool passed, const std::string& line) {
  std::printf("%s  %s\n", passed ? "ok  " : "FAIL", line.c_str());
  std::fflush(stdout);
  all_passed = all_passed && passed;
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string fixed(double value, int digits = 2) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// A made-up result; accuracies in steps of 1/10000, so that ties occur.
Evaluation evaluation_of(std::int64_t number) {
  Rng rng(static_cast<std::uint64_t>(number));
  Evaluation e;
  std::string choices;
  for (int d = 0; d < 40; ++d) choices += std::to_string(rng.below(4)) + ",";
  e.architecture.space = "mobile_cnn";
  e.architecture.built_for = "1x28x28/10";
  e.architecture.canonical = choices + std::to_string(number);
  e.architecture.arch = "k3e4se-k5e6-" + choices + std::to_string(number);
  e.architecture.macs = 200000 + static_cast<std::int64_t>(rng.below(4000000));
  e.architecture.params = e.architecture.macs / 20;
  e.protocol = {"supernet", "0123abcd", "fashion_mnist", "search", "10000 images", "recalibrated, 2048 images", 0};
  const double error = 0.1 - 0.02 * static_cast<double>(e.architecture.macs) / 4.2e6 + 0.01 * std::abs(rng.normal());
  e.metrics = {{"top1", static_cast<double>(static_cast<int>(1e4 * (1 - error))) / 1e4}, {"loss", 3 * error}};
  e.seconds = 0.25;
  return e;
}

fs::path fresh(const fs::path& file) {
  for (const char* end : {"", "-wal", "-shm"}) fs::remove(file.string() + end);
  return file;
}

std::string ask_sqlite(const fs::path& file, const char* sql) {
  sqlite3* db = nullptr;
  std::string answer;
  const auto take = [](void* out, int, char** cells, char**) {
    *static_cast<std::string*>(out) = cells[0] == nullptr ? "" : cells[0];
    return 0;
  };
  sqlite3_open(file.c_str(), &db);
  char* error = nullptr;
  if (sqlite3_exec(db, sql, take, &answer, &error) != SQLITE_OK) answer = error;
  sqlite3_close(db);
  return answer;
}

pid_t start(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    work();
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "writer: %s\n", error.what());
    ::_exit(1);
  }
}

void check_writers(const fs::path& folder) {
  constexpr int kWriters = 8;
  constexpr std::int64_t kEach = 5000;
  const fs::path file = fresh(folder / "writers.db");
  const auto started = Clock::now();
  std::vector<pid_t> children;
  for (std::int64_t w = 0; w < kWriters; ++w) {
    children.push_back(start([&] {
      Store store(file.string(), Store::Mode::kReadWrite);
      const std::int64_t run = store.begin_run({.kind = "search", .space = "mobile_cnn"});
      for (std::int64_t i = 0; i < kEach; ++i) {
        Evaluation e = evaluation_of(w * kEach + i);
        e.run = run;
        store.record({&e, 1});
      }
    }));
  }
  int failures = 0;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    failures += status != 0;
  }
  const double seconds = seconds_since(started);
  const std::string count = ask_sqlite(file, "SELECT count(*) FROM evaluations");
  const std::string distinct =
      ask_sqlite(file, "SELECT count(DISTINCT canonical) FROM results WHERE top1 IS NOT NULL AND loss IS NOT NULL");
  const std::string links = ask_sqlite(file, "SELECT count(*) FROM run_evaluations");
  report(failures == 0 && count == "40000" && distinct == "40000" && links == "40000" &&
             ask_sqlite(file, "PRAGMA integrity_check") == "ok",
         "8 processes, 5000 evaluations each, a commit each: " + count + " stored, " + distinct + " distinct, " +
             std::to_string(failures) + " writers failed, " + fixed(seconds, 1) + " s");
}

void check_kills(const fs::path& folder) {
  constexpr int kTimes = 20;
  constexpr int kWriters = 4;
  const fs::path file = fresh(folder / "kills.db");
  Rng rng(7);
  std::vector<std::int64_t> acknowledged;
  bool sound = true;
  for (int time = 0; time < kTimes; ++time) {
    std::vector<pid_t> children;
    std::vector<int> pipes;
    for (int w = 0; w < kWriters; ++w) {
      int ends[2];
      if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
      const std::int64_t first = (time * kWriters + w) * std::int64_t{1000000};
      children.push_back(start([&] {
        Store store(file.string(), Store::Mode::kReadWrite);
        for (std::int64_t i = first;; ++i) {
          const Evaluation e = evaluation_of(i);
          store.record({&e, 1});
          if (::write(ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
        }
      }));
      ::close(ends[1]);
      pipes.push_back(ends[0]);
    }
    std::vector<std::thread> readers;
    std::vector<std::vector<std::int64_t>> seen(kWriters);
    for (int w = 0; w < kWriters; ++w) {
      readers.emplace_back([&, w] {
        for (std::int64_t i = 0; ::read(pipes[w], &i, sizeof i) == sizeof i;) seen[w].push_back(i);
        ::close(pipes[w]);
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + rng.below(180)));
    for (const pid_t child : children) ::kill(child, SIGKILL);
    for (const pid_t child : children) ::waitpid(child, nullptr, 0);
    for (auto& reader : readers) reader.join();
    for (const auto& numbers : seen) acknowledged.insert(acknowledged.end(), numbers.begin(), numbers.end());
    sound = sound && ask_sqlite(file, "PRAGMA integrity_check") == "ok" &&
            ask_sqlite(file, "PRAGMA foreign_key_check").empty();
  }
  const Store store(file.string(), Store::Mode::kReadOnly);
  std::size_t lost = 0;
  for (const std::int64_t i : acknowledged) {
    const Evaluation e = evaluation_of(i);
    const auto found = store.find(e.architecture.space, e.architecture.built_for, e.architecture.canonical, e.protocol);
    lost += !found || found->metrics != e.metrics;
  }
  report(sound && lost == 0 && !acknowledged.empty(),
         "20 times kill -9 of 4 writers: integrity " + std::string(sound ? "ok" : "BROKEN") + ", " +
             std::to_string(acknowledged.size()) + " acknowledged results, " + std::to_string(lost) + " lost, " +
             ask_sqlite(file, "SELECT count(*) FROM evaluations") + " stored");
}

void evict(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY);
  if (fd < 0) return;
  ::fsync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  char buffer[65536];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
  if (::pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return text;
}

/// Cold: neither the program's process nor the file's pages are in memory.
void check_front(const fs::path& folder, const std::string& program, std::int64_t rows, double allowed) {
  const fs::path file = fresh(folder / ("front_" + std::to_string(rows) + ".db"));
  std::vector<std::pair<std::int64_t, double>> points;
  {
    Store store(file.string(), Store::Mode::kReadWrite);
    const auto started = Clock::now();
    for (std::int64_t i = 0; i < rows;) {
      std::vector<Evaluation> batch;
      for (; i < rows && batch.size() < 5000; ++i) {
        batch.push_back(evaluation_of(i));
        points.emplace_back(batch.back().architecture.macs, batch.back().metrics["top1"]);
      }
      store.record(batch);
    }
    std::printf("      %lld evaluations stored in %.1f s\n", static_cast<long long>(rows), seconds_since(started));
  }
  const std::string command =
      "'" + program + "' pareto --objectives top1:max,macs:min --json --db '" + file.string() + "'";
  evict(file);
  const auto started = Clock::now();
  const std::string text = output_of(command);
  const double cold = seconds_since(started);
  double best = cold;
  for (int i = 0; i < 3; ++i) {
    const auto again = Clock::now();
    output_of(command);
    best = std::min(best, seconds_since(again));
  }
  // The oracle: a point is on the front if no other is as cheap and as good, and one of both strictly.
  std::size_t expected = 0;
  auto by_macs = points;
  std::sort(by_macs.begin(), by_macs.end());
  if (rows <= 20000) {
    for (const auto& p : points)
      expected += std::none_of(points.begin(), points.end(),
                               [&](const auto& q) { return q.first <= p.first && q.second >= p.second && q != p; });
  } else {
    double top = -1;
    for (std::size_t i = 0; i < by_macs.size();) {
      std::size_t end = i;
      while (end < by_macs.size() && by_macs[end].first == by_macs[i].first) ++end;
      const double best_here = by_macs[end - 1].second;
      for (std::size_t k = i; k < end; ++k) expected += best_here > top && by_macs[k].second == best_here;
      top = std::max(top, best_here);
      i = end;
    }
  }
  const std::size_t found = nlohmann::json::parse(text)["results"].size();
  report(cold < allowed && found == expected,
         "front of " + std::to_string(rows) + " rows by the program: " + fixed(1000 * cold, 0) + " ms cold, " +
             fixed(1000 * best, 0) + " ms warm (allowed " + fixed(1000 * allowed, 0) + "), " + std::to_string(found) +
             " members, expected " + std::to_string(expected));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: store_stress FOLDER FRONTIER [writers] [kills] [fronts]\n");
    return 2;
  }
  const fs::path folder = argv[1];
  const auto wanted = [&](std::string_view name) {
    return argc == 3 || std::find(argv + 3, argv + argc, name) != argv + argc;
  };
  try {
    if (wanted("writers")) check_writers(folder);
    if (wanted("kills")) check_kills(folder);
    if (wanted("fronts")) {
      check_front(folder, argv[2], 10000, 0.05);
      check_front(folder, argv[2], 1000000, 1.5);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "store_stress: %s\n", error.what());
    return 1;
  }
  return all_passed ? 0 : 1;
}
