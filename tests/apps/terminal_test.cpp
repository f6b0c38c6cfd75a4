// What reaches a terminal: narrow ones, those that can draw nothing, and texts of others that would steer them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "common/text.h"
#include "support/program.h"
#include "support/sample_benchmark.h"
#include "support/sample_report_db.h"

namespace frontier {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::Program;

class Terminal : public ::testing::Test {
 protected:
  /// All that the program writes to a terminal of `columns` columns.
  std::string shown(const std::vector<std::string>& arguments, unsigned short columns, const char* kind) const {
    const std::string binary = std::getenv("FRONTIER_BINARY");
    std::vector<const char*> argv{binary.c_str()};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    argv.push_back(nullptr);
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
    if (child == 0) {
      ::setenv("TERM", kind, /*overwrite=*/1);
      if (::chdir(folder_.path().c_str()) != 0) ::_exit(98);
      ::execv(argv[0], const_cast<char**>(argv.data()));
      ::_exit(97);
    }
    std::string text;
    char piece[4096];
    for (;;) {  // the end of a terminal is an error (EIO)
      const ssize_t got = ::read(terminal, piece, sizeof piece);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      text.append(piece, static_cast<std::size_t>(got));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(terminal);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << text;
    return text;
  }
  void write_benchmark_database() const {
    Store store(folder_ / "b.db", Store::Mode::kReadWrite);
    write_benchmark(store);
  }

  frontier::testing::TemporaryFolder folder_;
  /// Long enough to be drawn more than once.
  const std::vector<std::string> search_{"search",     "--evaluator", "benchmark", "--db",     "b.db",       "--split",
                                         "validation", "--searcher",  "evolution", "--budget", "400",        "--repeat",
                                         "2000",       "--threads",   "1",         "--name",   "a long name"};
};

TEST_F(Terminal, ANarrowOneIsDrawnOnInOneLine) {
  write_benchmark_database();
  for (const unsigned short columns : std::vector<unsigned short>{40, 20, 200}) {
    SCOPED_TRACE(columns);
    const std::string text = shown(search_, columns, "xterm");
    std::vector<std::string> drawn;
    for (std::size_t at = text.find("\r\x1b[K"); at != std::string::npos;) {
      const std::size_t next = text.find("\r\x1b[K", at + 1);
      const std::string part = text.substr(at + 4, next == std::string::npos ? next : next - at - 4);
      drawn.push_back(next == std::string::npos ? part.substr(0, part.find("\r\n")) : part);
      at = next;
    }
    ASSERT_FALSE(drawn.empty()) << text;
    for (const std::string& line : drawn) {
      EXPECT_LT(line.size(), columns) << line;
      EXPECT_THAT(line, Not(HasSubstr("\n"))) << "the next would be drawn below it";
      EXPECT_TRUE(line.starts_with("search: ")) << line;
    }
    EXPECT_EQ(drawn.back().find('[') != std::string::npos, columns == 200) << "the bar, where there is room";
  }
}

TEST_F(Terminal, OneThatCanDrawNothingGetsPlainLines) {
  write_benchmark_database();
  for (const char* kind : {"dumb", ""}) {
    const std::string text = shown(search_, 80, kind);
    EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << kind;
    EXPECT_THAT(text, HasSubstr("search: 2000/2000")) << kind;
  }
}

/// A database of somebody else, whose texts would clear the screen, turn the line around, or never end.
TEST_F(Terminal, AForeignDatabaseCannotSteerIt) {
  const std::string clears = "\x1b[2J\x1b]0;owned\x07", turns = "\u202edetsurt\u2066\u200f\u009b2J";
  {
    Store store(folder_ / "b.db", Store::Mode::kReadWrite);
    write_sample(store, {.num_results = 20, .num_steps = 20});
    const std::int64_t run = store.begin_run({.kind = "search" + turns,
                                              .name = clears + std::string(20'000, 'n'),
                                              .space = "mobile_cnn" + clears,
                                              .config = R"({"searcher": "\u001b[2J\u202e"})",
                                              .version = turns});
    store.update_run(run, {.state = RunState::kFailed, .message = clears + turns});
    Evaluation e;
    e.architecture = {"space" + turns, "key" + clears, "1x2x3/4" + turns, "arch" + turns + clears, 5, 6};
    e.protocol = {.evaluator = "made" + clears, .dataset = turns, .split = "x" + turns, .fidelity = clears};
    e.metrics = {{"top1", 0.5}};
    e.run = run;
    store.record(std::span(&e, 1));
  }
  const auto expect_clean = [](const std::string& text, const std::string& what) {
    for (const char* bad : {"\x1b", "\x07", "\u202e", "\u2066", "\u200f", "\u009b"})
      EXPECT_THAT(text, Not(HasSubstr(bad))) << what;
  };
  const std::vector<std::vector<std::string>> commands{
      {"runs", "--db", "b.db"},
      {"pareto", "--db", "b.db", "--mix-protocols"},
      {"pareto", "--db", "b.db", "--space", "space" + turns, "--mix-protocols"},
      {"report", "--db", "b.db", "--out", "r.html"}};
  for (const auto& command : commands) expect_clean(shown(command, 80, "dumb"), command[0]);
  expect_clean(read_file(folder_ / "r.html"), "the report");
  for (const std::string& line : split(shown({"runs", "--db", "b.db"}, 80, "dumb"), '\n'))
    EXPECT_LT(line.size(), 800U) << "a name of 20,000 letters";
}

}  // namespace
}  // namespace frontier
