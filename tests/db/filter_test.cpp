#include "db/filter.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "db/pareto.h"
#include "support/messages.h"

namespace frontier {
namespace {

TEST(Where, ReadsConditionsAndUnits) {
  EXPECT_EQ(parse_where("macs<=4M and top1 > 0.9 AND params!=600k\n and seed = -3 and x.y-z/w>=1.5e-3 and seconds<2"),
            (std::vector<Condition>{{"macs", Comparison::kLessOrEqual, 4e6},
                                    {"top1", Comparison::kGreater, 0.9},
                                    {"params", Comparison::kNotEqual, 6e5},
                                    {"seed", Comparison::kEqual, -3},
                                    {"x.y-z/w", Comparison::kGreaterOrEqual, 1.5e-3},
                                    {"seconds", Comparison::kLess, 2}}));
  EXPECT_TRUE(parse_where("").empty());
  EXPECT_TRUE(parse_where("  \t").empty());
}

TEST(Where, RefusesTheRestWithItsPosition) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"macs", "position 5: expected one of < <= > >= = !=, but the text ends"},
      {"macs 4M", "position 6: expected one of < <= > >= = !=, not '4M'"},
      {"macs<=", "position 7: expected a number like 0.9, 300000, 600k or 4M, but the text ends"},
      {"macs<=x", "position 7: expected a number"},
      {"macs<=4Q", "position 7: expected a number"},
      {"macs<=4MB", "position 7: expected a number"},
      {"macs<=nan", "position 7: expected a number"},
      {"macs<=1e999", "position 7: expected a number"},
      {"macs==4M", "position 6: expected a number"},
      {"<=4M", "position 1: expected a field"},
      {"macs<=4M top1>0.9", "position 10: expected 'and' or the end, not 'top1>0.9'"},
      {"macs<=4M or top1>0.9", "position 10: expected 'and' or the end"},
      {"macs<=4M and", "position 13: expected a field (macs, params, seconds, seed or a metric), but the text ends"},
      {"macs<=4M; DROP TABLE runs", "position 9: expected 'and' or the end, not '; DROP TABLE runs'"},
      {"1=1", "position 1: expected a field"},
      {"macs<=(SELECT 1)", "position 7: expected a number"},
      {"macs<='4'", "position 7: expected a number"},
      {"\"macs\"<=4", "position 1: expected a field"},
      {"macs<=4 --", "position 9: expected 'and' or the end"},
      {"macs<=4 /* x */", "position 9: expected 'and' or the end"},
      {"macs\x01<=4", "not '\\x01<=4'"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(text);
    EXPECT_THROWS_WITH(parse_where(text), UsageError, message);
  }
  EXPECT_THROWS_WITH(parse_where(std::string_view("macs<=4\0", 8)), UsageError, "not '\\x00'");
  EXPECT_THROWS_WITH(parse_where(std::string(1000000, '(')), UsageError, "position 1");
}

TEST(Objectives, ReadNamesAndDirections) {
  EXPECT_EQ(parse_objectives("top1:max, macs:min"),
            (std::vector<Objective>{{"top1", Direction::kMax}, {"macs", Direction::kMin}}));
  for (const char* text :
       {"", "top1", "top1:", ":max", "top1:up", "top1:max,", "top 1:max", "top1:max;macs:min", "a'b:min"})
    EXPECT_THROWS_WITH(parse_objectives(text), UsageError, "write name:min or name:max");
  EXPECT_THROWS_WITH(parse_objectives("top1:max,top1:min"), UsageError, "objective 'top1' is given twice");
}

}  // namespace
}  // namespace frontier
