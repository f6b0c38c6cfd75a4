#include "report/internal/writer.h"

#include "report/html.h"

namespace frontier {

void Writer::add_text(std::string_view text) { out_ += html(text); }

void Writer::add_note(std::string_view text) { out_ += "<p class=\"note\">" + html(text) + "</p>\n"; }

void Writer::add_fact(std::string_view name, std::string_view value) {
  out_ += "<div><dt>" + html(name) + "</dt><dd>" + html(value) + "</dd></div>";
}

void Writer::begin_table(std::string_view label, const std::vector<Column>& columns, const std::string& style) {
  // Roles as they are anyway; a table whose rows are laid out as boxes loses them.
  out_ += "<div class=\"" + style + "\" role=\"region\" tabindex=\"0\" aria-label=\"" + html(label) +
          "\"><table role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">";
  for (const Column& column : columns)
    out_ += "<th role=\"columnheader\" scope=\"col\"" + std::string(column.is_number ? " class=\"number\"" : "") + ">" +
            html(column.title) + "</th>";
  out_ += "</tr></thead><tbody role=\"rowgroup\">\n";
}

void Writer::add_cell(std::string_view text, const std::string& style, std::string_view label) {
  out_ += "<td role=\"cell\"";
  if (!style.empty()) out_ += " class=\"" + style + "\"";
  if (!label.empty()) out_ += " data-label=\"" + html(label) + "\"";
  out_ += ">" + html(text) + "</td>";
}

}  // namespace frontier
