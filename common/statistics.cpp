#include "common/statistics.h"

#include <algorithm>
#include <cmath>

#include "common/errors.h"

namespace frontier {
namespace {

void require_some(std::span<const double> values) {
  if (values.empty()) throw UsageError("a mean or a quantile needs at least one value");
}

}  // namespace

double mean(std::span<const double> values) {
  require_some(values);
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  const double center = mean(values);
  if (values.size() == 1) return 0;
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double standard_error(std::span<const double> values) {
  return standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

double quantile(std::span<const double> sorted, double q) {
  require_some(sorted);
  const double place = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::optional<double> accuracy_standard_error(double accuracy, double images) {
  if (!(accuracy >= 0 && accuracy <= 1 && images >= 1)) return std::nullopt;
  return std::sqrt(accuracy * (1 - accuracy) / images);
}

std::map<std::string, double> standard_errors(const std::map<std::string, double>& metrics) {
  std::map<std::string, double> errors;
  const auto images = metrics.find(kImagesMetric);
  if (images == metrics.end()) return errors;
  for (const char* name : {"top1", "top5"})
    if (const auto accuracy = metrics.find(name); accuracy != metrics.end())
      if (const auto error = accuracy_standard_error(accuracy->second, images->second)) errors.emplace(name, *error);
  return errors;
}

}  // namespace frontier
