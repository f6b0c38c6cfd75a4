#pragma once

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace frontier::fuzz {

/// A property that a reader of text broke. No reader throws it, so it is never taken for a refusal.
struct BrokenProperty : std::logic_error {
  using std::logic_error::logic_error;
};

/// One reader of text and what has to be true of it whatever the text is.
struct Harness {
  /// @throws BrokenProperty if the reader breaks a promise on `input`; anything else thrown is as bad.
  std::function<void(std::string_view input)> check = {};
  /// Inputs that are accepted, most of them, for the fuzzer to begin with.
  std::vector<std::string> seeds = {};
  /// Pieces that inputs are made of.
  std::vector<std::string> tokens = {};
  std::size_t max_length = 1024;  ///< of inputs worth trying, in bytes
};

/// "notation.<space>" for every known space, then the other readers.
std::vector<std::string> harness_names();
/// @throws UsageError listing the names.
Harness make_harness(std::string_view name);

}  // namespace frontier::fuzz
