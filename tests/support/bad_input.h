#pragma once

// What the two tables of wrong input share: a case, and what must hold for each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/program.h"

namespace frontier::testing_support {

struct BadInput {
  std::string name;  ///< for the failure message
  std::vector<std::string> arguments;
  int exit_code;                   ///< 2: the input was wrong, 1: it failed while running
  std::vector<std::string> words;  ///< which the message must hold
};

/// "frontier: error: ..." in one line, and nothing that was meant for developers.
inline void expect_one_clear_message(const std::string& err) {
  EXPECT_THAT(err, ::testing::StartsWith("frontier: error: "));
  // Where a message goes on with a table, its lines begin with two blanks.
  for (std::size_t at = err.find('\n'); at + 1 < err.size(); at = err.find('\n', at + 1))
    EXPECT_EQ(err.substr(at + 1, 2), "  ") << err;
  EXPECT_EQ(err.empty() ? '\0' : err.back(), '\n');
  EXPECT_LT(err.size(), 2000U);
  for (const char* noise :
       {"terminate", "what()", "frame #", "json.exception", "Exception raised", "basic_string", "filesystem error"})
    EXPECT_THAT(err, ::testing::Not(::testing::HasSubstr(noise)));
}

inline void expect_refused(const Outcome& outcome, const BadInput& wrong) {
  EXPECT_EQ(outcome.exit_code, wrong.exit_code);
  EXPECT_EQ(outcome.out, "");
  expect_one_clear_message(outcome.err);
  for (const auto& word : wrong.words) EXPECT_THAT(outcome.err, ::testing::HasSubstr(word));
}

/// Path and checksum of every file below `folder`.
inline std::map<std::string, std::string> checksums(const std::filesystem::path& folder) {
  std::map<std::string, std::string> sums;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) sums[entry.path().string()] = crc32_hex(read_file(entry.path()));
  return sums;
}

/// Cases that share files, made once by the derived suite.
class BadInputTest : public ::testing::Test {
 protected:
  static void TearDownTestSuite() { folder_.reset(); }

  /// Nothing in the folder changes either.
  static void expect_all_refused(const std::vector<BadInput>& cases) {
    const auto before = checksums(folder_->path());
    for (const BadInput& wrong : cases) {
      SCOPED_TRACE(wrong.name);
      expect_refused(Program(folder_->path().string()).run(wrong.arguments), wrong);
      EXPECT_EQ(checksums(folder_->path()), before);
    }
  }

  static inline std::unique_ptr<testing::TemporaryFolder> folder_;
};

/// Text of `levels` nested lists.
inline std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

}  // namespace frontier::testing_support
