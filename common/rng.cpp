#include "common/rng.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <numbers>

#include "common/errors.h"

namespace frontier {
namespace {

std::uint64_t splitmix64(std::uint64_t& x) {
  std::uint64_t z = (x += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

Rng::Rng(std::uint64_t seed) {
  for (auto& word : s_) word = splitmix64(seed);
}

std::uint64_t Rng::next() {
  const std::uint64_t result = std::rotl(s_[1] * 5, 7) * 9;
  const std::uint64_t t = s_[1] << 17;
  s_[2] ^= s_[0];
  s_[3] ^= s_[1];
  s_[1] ^= s_[2];
  s_[0] ^= s_[3];
  s_[2] ^= t;
  s_[3] = std::rotl(s_[3], 45);
  return result;
}

std::uint64_t Rng::below(std::uint64_t n) {
  const std::uint64_t limit = -n % n;  // 2^64 mod n: the draws below it would favour small results
  for (;;) {
    const std::uint64_t x = next();
    if (x >= limit) return x % n;
  }
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double Rng::normal() {
  const double u = 1.0 - uniform();  // in (0, 1], so the logarithm is finite
  const double v = uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

Rng Rng::split(std::uint64_t i) const {
  std::uint64_t x = i + 0x632be59bd9b4e019ULL;
  std::uint64_t seed = splitmix64(x);
  for (const auto word : s_) {
    x ^= word;
    seed ^= splitmix64(x);
  }
  return Rng(seed);
}

Rng Rng::domain(std::string_view purpose) const {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a, 64 bits
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return split(0xd0a1d0a1d0a1d0a1ULL).split(hash);  // one level below, where no small split(i) lies
}

std::string Rng::state() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const auto word : s_)
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(word >> shift) & 15];
  return text;
}

Rng Rng::from_state(std::string_view text) {
  Rng rng;
  bool valid = text.size() == 64;
  for (std::size_t i = 0; valid && i < 4; ++i) {
    const char* first = text.data() + 16 * i;
    const auto [end, error] = std::from_chars(first, first + 16, rng.s_[i], 16);
    valid = error == std::errc() && end == first + 16;
  }
  if (!valid)
    throw UsageError("'" + std::string(text.substr(0, 80)) + "' is not a random state (64 hexadecimal digits)");
  return rng;
}

}  // namespace frontier
