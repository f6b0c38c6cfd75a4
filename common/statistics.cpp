#include "common/statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/errors.h"

namespace frontier {
namespace {

void require_some(std::span<const double> values) {
  if (values.empty()) throw UsageError("a mean or a quantile needs at least one value");
}

int sign(double value) { return (value > 0) - (value < 0); }

/// The probability that |t| with so many degrees of freedom is at most sqrt(degrees) tan(angle): Abramowitz and Stegun,
/// "Handbook of Mathematical Functions", 26.7.3 for odd and 26.7.4 for even degrees, which are finite sums.
double within(double angle, std::size_t degrees) {
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool is_odd = degrees % 2 == 1;
  double term = is_odd ? cosine : 1, sum = degrees == 1 ? 0 : term;
  for (std::size_t k = is_odd ? 3 : 2; k + 1 < degrees; k += 2) {
    term *= cosine * cosine * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  return is_odd ? 2 * std::numbers::inv_pi * (angle + sine * sum) : sine * sum;
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

std::optional<double> kendall_tau(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) throw UsageError("a rank correlation is of two lists of one length");
  double balance = 0, untied_x = 0, untied_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const int a = sign(x[i] - x[j]), b = sign(y[i] - y[j]);
      balance += a * b;
      untied_x += a * a;
      untied_y += b * b;
    }
  if (untied_x == 0 || untied_y == 0) return std::nullopt;
  return balance / std::sqrt(untied_x * untied_y);
}

double student_t_quantile(double probability, std::size_t degrees) {
  if (!(probability > 0 && probability < 1) || degrees == 0)
    throw UsageError("a quantile of Student's t needs a probability between 0 and 1 and a degree of freedom");
  if (probability < 0.5) return -student_t_quantile(1 - probability, degrees);
  const double wanted = 2 * probability - 1;
  double low = 0, high = std::numbers::pi / 2;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = (low + high) / 2;
    (within(middle, degrees) < wanted ? low : high) = middle;
  }
  return std::sqrt(static_cast<double>(degrees)) * std::tan((low + high) / 2);
}

std::optional<Interval> mean_interval(std::span<const double> values, double confidence) {
  const double center = mean(values);
  if (values.size() == 1) return std::nullopt;
  const double reach = student_t_quantile((1 + confidence) / 2, values.size() - 1) * standard_error(values);
  return Interval{center - reach, center + reach};
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
