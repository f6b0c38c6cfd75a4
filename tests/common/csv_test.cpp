#include "common/csv.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "common/rng.h"
#include "common/text.h"
#include "support/messages.h"

namespace frontier {
namespace {

using Rows = std::vector<std::vector<std::string>>;

/// Gives at most `step` bytes at a time, so that every place of the text is once the end of a piece.
ByteSource in_pieces(std::string_view text, std::size_t step) {
  return [source = bytes_of(text), step](std::span<char> out) { return source(out.first(std::min(step, out.size()))); };
}

/// The header, then the rows.
Rows read(std::string_view text, std::size_t step = 1 << 20, CsvLimits limits = {}) {
  CsvReader reader("t.csv", in_pieces(text, step), limits);
  Rows rows{reader.header()};
  while (reader.next()) {
    auto& row = rows.emplace_back();
    for (std::size_t c = 0; c < reader.header().size(); ++c) row.emplace_back(reader.cell(c));
  }
  EXPECT_FALSE(reader.next());
  return rows;
}

TEST(CsvReader, ReadsEveryFormOfRfc4180) {
  const Rows plain = {{"a", "b"}, {"1", "2"}};
  EXPECT_EQ(read("a,b\n1,2\n"), plain);
  EXPECT_EQ(read("a,b\n1,2"), plain);
  EXPECT_EQ(read("a,b\r\n1,2\r\n"), plain);
  EXPECT_EQ(read("a,b\r\n1,2\n"), plain);
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "a,b\n1,2\n"),
            plain);
  EXPECT_EQ(read("\"a\",\"b\"\n\"1\",2\n"), plain);
  EXPECT_EQ(read("a,b\n"), (Rows{{"a", "b"}}));
  EXPECT_EQ(read("a,b"), (Rows{{"a", "b"}}));
  EXPECT_EQ(read("a,b\n,\n\"\",\n"), (Rows{{"a", "b"}, {"", ""}, {"", ""}}));
  EXPECT_EQ(read("a\n\n1\n"), (Rows{{"a"}, {""}, {"1"}}));
  EXPECT_EQ(read("a,\"b, \"\"c\"\"\"\n\"x\r\ny\",\"\"\"\"\n"), (Rows{{"a", "b, \"c\""}, {"x\r\ny", "\""}}));
  EXPECT_EQ(read(" a ,b\n 1 , 2\n"), (Rows{{" a ", "b"}, {" 1 ", " 2"}}));
  EXPECT_EQ(read("\xef\xbb\x80,b\n"), (Rows{{"\xef\xbb\x80", "b"}})) << "a letter that begins like the byte order mark";
}

TEST(CsvReader, TakesTabsOrSemicolonsWhereTheHeaderHasNoComma) {
  const Rows plain = {{"a", "b c"}, {"1,5", "2"}};
  for (const std::size_t step : {std::size_t{1}, std::size_t{1} << 20}) {
    EXPECT_EQ(read("a;b c\n1,5;2\n", step), plain);
    EXPECT_EQ(read("a\tb c\r\n1,5\t2\r\n", step), plain);
    EXPECT_EQ(read("\"a\";b c\n\"1,5\";2", step), plain);
    EXPECT_EQ(read("\xef\xbb\xbf"
                   "a;b c\n1,5;2\n",
                   step),
              plain);
  }
  EXPECT_EQ(read("a;x,b\n1,2\n"), (Rows{{"a;x", "b"}, {"1", "2"}})) << "a comma goes first";
  EXPECT_EQ(read("\"a,b\n;\"\tc\n1\t2\n"), (Rows{{"a,b\n;", "c"}, {"1", "2"}})) << "not inside quotes";
  EXPECT_EQ(read("a\n1;2\n"), (Rows{{"a"}, {"1;2"}})) << "one column";
}

// pandas writes its index into a first column without a name.
TEST(CsvReader, ColumnsMayBeWithoutAName) { EXPECT_EQ(read(",a,\n0,1,x\n"), (Rows{{"", "a", ""}, {"0", "1", "x"}})); }

TEST(CsvReader, CountsLinesOfTheFile) {
  CsvReader reader("t.csv", bytes_of("a,b\n\"1\n\n\",2\r\n3,4\n"));
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.line(), 2U);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.line(), 5U);
  EXPECT_EQ(reader.cell(1), "4");
}

TEST(CsvReader, ReadsBackWhatWasWritten) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Rng rng(seed);
    constexpr std::string_view kLetters = "a1,\"\r\n \xc3";
    const std::size_t columns = 1 + rng.below(4);
    Rows rows(1 + rng.below(5));
    std::string text;
    for (auto& row : rows) {
      for (std::size_t c = 0; c < columns; ++c) {
        std::string cell = &row == &rows.front() ? "n" + std::to_string(c) : "";
        for (std::uint64_t n = rng.below(6); n > 0; --n) cell += kLetters[rng.below(kLetters.size())];
        const bool quoted = cell.find_first_of(",\"\r\n") != std::string::npos || rng.below(4) == 0;
        text += c > 0 ? "," : "";
        if (quoted) text += '"';
        for (const char letter : cell) text += quoted && letter == '"' ? "\"\"" : std::string(1, letter);
        if (quoted) text += '"';
        row.push_back(cell);
      }
      text += rng.below(2) == 0 ? "\n" : "\r\n";
    }
    EXPECT_EQ(read(text, 1 + rng.below(7)), rows);
  }
}

