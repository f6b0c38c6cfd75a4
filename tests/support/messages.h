#pragma once

#include <gmock/gmock.h>

#include <string>

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
