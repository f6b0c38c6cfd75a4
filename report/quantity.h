#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/store.h"

namespace frontier {

/// A number of a result as people read it: what it is called, and in which unit it is drawn.
struct Quantity {
  std::string name;   ///< as --objectives says it: "top1", "macs", "latency_ms.raspi4"
  std::string title;  ///< of an axis: "Top-1 accuracy", "Latency on raspi4"
  std::string brief;  ///< of a column: "Top-1", "MACs"
  std::string unit;   ///< "%", "ms"; of counts without prefix: "MACs"; may be empty
};

Quantity quantity_of(std::string_view name);

/// Whether the result has a number of this name: macs, params, seconds or a metric.
bool has_value(const Result& result, const std::string& name);

/// To five digits.
std::string significant_text(double value);
/// "92.31 %", "1.23 M MACs", "3.21 ms".
std::string value_text(const std::string& name, double value);
/// The same of a result, with its standard error where it is known: "92.31 ± 0.27 %".
std::string value_text(const Result& result, const std::string& name);

/// Of an accuracy (common/statistics.h). None for other numbers, and where the result does not say on how many images
/// it was measured.
std::optional<double> standard_error(const Result& result, const std::string& name);

/// How values of a quantity are drawn: divided by `scale`, and what stands behind the axis' title.
struct Scale {
  double divisor = 1;
  std::string unit;
};
/// @param most the largest value drawn.
Scale scale_of(const Quantity& quantity, double most);
/// "Multiply-accumulates per image (M MACs)".
std::string axis_title(const Quantity& quantity, const Scale& scale, const std::string& remark = "");

/// "top1:max,macs:min".
std::string to_text(const std::vector<Objective>& objectives);

}  // namespace frontier
