#pragma once

#include <cstddef>
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

/// Kendall's tau-b of two lists of one length: pairs in the same order less pairs in the opposite one, over the root of
/// the pairs not tied in the one times those not tied in the other (Kendall, "The treatment of ties in ranking
/// problems", 1945). None where one of the lists has all its values equal, or fewer than two. O(n^2).
std::optional<double> kendall_tau(std::span<const double> x, std::span<const double> y);

/// The value that Student's t with so many degrees of freedom stays below with this probability.
/// @param probability above 0 and below 1.  @param degrees 1 or more.
double student_t_quantile(double probability, std::size_t degrees);

struct Interval {
  double low = 0, high = 0;
};
/// Where the mean behind a sample lies with this confidence (0.95, say), by Student's t: of a normal population exact.
/// None for a single value, of which no spread is known.
std::optional<Interval> mean_interval(std::span<const double> values, double confidence);

/// The metric that says on how many images an accuracy was measured.
inline constexpr const char* kImagesMetric = "images";
/// Of a fraction of so many images, drawn from all there could be: sqrt(p (1 - p) / n). None unless p is in 0..1 and n
/// at least 1.
std::optional<double> accuracy_standard_error(double accuracy, double images);
/// Of `top1` and `top5` among the metrics of one measurement, by name; empty where it does not say its images.
std::map<std::string, double> standard_errors(const std::map<std::string, double>& metrics);

}  // namespace frontier
