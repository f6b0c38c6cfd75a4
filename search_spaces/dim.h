#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "search_spaces/architecture.h"

namespace frontier {

/// A whole number that may depend on decisions: a constant, or a decision diagram (one branch an option, decisions in
/// ascending order on every way down, equal branches shared).
///
/// Under a hard selection every Dim is a constant. Under a soft one (above all: everything selected) it is a diagram,
/// and the arithmetic that a search space does with it (`width * expansion`) is done for all options at once. So one
/// run of the space's function gives the cost of every subnet as a sum of small functions (search_spaces/cost.h). What
/// depends on a depth and then on the width of one of its blocks takes a branch for each depth, not the product of all
/// widths. A value; thread-safety: const.
class Dim {
 public:
  Dim(std::int64_t value = 0) : value_(value) {}  // NOLINT(google-explicit-constructor)
  /// A function of one decision: `values[i]` belongs to its i-th selected option.
  Dim(std::uint16_t decision, const std::vector<std::int64_t>& values);

  bool is_constant() const { return node_ == nullptr; }
  /// @throws std::logic_error if it depends on a decision.
  std::int64_t value() const;
  std::int64_t min() const;
  std::int64_t max() const;
  /// All decisions that it depends on, ascending; empty for a constant. Walks the diagram.
  std::vector<std::uint16_t> decisions() const;
  /// Places in the diagram that ask for a decision; 0 for a constant. Walks the diagram.
  std::size_t size() const;
  /// The entry of an architecture, where all options are selected.
  std::int64_t at(const Architecture& arch) const;

  /// Of what is not constant: the first decision it asks for, and what it is once that is made.
  std::uint16_t first_decision() const;
  std::span<const Dim> branches() const;
  /// What it is once `decision`, which must not come after first_decision(), has its `option`-th selected option.
  const Dim& after(std::uint16_t decision, std::size_t option) const;
  /// Of two results of one calculation: equal functions are identical. Else only the same object for certain.
  friend bool is_identical(const Dim& a, const Dim& b) { return a.node_ == b.node_ && a.value_ == b.value_; }
  std::size_t identity() const;  ///< a hash fit for is_identical

  Dim map(std::int64_t (*function)(std::int64_t)) const;
  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim operator/(const Dim& a, const Dim& b);  ///< whole division; 0 where b is
  /// Element-wise 0/1: not the comparison of two Dim objects.
  static Dim equal(const Dim& a, const Dim& b);
  static Dim greater(const Dim& a, const Dim& b);
  static Dim either(const Dim& a, const Dim& b);  ///< 1 where a or b is not 0
  /// The same function.
  friend bool operator==(const Dim& a, const Dim& b);

 private:
  struct Node;
  template <class F>
  class Combination;
  explicit Dim(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  template <class F>
  static Dim combine(const Dim& a, const Dim& b, F function);

  std::int64_t value_ = 0;
  std::shared_ptr<const Node> node_;
};

/// Rounds to the nearest multiple of `divisor`, at least `divisor`, never below 90 % of the value: the rule of
/// MobileNet's reference code for channel counts.
std::int64_t make_divisible(double value, std::int64_t divisor);

}  // namespace frontier
