#pragma once

#include <string>
#include <utility>
#include <vector>

namespace frontier {

enum class Align { kLeft, kRight };

/// Columns aligned by blanks; as wide as their widest cell, but for cells of more than 60 characters, which move the
/// rest of their own line alone. Cells are printable(); all but the last of a line are cut behind 200 bytes.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace frontier
