#include "apps/output.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
void print(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written && errno != EPIPE) throw Error(with_errno("cannot write the output", errno));
}

void print_json(const nlohmann::ordered_json& document) {
  print(document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void note(std::string_view line) { std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data()); }

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    if (&cell != &cells.front()) line += ',';
    if (cell.find_first_of(",\"\r\n") == std::string::npos) {
      line += cell;
      continue;
    }
    line += '"';
    for (const char c : cell) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  return line + "\n";
}

std::string readable(std::string_view name, double value) {
  if (name == "macs" || name == "params") return format_count(value);
  if (name == "seconds") return format_seconds(value);
  char text[48];
  if (name == "top1" || name == "top5") {
    std::snprintf(text, sizeof text, "%.2f %%", 100 * value);
  } else {
    std::snprintf(text, sizeof text, "%.5g", value);
  }
  return text;
}

}  // namespace frontier
