#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "search_spaces/architecture.h"

namespace frontier {

/// A whole number that may depend on decisions: a constant, or a table over the selected options of a few decisions.
///
/// Under a hard selection every Dim is a constant. Under a soft one (above all: everything selected) it is a table, and
/// the arithmetic that a search space does with it (`width * expansion`) is done for all options at once. So one run of
/// the space's function gives the cost of every subnet as a sum of small tables (search_spaces/cost.h). A value;
/// thread-safety: const.
class Dim {
 public:
  Dim(std::int64_t value = 0) : value_(value) {}  // NOLINT(google-explicit-constructor)
  /// One decision's table: `values[i]` belongs to its i-th selected option.
  Dim(std::uint16_t decision, std::vector<std::int64_t> values);

  bool is_constant() const { return table_ == nullptr; }
  /// @throws std::logic_error if it depends on a decision.
  std::int64_t value() const;
  std::int64_t min() const;
  std::int64_t max() const;
  std::span<const std::uint16_t> decisions() const;  ///< ascending; empty for a constant
  std::span<const std::int64_t> values()
      const;  ///< row-major over decisions(), the last fastest; one value for a constant
  std::span<const std::uint32_t> radices() const;  ///< selected options of each of decisions()
  /// The entry of an architecture, in a table over all options.
  std::int64_t at(const Architecture& arch) const;

  Dim map(std::int64_t (*function)(std::int64_t)) const;
  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim operator/(const Dim& a, const Dim& b);  ///< whole division
  /// Element-wise 0/1: not the comparison of two Dim objects.
  static Dim equal(const Dim& a, const Dim& b);
  static Dim greater(const Dim& a, const Dim& b);
  static Dim either(const Dim& a, const Dim& b);  ///< 1 where a or b is not 0
  /// The same values over the same decisions.
  friend bool operator==(const Dim& a, const Dim& b);

 private:
  struct Table {
    std::vector<std::uint16_t> decisions;
    std::vector<std::uint32_t> radices;
    std::vector<std::int64_t> values;
  };
  explicit Dim(std::shared_ptr<const Table> table) : table_(std::move(table)) {}
  template <class F>
  static Dim combine(const Dim& a, const Dim& b, F function);

  std::int64_t value_ = 0;
  std::shared_ptr<const Table> table_;
};

/// Rounds to the nearest multiple of `divisor`, at least `divisor`, never below 90 % of the value: the rule of
/// MobileNet's reference code for channel counts.
std::int64_t make_divisible(double value, std::int64_t divisor);

}  // namespace frontier
