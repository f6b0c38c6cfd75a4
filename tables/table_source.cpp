#include "tables/table_source.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 30;

class JsonRows final : public RowReader {
 public:
  JsonRows(const std::string& name, const nlohmann::json& table) : RowReader(name) {
    table.is_array() ? take_objects(table) : take_columns(table);
    if (header_.empty()) throw UsageError(name_ + " names no column");
  }

  bool next() override { return ++row_ <= rows_.size(); }
  std::string_view cell(std::size_t column) const override {
    const auto& cells = rows_[row_ - 1];
    return column < cells.size() ? std::string_view(cells[column]) : std::string_view();
  }
  std::uint64_t row() const override { return row_; }
  std::string place(std::uint64_t row) const override { return "row " + std::to_string(row); }

 private:
  [[noreturn]] void fail(std::size_t row, const std::string& what) const {
    throw UsageError(name_ + ", " + place(row) + what);
  }

  std::string text_of(const nlohmann::json& value, std::size_t row, const std::string& column) const {
    if (value.is_structured())
      fail(row,
           ", column '" + printable(column) + "': expected a text or a number, saw " + printable(value.dump(), 40));
    return value.is_null() ? "" : value.is_string() ? value.get<std::string>() : value.dump();
  }

  std::size_t column_of(const std::string& name) {
    const auto [place, is_new] = places_.try_emplace(name, header_.size());
    if (is_new) header_.push_back(name);
    return place->second;
  }

  void take_objects(const nlohmann::json& table) {
    for (const auto& object : table) {
      auto& cells = rows_.emplace_back();
      if (!object.is_object()) fail(rows_.size(), ": expected an object, saw " + printable(object.dump(), 40));
      for (const auto& [name, value] : object.items()) {
        const std::size_t column = column_of(name);
        cells.resize(std::max(cells.size(), column + 1));
        cells[column] = text_of(value, rows_.size(), name);
      }
    }
  }

  void take_columns(const nlohmann::json& table) {
    for (const auto& [name, column] : table.items()) {
      if (!column.is_structured())
        throw UsageError(name_ + ": expected an array of objects, or an object of columns; saw '" + printable(name) +
                         "': " + printable(column.dump(), 40));
      if (!header_.empty() && column.size() != rows_.size())
        throw UsageError(name_ + ": column '" + printable(name) + "' has " + std::to_string(column.size()) +
                         " rows, column '" + printable(header_.front()) + "' has " + std::to_string(rows_.size()));
      rows_.resize(column.size());
      check_keys(table.front(), column, name);
      header_.push_back(name);
      std::size_t row = 0;
      for (const auto& value : column) {
        rows_[row].push_back(text_of(value, row + 1, name));
        ++row;
      }
    }
  }

  /// Columns with a key a row must have the same ones.
  void check_keys(const nlohmann::json& first, const nlohmann::json& column, const std::string& name) const {
    bool same = first.is_array() == column.is_array();
    if (same && column.is_object())
      same = std::equal(first.items().begin(), first.items().end(), column.items().begin(),
                        [](const auto& a, const auto& b) { return a.key() == b.key(); });
    if (!same)
      throw UsageError(name_ + ": column '" + printable(name) + "' has other rows than column '" +
                       printable(header_.empty() ? name : header_.front()) + "'");
  }

  std::map<std::string, std::size_t> places_;  ///< of columns, by name
  std::vector<std::vector<std::string>> rows_;
  std::size_t row_ = 0;  ///< counted from 1; 0: before the first
};

/// What the source still gives, behind `start`.
std::string all_of(const TableSource& source, std::string text) {
  std::vector<char> piece(std::size_t{1} << 16);
  while (const std::size_t got = source.bytes(piece)) {
    text.append(piece.data(), got);
    if (text.size() > kMostBytes)
      throw UsageError(printable(source.name, 1000) + ": JSON of more than 1 GiB; a table of this size is read as CSV");
  }
  return text;
}

}  // namespace

std::unique_ptr<RowReader> open_table(TableSource source) {
  constexpr std::string_view kSkipped = "\xef\xbb\xbf \t\r\n";  // a byte order mark, blanks
  std::string start;
  std::vector<char> piece(512);
  std::size_t first = std::string::npos;
  while (first == std::string::npos && start.size() < 4096) {
    const std::size_t got = source.bytes(piece);
    if (got == 0) break;
    start.append(piece.data(), got);
    first = start.find_first_not_of(kSkipped);
  }
  if (first != std::string::npos && (start[first] == '[' || start[first] == '{')) {
    const std::string name = printable(source.name, 1000);
    return std::make_unique<JsonRows>(name, parse_json(all_of(source, std::move(start)), name));
  }
  return std::make_unique<CsvReader>(source.name,
                                     [start = std::move(start), bytes = std::move(source.bytes),
                                      at = std::size_t{0}](std::span<char> out) mutable -> std::size_t {
                                       if (at == start.size()) return bytes(out);
                                       const std::size_t count = std::min(out.size(), start.size() - at);
                                       std::copy_n(start.begin() + static_cast<std::ptrdiff_t>(at), count, out.begin());
                                       at += count;
                                       return count;
                                     });
}

}  // namespace frontier
