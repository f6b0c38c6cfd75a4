#include "apps/output.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/errors.h"
#include "common/statistics.h"
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

std::string readable(std::string_view name, double value) { return readable(name, value, std::nullopt); }

std::string readable(std::string_view name, double value, std::optional<double> standard_error) {
  if (name == "macs" || name == "params") return format_count(value);
  if (name == "seconds") return format_seconds(value) + (standard_error ? " ±" + format_seconds(*standard_error) : "");
  const bool is_fraction = name == "top1" || name == "top5";
  char text[48], behind[48] = "";
  if (is_fraction) {
    std::snprintf(text, sizeof text, "%.2f", 100 * value);
    if (standard_error) std::snprintf(behind, sizeof behind, " ±%.2f", 100 * *standard_error);
  } else {
    std::snprintf(text, sizeof text, name == kImagesMetric ? "%.0f" : "%.5g", value);
    if (standard_error) std::snprintf(behind, sizeof behind, " ±%.2g", *standard_error);
  }
  return std::string(text) + behind + (is_fraction ? " %" : "");
}

std::string readable_metric(const nlohmann::ordered_json& item, const std::string& name, const std::string& which) {
  const std::string metrics = which + "metrics", errors = which + "standard_errors";
  if (!item.contains(metrics) || !item[metrics].contains(name)) return "-";
  const bool has_error = item.contains(errors) && item[errors].contains(name);
  return readable(name, item[metrics][name].get<double>(),
                  has_error ? std::optional(item[errors][name].get<double>()) : std::nullopt);
}

}  // namespace frontier
