#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "search_spaces/cost.h"

namespace frontier {

inline constexpr std::size_t kMostPrices = 4;  ///< of one chain

/// The canonical architectures of a space as paths through a layered graph: variable elimination over the cost table.
///
/// Decisions are taken in order, a few at each step. A state between two steps is what is left of the cost factors and
/// conditions that the decisions behind have touched (the rests of their diagrams), so the cost of a path is the sum of
/// its moves' prices, and every canonical architecture is exactly one path. Prices are reduced: the cheapest way to the
/// end is taken off at each state (a potential), so every move costs at least 0, the cheapest path 0, and `cheapest`
/// holds what was taken off.
///
/// A scored chain also says with which options decisions have an effect on a path: the sum of their scores is then a
/// sum over moves, too. Its states are more where an effect depends on later decisions.
struct Chain {
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  using Prices = std::array<std::int64_t, kMostPrices>;  ///< in order of `priced`; 0 beyond

  struct Move {
    Prices price{};                                   ///< reduced
    std::uint32_t combination = 0;                    ///< of the step's options, its last decision fastest
    std::uint32_t next = 0;                           ///< state after the step
    std::uint32_t first_effect = 0, num_effects = 0;  ///< of a scored chain: in the step's `effects`
  };
  /// A decision has an effect with this option.
  struct Effect {
    std::uint16_t decision = 0, option = 0;
  };
  struct Step {
    std::size_t first = 0, end = 0;   ///< decisions [first, end)
    std::vector<std::size_t> begins;  ///< moves of state s: [begins[s], begins[s + 1]); none if s leads nowhere
    std::vector<Move> moves;
    std::vector<Effect> effects;
    std::size_t num_states() const { return begins.size() - 1; }
    std::span<const Move> moves_of(std::size_t state) const {
      return {moves.data() + begins[state], moves.data() + begins[state + 1]};
    }
    std::span<const Effect> effects_of(const Move& move) const {
      return {effects.data() + move.first_effect, move.num_effects};
    }
  };
  /// [place][state], places being between steps.
  template <class Value>
  using ByState = std::vector<std::vector<Value>>;

  /// @param prices indices of the table's prices, each once.
  /// @throws Error if later layers depend on too much of what was decided (more than a million states), or if the
  /// space's constraints leave nothing; UsageError if its restriction does, or for more than kMostPrices.
  Chain(const CostTable& table, std::span<const std::size_t> prices, bool scored = false);

  /// Writes the options of a move of `step` into `arch`.
  void take(const Step& step, const Move& move, Architecture& arch) const;

  /// The greatest sum of value(step index, move) over the moves from every state to the end.
  template <class Value>
  ByState<std::int64_t> most_to_end(const Value& value) const;

  std::vector<std::uint32_t> radices;  ///< options of every decision
  std::vector<Step> steps;             ///< the first starts in state 0, the last ends in state 0
  std::vector<std::size_t> priced;     ///< indices of the table's prices
  std::vector<Effect> sure_effects;    ///< of a scored chain: those of every path
  Prices cheapest{};                   ///< the least of each price that any path costs

 private:
  void reduce_prices();
};

template <class Value>
Chain::ByState<std::int64_t> Chain::most_to_end(const Value& value) const {
  ByState<std::int64_t> most(steps.size() + 1);
  most.back() = {0};
  for (std::size_t i = steps.size(); i-- > 0;) {
    most[i].assign(steps[i].num_states(), 0);
    for (std::size_t s = 0; s < most[i].size(); ++s) {
      const auto moves = steps[i].moves_of(s);
      if (!moves.empty()) most[i][s] = std::numeric_limits<std::int64_t>::min();
      for (const auto& move : moves) most[i][s] = std::max(most[i][s], value(i, move) + most[i + 1][move.next]);
    }
  }
  return most;
}

}  // namespace frontier