TEST(CsvReader, NamesThePlaceOfWhatIsWrong) {
  const struct {
    std::string_view text;
    const char* message;
  } kCases[] = {
      {"", "t.csv is empty; a header line with column names is expected"},
      {"\xef\xbb\xbf", "t.csv is empty"},
      {"\n", "t.csv, line 1: the header names no column"},
      {",,\n1,2,3\n", "t.csv, line 1: the header names no column"},
      {"a;b\n\"1\"x;2\n", "a semicolon or the end of the line is expected"},
      {"a\tb\n\"1\"x\t2\n", "a tab or the end of the line is expected"},
      {"a;b\n1,2\n", "t.csv, line 2: the row has 1 cell; the header has 2"},
      {"a,b,a\n", "t.csv, line 1: the header names column 'a' twice"},
      {"a,\"a\"\n", "t.csv, line 1: the header names column 'a' twice"},
      {"a,b\n1,2\n1\n", "t.csv, line 3: the row has 1 cell; the header has 2"},
      {"a,b,c\n1,2", "t.csv, line 2: the row has 2 cells; the header has 3"},
      {"a,b\n1,2,3\n", "t.csv, line 2, character 4: the row has more cells than the header, which has 2"},
      {"a,b\n1,2,\n", "t.csv, line 2, character 4: the row has more cells"},
      {"a,b\n1,2\n\n", "t.csv, line 3: the line is empty; the header has 2"},
      {"a,b\n\"1\n\",2\n3", "t.csv, line 4: the row has 1 cell"},
      {"a,b\n1\"x,2\n", "t.csv, line 2, character 2: a quote inside a cell that does not begin with one"},
      {"a,b\n1, \"x\"\n", "t.csv, line 2, character 4: a quote inside a cell"},
      {"a,b\n\"1\"x,2\n",
       "t.csv, line 2, character 4: after the quote that ends a cell, a comma or the end of the line"},
      {"a,b\n\"1\" ,2\n", "not ' '"},
      {"a,b\n\"1\n2\"3,2\n", "t.csv, line 3, character 3: after the quote"},
      {"a,b\n1,\"2\n3\n",
       "t.csv, line 4, character 1: the file ends inside the quoted cell that begins at line 2, "
       "character 3"},
      {"a,b\n1,\"2\"\"", "t.csv, line 2, character 7: the file ends inside the quoted cell"},
      {"a,b\n1,\"", "the file ends inside the quoted cell that begins at line 2, character 3"},
      {"a,\"b", "t.csv, line 1, character 5: the file ends inside"},
      {"a,b\r1,2\r", "t.csv, line 1, character 4: a carriage return without a line feed"},
      {"a,b\n1,2\r", "t.csv, line 2, character 4: a carriage return without a line feed"},
      {"a,b\n1\r,2\n", "t.csv, line 2, character 2: a carriage return"},
      {"a,b\n\"1\"\r2,2\n", "t.csv, line 2, character 4: a carriage return"},
      {std::string_view("a,b\n1,\0\n", 8), "t.csv, line 2, character 3: a NUL byte"},
      {std::string_view("a,b\n1,\"\0\"\n", 10), "t.csv, line 2, character 4: a NUL byte"},
      {std::string_view("\xff\xfe"
                        "a\0,\0b\0\n\0",
                        10),
       "t.csv, line 1, character 4: a NUL byte"},
  };
  for (const auto& [text, message] : kCases)
    for (const std::size_t step : {std::size_t{1}, std::size_t{1} << 20}) {
      SCOPED_TRACE(printable(text));
      EXPECT_THROWS_WITH(read(text, step), UsageError, message);
    }
}

TEST(CsvReader, KeepsItsLimits) {
  const CsvLimits limits{.max_cell_bytes = 4, .max_row_bytes = 8, .max_columns = 3};
  EXPECT_EQ(read("a,b,c\n1234,1234,\n", 1, limits).size(), 2U);
  EXPECT_THROWS_WITH(read("a,b,c\n1,12345,\n", 1, limits), UsageError,
                     "t.csv, line 2, character 7: the cell is longer than 4 bytes; is a quote missing?");
  EXPECT_THROWS_WITH(read("a,b,c\n1234,1234,1\n", 1, limits), UsageError,
                     "t.csv, line 2, character 11: the row is longer than 8 bytes");
  EXPECT_THROWS_WITH(read("a,b,c,d\n", 1, limits), UsageError, "t.csv, line 1, character 6: more than 3 columns");
  EXPECT_THROWS_WITH(read("a,\"1\n2\n3", 1, limits), UsageError, "t.csv, line 3, character 1: the cell is longer");
}

TEST(CsvReader, HoldsOneRowInMemory) {
  // 64 MiB of rows, made while they are read.
  std::uint64_t given = 0;
  CsvReader reader("t.csv", [&](std::span<char> out) -> std::size_t {
    if (given > std::uint64_t{1} << 26) return 0;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = (given + i) % 4 == 3 ? '\n' : (given + i) % 4 == 1 ? ',' : 'x';
    if (given == 0) out[2] = 'y';
    given += out.size() / 4 * 4;
    return out.size() / 4 * 4;
  });
  std::uint64_t rows = 0;
  while (reader.next()) ++rows;
  EXPECT_EQ(rows, given / 4 - 1);
}

TEST(CsvReader, GivesOnTheSourcesErrors) {
  CsvReader reader("t.csv", [first = true](std::span<char> out) mutable -> std::size_t {
    if (!first) throw UsageError("t.csv.gz: damaged");
    first = false;
    std::copy_n("a\n1\n", 4, out.begin());
    return 4;
  });
  EXPECT_TRUE(reader.next());
  EXPECT_THROWS_WITH(reader.next(), UsageError, "t.csv.gz: damaged");
}

}  // namespace
}  // namespace frontier
