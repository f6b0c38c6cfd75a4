#include "common/table.h"

#include <algorithm>

#include "common/text.h"

namespace frontier {
namespace {

constexpr std::size_t kWidest = 60;  ///< characters: a name of thousands must not widen every line

}  // namespace

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = printable(cell, &cell == &cells.back() ? std::string::npos : 200);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t widest = num_characters(columns_[c].title);
    for (const auto& row : rows_)
      if (const std::size_t width = num_characters(row[c]); width <= kWidest) widest = std::max(widest, width);
    widths.push_back(widest);
  }
  std::string text;
  const auto add_line = [&](const auto& cell_of) {
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string cell = cell_of(c);
      const std::string padding(widths[c] - std::min(widths[c], num_characters(cell)), ' ');
      const bool last = c + 1 == columns_.size();
      if (columns_[c].align == Align::kRight) {
        text += padding + cell;
      } else {
        text += last ? cell : cell + padding;
      }
      text += last ? "\n" : "  ";
    }
  };
  add_line([&](std::size_t c) { return columns_[c].title; });
  for (const auto& row : rows_) add_line([&](std::size_t c) { return row[c]; });
  return text;
}

}  // namespace frontier
