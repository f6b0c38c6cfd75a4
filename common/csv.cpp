#include "common/csv.h"

#include <algorithm>
#include <unordered_set>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 16;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

ByteSource bytes_of(std::string_view text) {
  return [text](std::span<char> out) mutable {
    const std::size_t count = std::min(out.size(), text.size());
    std::copy_n(text.begin(), count, out.begin());
    text.remove_prefix(count);
    return count;
  };
}

CsvReader::CsvReader(std::string name, ByteSource source, CsvLimits limits)
    : RowReader(printable(name, 1000)), source_(std::move(source)), limits_(limits), buffer_(kBuffer) {
  find_separator();
  if (!read_row(limits_.max_columns))
    throw UsageError(name_ + " is empty; a header line with column names is expected");
  std::unordered_set<std::string_view> seen;
  for (std::size_t c = 0; c < ends_.size(); ++c) {
    const std::string_view title = cell(c);
    if (!title.empty() && !seen.insert(title).second)
      fail_row("the header names column '" + printable(title) + "' twice; each column needs a name of its own");
    header_.emplace_back(title);
  }
  if (seen.empty()) fail_row("the header names no column");
}

/// Fills the buffer with the header line, as far as it goes in, passes over a byte order mark, and looks at what stands
/// between names: the first of comma, tab and semicolon that is there outside quotes.
void CsvReader::find_separator() {
  constexpr std::string_view kSeparators = ",\t;";
  std::size_t found = kSeparators.size(), seen = 0;
  bool in_quotes = false, ended = false;
  for (std::size_t got = 1; got > 0 && !ended && filled_ < buffer_.size();) {
    got = source_(std::span(buffer_).subspan(filled_));  // it may come in small pieces
    filled_ += got;
    for (; seen < filled_ && !ended; ++seen) {
      const char c = buffer_[seen];
      in_quotes ^= c == '"';
      if (!in_quotes) found = std::min(found, kSeparators.find(c));
      ended = c == '\n' && !in_quotes;
    }
  }
  if (found < kSeparators.size()) separator_ = kSeparators[found];
  if (std::string_view(buffer_.data(), filled_).starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

void CsvReader::fail(const std::string& what) const {
  throw UsageError(name_ + ", line " + std::to_string(line_) + ", character " + std::to_string(character_) + ": " +
                   what);
}

void CsvReader::fail_row(const std::string& what) const {
  throw UsageError(name_ + ", line " + std::to_string(row_line_) + ": " + what);
}

bool CsvReader::fill() {
  at_ = 0;
  filled_ = source_(buffer_);
  return filled_ > 0;
}

void CsvReader::take() {
  if (buffer_[at_++] == '\n') {
    ++line_;
    character_ = 1;
  } else {
    ++character_;
  }
}

void CsvReader::keep(char c) {
  if (c == '\0') fail("a NUL byte; a table is text (UTF-8, not UTF-16)");
  const std::size_t begin = ends_.empty() ? 0 : ends_.back();
  if (row_.size() - begin >= limits_.max_cell_bytes)
    fail("the cell is longer than " + std::to_string(limits_.max_cell_bytes) + " bytes; is a quote missing?");
  if (row_.size() >= limits_.max_row_bytes)
    fail("the row is longer than " + std::to_string(limits_.max_row_bytes) + " bytes; is a quote missing?");
  row_ += c;
  take();
}

void CsvReader::read_quoted() {
  const std::string begin = "line " + std::to_string(line_) + ", character " + std::to_string(character_);
  take();
  for (;;) {
    const int c = peek();
    if (c < 0) fail("the file ends inside the quoted cell that begins at " + begin);
    if (c != '"') {
      keep(static_cast<char>(c));
      continue;
    }
    take();
    if (peek() != '"') return;
    keep('"');
  }
}

void CsvReader::read_plain() {
  for (;;) {
    const int c = peek();
    if (c < 0 || c == separator_ || c == '\n' || c == '\r') return;
    if (c == '"')
      fail("a quote inside a cell that does not begin with one; quote the whole cell and double this quote");
    keep(static_cast<char>(c));
  }
}

/// True if another cell of the row follows.
bool CsvReader::end_cell(std::size_t most_cells) {
  ends_.push_back(row_.size());
  const int c = peek();
  if (c == separator_) {
    if (ends_.size() == most_cells)
      fail(header_.empty() ? "more than " + std::to_string(most_cells) + " columns"
                           : "the row has more cells than the header, which has " + std::to_string(most_cells));
    take();
    return true;
  }
  if (c == '\r') {
    take();
    if (peek() != '\n') {
      --character_;
      fail("a carriage return without a line feed; lines end with LF or CRLF");
    }
  } else if (c >= 0 && c != '\n') {
    fail("after the quote that ends a cell, " +
         std::string(separator_ == ','   ? "a comma"
                     : separator_ == ';' ? "a semicolon"
                                         : "a tab") +
         " or the end of the line is expected, not '" + printable(std::string(1, static_cast<char>(c))) +
         "'; a quote inside a quoted cell is doubled");
  }
  if (peek() == '\n') take();
  return false;
}

bool CsvReader::read_row(std::size_t most_cells) {
  row_.clear();
  ends_.clear();
  row_line_ = line_;
  if (peek() < 0) return false;
  do {
    peek() == '"' ? read_quoted() : read_plain();
  } while (end_cell(most_cells));
  return true;
}

bool CsvReader::next() {
  if (!read_row(header_.size())) return false;
  if (ends_.size() < header_.size())
    fail_row((row_.empty() && ends_.size() == 1
                  ? "the line is empty"
                  : "the row has " + std::to_string(ends_.size()) + (ends_.size() == 1 ? " cell" : " cells")) +
             "; the header has " + std::to_string(header_.size()));
  return true;
}

std::string_view CsvReader::cell(std::size_t column) const {
  const std::size_t begin = column == 0 ? 0 : ends_[column - 1];
  return std::string_view(row_).substr(begin, ends_[column] - begin);
}

}  // namespace frontier
