#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace frontier {

/// What a decision is about, for methods that treat widths otherwise than operations.
enum class DecisionKind : std::uint8_t { kOther, kWidth, kDepth, kKernel, kBranch, kSubset, kBits };

/// One named categorical choice of a search space: kernel size of a block, width of a stage, operation on an edge.
struct Decision {
  std::string name;                  ///< unique in its space, e.g. "stage1.block0.kernel"
  std::vector<std::string> options;  ///< what can be chosen, as people write it: {"3", "5", "7"}
  DecisionKind kind = DecisionKind::kOther;
  std::vector<std::int64_t> values = {};  ///< of the options, in their order; empty where they are no numbers
  bool operator==(const Decision&) const = default;
  /// Index of the option that is written so.
  std::optional<std::uint16_t> find(std::string_view label) const;
};

/// One point of a search space: for every decision, the index of the option chosen.
/// A plain value: copy, compare, hash and store it. Holds no weights and no pointer to its space.
struct Architecture {
  std::vector<std::uint16_t> choices;  ///< size = SearchSpace::decisions().size()
  auto operator<=>(const Architecture&) const = default;
};

std::size_t hash_value(const Architecture& arch);

}  // namespace frontier

template <>
struct std::hash<frontier::Architecture> {
  std::size_t operator()(const frontier::Architecture& arch) const { return hash_value(arch); }
};
