#include "search_spaces/dim.h"

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

namespace frontier {

struct Dim::Node {
  std::uint16_t decision;
  std::vector<Dim> branches;  ///< not all equal
  std::int64_t min, max;
};

namespace {

constexpr std::size_t kMostSteps = 1'000'000;  // of one operation; some seconds

std::size_t mix_hash(std::size_t a, std::size_t b) {
  return (a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdULL;
}

struct DimPair {
  Dim a, b;
  friend bool operator==(const DimPair& x, const DimPair& y) {
    return is_identical(x.a, y.a) && is_identical(x.b, y.b);
  }
};
struct HashPair {
  std::size_t operator()(const DimPair& pair) const { return mix_hash(pair.a.identity(), pair.b.identity()); }
};

struct Product {
  std::int64_t operator()(std::int64_t x, std::int64_t y) const { return x * y; }
};

/// Calls visit(node) once for every place of the diagram that asks for a decision.
template <class Visit>
void walk(const Dim& dim, std::unordered_set<std::size_t>& seen, const Visit& visit) {
  if (dim.is_constant() || !seen.insert(dim.identity()).second) return;
  visit(dim);
  for (const Dim& branch : dim.branches()) walk(branch, seen, visit);
}

}  // namespace

/// One operation on two diagrams: every pair of places that belong together is worked out once, and equal places of the
/// result are one.
template <class F>
class Dim::Combination {
 public:
  explicit Combination(F function) : function_(function) {}

  Dim operator()(const Dim& a, const Dim& b) {
    if (a.is_constant() && b.is_constant()) return Dim(function_(a.value_, b.value_));
    if constexpr (std::is_same_v<F, Product>) {
      if ((a.is_constant() && a.value_ == 0) || (b.is_constant() && b.value_ == 0)) return Dim(0);
    }
    const auto known = done_.find({a, b});
    if (known != done_.end()) return known->second;
    if (done_.size() == kMostSteps)
      throw std::logic_error("a dimension depends on too many decisions at once (more than 1,000,000 cases)");
    const std::uint16_t decision = a.is_constant()   ? b.first_decision()
                                   : b.is_constant() ? a.first_decision()
                                                     : std::min(a.first_decision(), b.first_decision());
    const bool in_a = !a.is_constant() && a.first_decision() == decision;
    const std::size_t options = (in_a ? a : b).branches().size();
    std::vector<Dim> branches;
    branches.reserve(options);
    for (std::size_t i = 0; i < options; ++i) branches.push_back((*this)(a.after(decision, i), b.after(decision, i)));
    Dim result = make(decision, std::move(branches));
    done_.emplace(DimPair{a, b}, result);
    return result;
  }

  Dim make(std::uint16_t decision, std::vector<Dim> branches) {
    if (std::all_of(branches.begin(), branches.end(), [&](const Dim& d) { return is_identical(d, branches.front()); }))
      return branches.front();
    std::size_t hash = decision;
    for (const Dim& branch : branches) hash = mix_hash(hash, branch.identity());
    const auto [first, last] = nodes_.equal_range(hash);
    for (auto it = first; it != last; ++it)
      if (it->second.node_->decision == decision &&
          std::equal(branches.begin(), branches.end(), it->second.branches().begin(), it->second.branches().end(),
                     [](const Dim& x, const Dim& y) { return is_identical(x, y); }))
        return it->second;
    auto node = std::make_shared<Node>();
    node->decision = decision;
    node->min = branches.front().min();
    node->max = branches.front().max();
    for (const Dim& branch : branches) {
      node->min = std::min(node->min, branch.min());
      node->max = std::max(node->max, branch.max());
    }
    node->branches = std::move(branches);
    return nodes_.emplace(hash, Dim(std::shared_ptr<const Node>(std::move(node))))->second;
  }

 private:
  F function_;
  std::unordered_map<DimPair, Dim, HashPair> done_;
  std::unordered_multimap<std::size_t, Dim> nodes_;
};

Dim::Dim(std::uint16_t decision, const std::vector<std::int64_t>& values) {
  Combination<Product> combination{Product{}};
  *this = combination.make(decision, std::vector<Dim>(values.begin(), values.end()));
}

std::int64_t Dim::value() const {
  if (node_)
    throw std::logic_error("a dimension that depends on a decision with several selected options has no single value");
  return value_;
}

std::int64_t Dim::min() const { return node_ ? node_->min : value_; }
std::int64_t Dim::max() const { return node_ ? node_->max : value_; }

std::vector<std::uint16_t> Dim::decisions() const {
  std::set<std::uint16_t> found;
  std::unordered_set<std::size_t> seen;
  walk(*this, seen, [&](const Dim& dim) { found.insert(dim.first_decision()); });
  return {found.begin(), found.end()};
}

std::size_t Dim::size() const {
  std::unordered_set<std::size_t> seen;
  walk(*this, seen, [](const Dim&) {});
  return seen.size();
}

std::int64_t Dim::at(const Architecture& arch) const {
  const Dim* dim = this;
  while (dim->node_) dim = &dim->node_->branches[arch.choices[dim->node_->decision]];
  return dim->value_;
}

std::uint16_t Dim::first_decision() const { return node_->decision; }
std::span<const Dim> Dim::branches() const { return node_->branches; }
const Dim& Dim::after(std::uint16_t decision, std::size_t option) const {
  return node_ && node_->decision == decision ? node_->branches[option] : *this;
}
std::size_t Dim::identity() const {
  return node_ ? std::hash<const Node*>()(node_.get()) : mix_hash(1, static_cast<std::size_t>(value_));
}

template <class F>
Dim Dim::combine(const Dim& a, const Dim& b, F function) {
  if (a.is_constant() && b.is_constant()) return Dim(function(a.value_, b.value_));
  return Combination<F>(function)(a, b);
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
Dim operator*(const Dim& a, const Dim& b) { return Dim::combine(a, b, Product{}); }
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
  if (is_identical(a, b)) return true;
  if (a.is_constant() && b.is_constant()) return false;
  if (a.min() != b.min() || a.max() != b.max()) return false;
  const Dim same = Dim::equal(a, b);
  return same.is_constant() && same.value() == 1;
}

std::int64_t make_divisible(double value, std::int64_t divisor) {
  const auto d = static_cast<double>(divisor);
  std::int64_t rounded = std::max(divisor, static_cast<std::int64_t>(value + d / 2) / divisor * divisor);
  if (static_cast<double>(rounded) < 0.9 * value) rounded += divisor;
  return rounded;
}

}  // namespace frontier
