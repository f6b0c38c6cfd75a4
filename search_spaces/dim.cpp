#include "search_spaces/dim.h"

#include <algorithm>
#include <stdexcept>

namespace frontier {
namespace {

constexpr std::size_t kLargestTable = 4'000'000;

}  // namespace

Dim::Dim(std::uint16_t decision, std::vector<std::int64_t> values) {
  if (values.size() == 1) {
    value_ = values.front();
    return;
  }
  auto table = std::make_shared<Table>();
  table->decisions = {decision};
  table->radices = {static_cast<std::uint32_t>(values.size())};
  table->values = std::move(values);
  table_ = std::move(table);
}

std::int64_t Dim::value() const {
  if (table_)
    throw std::logic_error("a dimension that depends on a decision with several selected options has no single value");
  return value_;
}

std::int64_t Dim::min() const {
  return table_ ? *std::min_element(table_->values.begin(), table_->values.end()) : value_;
}
std::int64_t Dim::max() const {
  return table_ ? *std::max_element(table_->values.begin(), table_->values.end()) : value_;
}

std::span<const std::uint16_t> Dim::decisions() const {
  return table_ ? std::span<const std::uint16_t>(table_->decisions) : std::span<const std::uint16_t>();
}
std::span<const std::int64_t> Dim::values() const {
  return table_ ? std::span<const std::int64_t>(table_->values) : std::span(&value_, 1);
}
std::span<const std::uint32_t> Dim::radices() const {
  return table_ ? std::span<const std::uint32_t>(table_->radices) : std::span<const std::uint32_t>();
}

std::int64_t Dim::at(const Architecture& arch) const {
  if (!table_) return value_;
  std::size_t index = 0;
  for (std::size_t i = 0; i < table_->decisions.size(); ++i)
    index = index * table_->radices[i] + arch.choices[table_->decisions[i]];
  return table_->values[index];
}

template <class F>
Dim Dim::combine(const Dim& a, const Dim& b, F function) {
  if (a.is_constant() && b.is_constant()) return Dim(function(a.value_, b.value_));
  auto table = std::make_shared<Table>();
  const auto da = a.decisions(), db = b.decisions();
  std::set_union(da.begin(), da.end(), db.begin(), db.end(), std::back_inserter(table->decisions));
  const std::size_t n = table->decisions.size();
  table->radices.resize(n);
  // How far one step of decision i moves in each operand's table; 0 where the operand does not depend on it.
  std::vector<std::size_t> step_a(n, 0), step_b(n, 0);
  const auto fill = [&](const Dim& operand, std::vector<std::size_t>& steps) {
    std::size_t step = 1;
    for (std::size_t k = operand.decisions().size(); k-- > 0;) {
      const auto place = std::lower_bound(table->decisions.begin(), table->decisions.end(), operand.decisions()[k]) -
                         table->decisions.begin();
      table->radices[static_cast<std::size_t>(place)] = operand.radices()[k];
      steps[static_cast<std::size_t>(place)] = step;
      step *= operand.radices()[k];
    }
  };
  fill(a, step_a);
  fill(b, step_b);
  std::size_t size = 1;
  for (const auto radix : table->radices) {
    size *= radix;
    if (size > kLargestTable)
      throw std::logic_error("a dimension depends on too many decisions at once (more than 4,000,000 combinations)");
  }
  table->values.reserve(size);
  const auto va = a.values(), vb = b.values();
  std::vector<std::uint32_t> digits(n, 0);
  std::size_t ia = 0, ib = 0;
  for (std::size_t count = 0; count < size; ++count) {
    table->values.push_back(function(va[ia], vb[ib]));
    for (std::size_t i = n; i-- > 0;) {  // odometer: last decision fastest
      ia += step_a[i];
      ib += step_b[i];
      if (++digits[i] < table->radices[i]) break;
      ia -= step_a[i] * table->radices[i];
      ib -= step_b[i] * table->radices[i];
      digits[i] = 0;
    }
  }
  const auto& values = table->values;
  if (std::all_of(values.begin(), values.end(), [&](auto v) { return v == values.front(); }))
    return Dim(values.front());
  return Dim(std::shared_ptr<const Table>(std::move(table)));
}

Dim Dim::map(std::int64_t (*function)(std::int64_t)) const {
  return combine(*this, Dim(0), [&](std::int64_t x, std::int64_t) { return function(x); });
}

Dim operator+(const Dim& a, const Dim& b) {
  return Dim::combine(a, b, [](auto x, auto y) { return x + y; });
}
Dim operator-(const Dim& a, const Dim& b) {
  return Dim::combine(a, b, [](auto x, auto y) { return x - y; });
}
Dim operator*(const Dim& a, const Dim& b) {
  return Dim::combine(a, b, [](auto x, auto y) { return x * y; });
}
Dim operator/(const Dim& a, const Dim& b) {
  return Dim::combine(a, b, [](auto x, auto y) { return y == 0 ? 0 : x / y; });
}
Dim Dim::equal(const Dim& a, const Dim& b) {
  return combine(a, b, [](auto x, auto y) -> std::int64_t { return x == y; });
}
Dim Dim::greater(const Dim& a, const Dim& b) {
  return combine(a, b, [](auto x, auto y) -> std::int64_t { return x > y; });
}
Dim Dim::either(const Dim& a, const Dim& b) {
  return combine(a, b, [](auto x, auto y) -> std::int64_t { return x != 0 || y != 0; });
}

bool operator==(const Dim& a, const Dim& b) {
  if (a.table_ == b.table_) return a.table_ != nullptr || a.value_ == b.value_;
  return a.table_ && b.table_ && a.table_->decisions == b.table_->decisions && a.table_->values == b.table_->values;
}

std::int64_t make_divisible(double value, std::int64_t divisor) {
  const auto d = static_cast<double>(divisor);
  std::int64_t rounded = std::max(divisor, static_cast<std::int64_t>(value + d / 2) / divisor * divisor);
  if (static_cast<double>(rounded) < 0.9 * value) rounded += divisor;
  return rounded;
}

}  // namespace frontier
