#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/errors.h"

namespace frontier::testing_support {

/// The work throws a UsageError whose message holds all the words.
template <class Work>
void expect_usage_error(const Work& work, const std::vector<std::string>& words) {
  try {
    work();
    ADD_FAILURE() << "nothing was refused; expected a message with: " << ::testing::PrintToString(words);
  } catch (const UsageError& error) {
    for (const auto& word : words) EXPECT_THAT(std::string(error.what()), ::testing::HasSubstr(word));
  }
}

}  // namespace frontier::testing_support

/// The statement throws `Exception` (or what derives from it) and its message holds `text`.
#define EXPECT_THROWS_WITH(statement, Exception, text)                           \
  do {                                                                           \
    try {                                                                        \
      statement;                                                                 \
      ADD_FAILURE() << #statement " threw nothing";                              \
    } catch (const Exception& error_) {                                          \
      EXPECT_THAT(std::string(error_.what()), ::testing::HasSubstr(text));       \
    } catch (const std::exception& error_) {                                     \
      ADD_FAILURE() << #statement " threw another exception: " << error_.what(); \
    }                                                                            \
  } while (false)
