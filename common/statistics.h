#pragma once

#include <span>

namespace frontier {

/// Of samples, none of them NaN. All throw UsageError where there are none.

double mean(std::span<const double> values);
/// Of a sample (divisor n - 1); 0 for a single value.
double standard_deviation(std::span<const double> values);
/// @param q in 0..1; between two values by linear interpolation (the median of two is their mean).
/// @param sorted ascending.
double quantile(std::span<const double> sorted, double q);

}  // namespace frontier
