#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace frontier {

/// Fills the front of `out` and says how much; 0 at the end.
using ByteSource = std::function<std::size_t(std::span<char> out)>;

/// The bytes of a text, which must outlive the source.
ByteSource bytes_of(std::string_view text);

/// What a table may hold at most; a row is all that is in memory at once.
struct CsvLimits {
  std::size_t max_cell_bytes = std::size_t{1} << 20;
  std::size_t max_row_bytes = std::size_t{1} << 22;
  std::size_t max_columns = 10'000;
};

/// The header line and the rows of a table, whatever its form. Thread-safety: none.
class RowReader {
 public:
  virtual ~RowReader() = default;
  const std::string& name() const { return name_; }
  /// Names of the columns; empty for a column without one, which nobody can ask for.
  const std::vector<std::string>& header() const { return header_; }

  /// The next row; false at the end. What cell() gave before is no longer valid.
  virtual bool next() = 0;
  /// One of header().size() cells of the row.
  virtual std::string_view cell(std::size_t column) const = 0;
  /// Where the row is, and how messages say it: "line 3".
  virtual std::uint64_t row() const = 0;
  virtual std::string place(std::uint64_t row) const = 0;

 protected:
  explicit RowReader(std::string name) : name_(std::move(name)) {}
  std::string name_;
  std::vector<std::string> header_;
};

/// Reads comma-separated values row by row: RFC 4180 with a header line. Cells may be quoted (then commas, line ends
/// and doubled quotes stand for themselves), lines end with LF or CRLF, the last one also without; a UTF-8 byte order
/// mark is skipped. A header without commas may have tabs or, without those, semicolons in their place. Strict: what
/// RFC 4180 does not allow is refused, never guessed at. Every failure is a UsageError that names the file and the
/// line, and where one character is wrong, its place in the line (in bytes). Thread-safety: none.
class CsvReader final : public RowReader {
 public:
  /// Reads the header. @param name of the file, for messages.
  /// @throws UsageError if there is none, no column has a name, or a name is there twice.
  CsvReader(std::string name, ByteSource source, CsvLimits limits = {});

  bool next() override;
  std::string_view cell(std::size_t column) const override;
  /// The line, counted from 1, on which the row begins.
  std::uint64_t line() const { return row_line_; }
  std::uint64_t row() const override { return row_line_; }
  std::string place(std::uint64_t row) const override { return "line " + std::to_string(row); }

 private:
  void find_separator();
  bool fill();
  bool read_row(std::size_t most_cells);
  void read_quoted();
  void read_plain();
  bool end_cell(std::size_t most_cells);
  int peek() { return at_ < filled_ || fill() ? static_cast<unsigned char>(buffer_[at_]) : -1; }
  void take();
  void keep(char c);
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_row(const std::string& what) const;

  ByteSource source_;
  CsvLimits limits_;
  char separator_ = ',';
  std::vector<char> buffer_;
  std::size_t at_ = 0, filled_ = 0;
  std::string row_;                ///< the cells of the row one after another, unquoted
  std::vector<std::size_t> ends_;  ///< where each cell ends in row_
  std::uint64_t row_line_ = 0;
  std::uint64_t line_ = 1, character_ = 1;  ///< of the byte at at_
};

}  // namespace frontier
