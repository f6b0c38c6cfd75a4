#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

namespace frontier {

/// Of samples, none of them NaN. All throw UsageError where there are none.

double mean(std::span<const double> values);
/// Of a sample (divisor n - 1); 0 for a single value.
double standard_deviation(std::span<const double> values);
/// Of their mean: the deviation by the root of how many; 0 for a single value, of which nothing is known.
double standard_error(std::span<const double> values);
/// @param q in 0..1; between two values by linear interpolation (the median of two is their mean).
/// @param sorted ascending.
double quantile(std::span<const double> sorted, double q);

/// The metric that says on how many images an accuracy was measured.
inline constexpr const char* kImagesMetric = "images";
/// Of a fraction of so many images, drawn from all there could be: sqrt(p (1 - p) / n). None unless p is in 0..1 and n
/// at least 1.
std::optional<double> accuracy_standard_error(double accuracy, double images);
/// Of `top1` and `top5` among the metrics of one measurement, by name; empty where it does not say its images.
std::map<std::string, double> standard_errors(const std::map<std::string, double>& metrics);

}  // namespace frontier
