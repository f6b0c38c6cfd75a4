#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "search_spaces/cost.h"

namespace frontier {

enum class Price : std::uint8_t { kMacs, kParams };
inline constexpr std::size_t kNumPrices = 2;

/// The canonical architectures of a space as paths through a layered graph: variable elimination over the cost table.
///
/// Decisions are taken in order, a few at each step. A state between two steps is what is left of the cost factors and
/// conditions that the decisions behind have touched (the rests of their diagrams), so the cost of a path is the sum of
/// its moves' prices, and every canonical architecture is exactly one path. Prices are reduced: the cheapest way to the
/// end is taken off at each state (a potential), so every move costs at least 0, the cheapest path 0, and `cheapest`
/// holds what was taken off.
struct Chain {
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  using Prices = std::array<std::int64_t, kNumPrices>;

  struct Move {
    Prices price{};                 ///< reduced
    std::uint32_t combination = 0;  ///< of the step's options, its last decision fastest
    std::uint32_t next = 0;         ///< state after the step
  };
  struct Step {
    std::size_t first = 0, end = 0;   ///< decisions [first, end)
    std::vector<std::size_t> begins;  ///< moves of state s: [begins[s], begins[s + 1]); none if s leads nowhere
    std::vector<Move> moves;
    std::size_t num_states() const { return begins.size() - 1; }
    std::span<const Move> moves_of(std::size_t state) const {
      return {moves.data() + begins[state], moves.data() + begins[state + 1]};
    }
  };

  /// @throws Error if later layers depend on too much of what was decided (more than a million states), or if the
  /// space's constraints leave nothing.
  explicit Chain(const CostTable& table);

  /// Writes the options of a move of `step` into `arch`.
  void take(const Step& step, const Move& move, Architecture& arch) const;

  std::vector<std::uint32_t> radices;  ///< options of every decision
  std::vector<Step> steps;             ///< the first starts in state 0, the last ends in state 0
  Prices cheapest{};                   ///< least macs and least params of any path

 private:
  void reduce_prices();
};

}  // namespace frontier
