#include "common/table.h"

#include <gtest/gtest.h>

#include "common/text.h"

namespace frontier {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirCells) {
  Table table({{"name"}, {"top1", Align::kRight}, {"arch"}});
  table.add({"a", "0.5", "x y"});
  table.add({"longer", "12.25", "z"});
  EXPECT_EQ(table.text(),
            "name     top1  arch\n"
            "a         0.5  x y\n"
            "longer  12.25  z\n");
}

TEST(Table, AnEndlessNameIsCutAndWidensNoOtherLine) {
  Table table({{"name"}, {"number", Align::kRight}, {"arch"}});
  table.add({"a", "1", "x"});
  table.add({std::string(20'000, 'n'), "2", std::string(5000, 'y')});
  const auto lines = split(table.text(), '\n');
  EXPECT_EQ(lines[1], "a          1  x");
  EXPECT_EQ(lines[2], std::string(200, 'n') + "...       2  " + std::string(5000, 'y'))
      << "what must be typed again, the last cell, is whole";
}

TEST(Table, ShowsWhatWouldMoveATerminalsCursor) {
  Table table({{"name"}, {"arch"}});
  table.add({"a\x1b[2J\nb", "c\u202ed"});
  EXPECT_EQ(split(table.text(), '\n')[1], "a\\x1b[2J\\x0ab  c\\u202ed");
}

}  // namespace
}  // namespace frontier
