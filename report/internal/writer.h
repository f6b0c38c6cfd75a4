#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace frontier {

/// A page under construction.
class Writer {
 public:
  struct Column {
    std::string title;
    bool is_number = false;
  };

  void add(std::string_view html) { out_ += html; }
  /// Escaped.
  void add_text(std::string_view text);
  void add_note(std::string_view text);
  /// One of a <dl class="facts">.
  void add_fact(std::string_view name, std::string_view value);

  /// @param style classes of the box that the table scrolls in.
  void begin_table(std::string_view label, const std::vector<Column>& columns, const std::string& style = "scroll");
  void end_table() { out_ += "</tbody></table></div>\n"; }
  /// @param label of the column, shown where a narrow page puts cells below each other.
  void add_cell(std::string_view text, const std::string& style = "", std::string_view label = "");

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace frontier
