#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace frontier {

/// Results go to stdout through here; a reader that has gone away (`| head`) is no error. @throws Error on a full disk.
void print(std::string_view text);
void print_json(const nlohmann::ordered_json& document);

/// A line for people, on stderr.
void note(std::string_view line);

/// One line of comma-separated values (RFC 4180), with its end.
std::string csv_line(const std::vector<std::string>& cells);

/// For people: `top1` and `top5` in percent, `macs`, `params` and `seconds` with a unit, `latency_ms` and others with a
/// few digits.
std::string readable(std::string_view name, double value);
/// With its standard error, where there is one: "91.23 ±0.28 %".
std::string readable(std::string_view name, double value, std::optional<double> standard_error);
/// A metric of an item that a job printed, likewise; "-" where the item lacks it. @param which "" for `metrics` and
/// `standard_errors`, "test_" for `test_metrics` and `test_standard_errors`, ...
std::string readable_metric(const nlohmann::ordered_json& item, const std::string& name, const std::string& which = "");

}  // namespace frontier
