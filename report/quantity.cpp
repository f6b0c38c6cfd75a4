#include "report/quantity.h"

#include <cstdio>

#include "common/statistics.h"
#include "common/text.h"

namespace frontier {
namespace {

bool is_accuracy(std::string_view name) { return name == "top1" || name == "top5"; }
bool is_count(std::string_view name) { return name == "macs" || name == "params"; }

std::string digits(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace

std::string significant_text(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.5g", value);
  return text;
}

Quantity quantity_of(std::string_view name) {
  const std::string text(name);
  if (name == "top1") return {text, "Top-1 accuracy", "Top-1", "%"};
  if (name == "top5") return {text, "Top-5 accuracy", "Top-5", "%"};
  if (name == "macs") return {text, "Multiply-accumulates per image", "MACs", "MACs"};
  if (name == "params") return {text, "Parameters", "Parameters", "parameters"};
  if (name == "seconds") return {text, "Time that the measurement took", "Seconds", "s"};
  constexpr std::string_view kLatency = "latency_ms";
  if (name == kLatency) return {text, "Latency", "Latency", "ms"};
  if (name.starts_with(kLatency) && name.size() > kLatency.size() + 1 && name[kLatency.size()] == '.') {
    const std::string device(name.substr(kLatency.size() + 1));
    return {text, "Latency on " + device, "Latency, " + device, "ms"};
  }
  return {text, text, text, ""};
}

bool has_value(const Result& result, const std::string& name) {
  return is_count(name) || name == "seconds" || result.metrics.contains(name);
}

std::string value_text(const std::string& name, double value) {
  if (is_accuracy(name)) return digits(100 * value, 2) + " %";
  const std::string number = is_count(name) ? format_count(value) : significant_text(value);
  const std::string unit = quantity_of(name).unit;
  return unit.empty() ? number : number + " " + unit;
}

std::string value_text(const Result& result, const std::string& name) {
  const double value = value_of(result, name);
  const auto error = standard_error(result, name);
  return error ? digits(100 * value, 2) + " ± " + digits(100 * *error, 2) + " %" : value_text(name, value);
}

std::optional<double> standard_error(const Result& result, const std::string& name) {
  if (!is_accuracy(name)) return std::nullopt;
  const auto images = result.metrics.find(kImagesMetric);
  if (images == result.metrics.end()) return std::nullopt;
  return accuracy_standard_error(value_of(result, name), images->second);
}

Scale scale_of(const Quantity& quantity, double most) {
  if (is_accuracy(quantity.name)) return {0.01, "%"};
  if (!is_count(quantity.name)) return {1, quantity.unit};
  const auto [prefix, divisor] = most >= 2e9   ? std::pair("G", 1e9)
                                 : most >= 2e5 ? std::pair("M", 1e6)
                                               : std::pair("k", 1e3);
  return {divisor, std::string(prefix) + (quantity.name == "macs" ? " MACs" : "")};
}

std::string axis_title(const Quantity& quantity, const Scale& scale, const std::string& remark) {
  std::string title = printable(quantity.title, 60);
  if (!remark.empty()) title += ", " + remark;
  return scale.unit.empty() ? title : title + " (" + scale.unit + ")";
}

std::string to_text(const std::vector<Objective>& objectives) {
  std::vector<std::string> parts;
  for (const Objective& objective : objectives)
    parts.push_back(objective.name + ":" + std::string(to_string(objective.direction)));
  return join(parts, ",");
}

}  // namespace frontier
