#include "common/csv.h"

#include <algorithm>

#include "fuzz/properties.h"
#include "fuzz/readers.h"

namespace frontier::fuzz {
namespace {

using Rows = std::vector<std::vector<std::string>>;

/// The header and the rows; where the table is refused, nothing and why.
struct Table {
  std::optional<Rows> rows = {};
  std::string refusal = {};
  bool operator==(const Table&) const = default;
};

/// Gives 1, 2, ... `most`, 1, 2, ... bytes at a time.
ByteSource in_pieces(std::string_view text, std::size_t most) {
  return [text, most, next = std::size_t{0}](std::span<char> out) mutable {
    const std::size_t count = std::min({out.size(), text.size(), next++ % most + 1});
    std::copy_n(text.begin(), count, out.begin());
    text.remove_prefix(count);
    return count;
  };
}

Table read_table(ByteSource source, const CsvLimits& limits) {
  Table table;
  table.rows = accepted(
      [&] {
        CsvReader reader("table.csv", std::move(source), limits);
        Rows rows{reader.header()};
        for (std::uint64_t line = reader.line(); reader.next(); line = reader.line()) {
          require(reader.line() > line, "a row begins no later than the one before it");
          auto& row = rows.emplace_back();
          for (std::size_t c = 0; c < reader.header().size(); ++c) row.emplace_back(reader.cell(c));
        }
        require(!reader.next(), "a row behind the last one");
        return rows;
      },
      [&](std::string_view message) {
        require(message.starts_with("table.csv, line ") || message.starts_with("table.csv is empty"),
                "a refusal names no place", message);
        table.refusal = message;
      });
  return table;
}

std::string quoted(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      text += c > 0 ? ",\"" : "\"";
      for (const char byte : row[c]) text.append(byte == '"' ? 2 : 1, byte);
      text += '"';
    }
    text += "\r\n";
  }
  return text;
}

void check_limits(const Rows& rows, const CsvLimits& limits) {
  for (const auto& row : rows) {
    std::size_t bytes = 0;
    for (const auto& cell : row) {
      require(cell.size() <= limits.max_cell_bytes, "a cell is longer than allowed");
      require(cell.find('\0') == std::string::npos, "a cell holds a NUL byte");
      bytes += cell.size();
    }
    require(bytes <= limits.max_row_bytes && row.size() <= limits.max_columns, "a row is longer than allowed");
  }
}

void check_csv(std::string_view input) {
  const CsvLimits generous, narrow{.max_cell_bytes = 12, .max_row_bytes = 20, .max_columns = 4};
  for (const CsvLimits& limits : {generous, narrow}) {
    const Table table = read_table(bytes_of(input), limits);
    require(read_table(in_pieces(input, 3), limits) == table, "read in pieces, the table is another one");
    if (!table.rows) continue;
    check_limits(*table.rows, limits);
    for (const auto& row : *table.rows) require(row.size() == table.rows->front().size(), "a row of another width");
    const std::string again = quoted(*table.rows);
    require(read_table(bytes_of(again), limits).rows == table.rows, "written with quotes, the table is another one",
            again);
  }
}

}  // namespace

Harness csv_harness() {
  return {.check = check_csv,
          .seeds = {"a,b\n1,2\n", "a,b\r\n\"1,\"\"x\"\"\",\"\n\"\r\n",
                    "\xef\xbb\xbf"
                    "a\n\"\"",
                    "a,b\n1\n", "a,a\n", "a\n1\n\n2\n", "a,b,c,d,e\n", "a\n0123456789abcdef\n", "\"a\"b\n", "a\rb\n",
                    "\xff\xfe"
                    "a"},
          .tokens = {"\r\n", "\"\"", "\",\"", "\"\n", ",\"", "\xef\xbb\xbf", "\r", "a,b", std::string(1, '\0')},
          .max_length = 512};
}

}  // namespace frontier::fuzz
