#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace frontier {

enum class Comparison { kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kEqual, kNotEqual };

/// `field op number`. Fields: macs, params, seconds, seed and every metric stored.
struct Condition {
  std::string field = {};
  Comparison comparison = Comparison::kLess;
  double number = 0;
  bool operator==(const Condition&) const = default;
};

/// Reads the language of `--where`: conditions `field op number` joined by `and`, where op is one of < <= > >= = != and
/// a number may carry a unit (4M, 600k, 1.2G). Empty text gives no condition.
/// @throws UsageError with the position of what cannot be read.
std::vector<Condition> parse_where(std::string_view text);

/// Which stored results are meant; what is not set does not matter. Names that the database does not hold are refused
/// with the known ones, so that a typing mistake never looks like an empty result.
struct Filter {
  std::optional<std::int64_t> run = {};  ///< results that this run measured or reused
  std::optional<std::string> space = {};
  std::optional<std::string> evaluator = {};
  std::optional<std::string> checkpoint = {};
  std::optional<std::string> dataset = {};
  std::optional<std::string> split = {};
  std::optional<std::string> fidelity = {};
  std::optional<std::string> calibration = {};
  std::optional<std::int64_t> seed = {};
  std::optional<std::string> recipe = {};
  std::vector<Condition> where = {};
};

/// A name that `--where` and `--objectives` can say: a letter or _, then letters, digits, _ . - or /.
bool is_field_name(std::string_view text);

/// A metric's name is a field name that means nothing else in `--where` and `--objectives`. @throws UsageError.
void check_metric_name(std::string_view name);

}  // namespace frontier
