#include "common/shell.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>

namespace frontier {
namespace {

/// What a shell makes of `echo` with this word, without the end of the line.
std::string echoed(const std::string& word) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(("printf '%s' " + word).c_str(), "r"), ::pclose);
  std::string text;
  for (int c = 0; (c = std::fgetc(pipe.get())) != EOF;) text += static_cast<char>(c);
  return text;
}

TEST(ShellQuoted, ComesBackFromTheShell) {
  for (const char* word : {"plain", "runs/a.b-c_d:e,f", "", "two words", "it's", "''", "$(touch x) `y` $HOME",
                           "a\\b\"c", "*?[~]", "{\"lr\": 0.1}", "-x", "k3 | k5", "a\nb", "=x", "#x", "!x"})
    EXPECT_EQ(echoed(shell_quoted(word)), word);
}

TEST(ShellQuoted, LeavesPlainWordsAsTheyAre) {
  EXPECT_EQ(shell_quoted("top1:max,macs:min"), "top1:max,macs:min");
  EXPECT_EQ(shell_quoted("runs/supernet-2"), "runs/supernet-2");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted(""), "''");
}

}  // namespace
}  // namespace frontier
