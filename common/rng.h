#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace frontier {

/// xoshiro256** (Blackman and Vigna). Equal on every platform: none of its draws uses a std:: distribution.
/// A plain value: copy it to fork a sequence, `split` it for parallel work. Thread-safety: const.
class Rng {
 public:
  explicit Rng(std::uint64_t seed = 0);

  std::uint64_t next();
  /// Uniform in [0, n); n > 0. Unbiased (rejection).
  std::uint64_t below(std::uint64_t n);
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Standard normal (Box-Muller; draws two uniforms, keeps no spare).
  double normal();
  /// An independent generator for piece `i` of the work; does not advance this one.
  Rng split(std::uint64_t i) const;
  /// An independent generator for one purpose ("weights", "loader"), so that what is drawn for one thing is never equal
  /// to, nor moved by, what is drawn for another; no split(i) equals a domain. Does not advance this one.
  Rng domain(std::string_view purpose) const;

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  /// The state as 64 hexadecimal digits, for checkpoints.
  std::string state() const;
  /// @throws UsageError if `text` is not a state().
  static Rng from_state(std::string_view text);

  bool operator==(const Rng&) const = default;

 private:
  std::array<std::uint64_t, 4> s_;
};

}  // namespace frontier
