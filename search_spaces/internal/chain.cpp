#include "search_spaces/internal/chain.h"

#include <algorithm>
#include <set>

#include "common/errors.h"

namespace frontier {
namespace {

constexpr std::uint64_t kMostStates = 1'000'000;
constexpr std::uint64_t kMostCombinations = 4096;  // taken in one step

/// A table that is due as soon as its last decision is taken.
using Due = std::vector<std::vector<Dim>>;

/// Decisions that tables of later decisions still need, for every place between two decisions.
std::vector<std::vector<std::size_t>> frontiers(std::size_t num_decisions, const Due& costs, const Due& conditions) {
  std::vector<std::set<std::size_t>> needed(num_decisions + 1);
  for (const Due* due : {&costs, &conditions})
    for (std::size_t last = 0; last < num_decisions; ++last)
      for (const Dim& table : (*due)[last])
        for (const std::size_t decision : table.decisions())
          for (std::size_t place = decision + 1; place <= last; ++place) needed[place].insert(decision);
  std::vector<std::vector<std::size_t>> result;
  for (const auto& set : needed) result.emplace_back(set.begin(), set.end());
  return result;
}

/// Counts through all choices of `decisions`, the last fastest; false after the last one.
bool advance(Architecture& arch, std::span<const std::size_t> decisions, std::span<const std::uint32_t> radices) {
  for (std::size_t i = decisions.size(); i-- > 0;) {
    if (++arch.choices[decisions[i]] < radices[decisions[i]]) return true;
    arch.choices[decisions[i]] = 0;
  }
  return false;
}

std::uint64_t saturating_product(std::span<const std::size_t> decisions, std::span<const std::uint32_t> radices) {
  std::uint64_t product = 1;
  for (const auto d : decisions) product = std::min<std::uint64_t>(product * radices[d], 1ULL << 40);
  return product;
}

/// Where to cut the decisions into steps, so that the moves (work of every later pass) and the states are few: a
/// shortest path over the cuts.
std::vector<std::size_t> choose_cuts(std::span<const std::uint64_t> states, std::span<const std::uint32_t> radices) {
  const std::size_t n = radices.size();
  std::vector<std::uint64_t> best(n + 1, std::numeric_limits<std::uint64_t>::max());
  std::vector<std::size_t> from(n + 1, 0);
  best[0] = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::uint64_t combinations = 1;
    for (std::size_t j = i + 1; j <= n; ++j) {
      combinations *= radices[j - 1];
      if (j > i + 1 && combinations > kMostCombinations) break;
      const std::uint64_t work = best[i] + states[i] * combinations + 8 * states[j];
      if (work < best[j]) {
        best[j] = work;
        from[j] = i;
      }
    }
  }
  std::vector<std::size_t> cuts{n};
  while (cuts.back() != 0) cuts.push_back(from[cuts.back()]);
  std::reverse(cuts.begin(), cuts.end());
  return cuts;
}

}  // namespace

Chain::Chain(const CostTable& table) {
  const std::size_t n = table.decisions().size();
  for (const auto& decision : table.decisions()) radices.push_back(static_cast<std::uint32_t>(decision.options.size()));

  Due macs(n), params(n), costs(n), conditions(n);
  for (const auto& factor : table.macs_sum().factors()) macs[factor.decisions().back()].push_back(factor);
  for (const auto& factor : table.params_sum().factors()) params[factor.decisions().back()].push_back(factor);
  for (std::size_t d = 0; d < n; ++d) {
    costs[d] = macs[d];
    costs[d].insert(costs[d].end(), params[d].begin(), params[d].end());
    std::vector<std::int64_t> is_first(radices[d], 0);
    is_first[0] = 1;
    // Canonical: option 0 wherever the decision has no effect.
    const Dim condition = Dim::either(table.activity()[d], Dim(static_cast<std::uint16_t>(d), std::move(is_first)));
    if (!condition.is_constant()) conditions[condition.decisions().back()].push_back(condition);
  }

  const auto frontier = frontiers(n, costs, conditions);
  std::vector<std::uint64_t> num_states;
  for (const auto& decisions : frontier) num_states.push_back(saturating_product(decisions, radices));
  const auto cuts = choose_cuts(num_states, radices);
  for (const auto cut : cuts)
    if (num_states[cut] > kMostStates)
      throw Error("budgets cannot be counted exactly in this space: after decision '" +
                  table.decisions()[cut - 1].name + "' the cost of later layers still depends on " +
                  std::to_string(frontier[cut].size()) + " decisions at once");

  Architecture arch;
  arch.choices.assign(n, 0);
  const auto sum_due = [&](const Due& due, const Step& step) {
    std::int64_t sum = 0;
    for (std::size_t d = step.first; d < step.end; ++d)
      for (const Dim& factor : due[d]) sum += factor.at(arch);
    return sum;
  };
  const auto is_canonical = [&](const Step& step) {
    for (std::size_t d = step.first; d < step.end; ++d)
      for (const Dim& condition : conditions[d])
        if (condition.at(arch) == 0) return false;
    return true;
  };
  for (std::size_t c = 0; c + 1 < cuts.size(); ++c) {
    Step step;
    step.first = cuts[c];
    step.end = cuts[c + 1];
    std::vector<std::size_t> own(step.end - step.first);
    for (std::size_t i = 0; i < own.size(); ++i) own[i] = step.first + i;
    do {  // every state
      step.begins.push_back(step.moves.size());
      std::uint32_t combination = 0;
      do {  // every combination of the step's options
        if (is_canonical(step)) {
          std::uint32_t next = 0;
          for (const auto d : frontier[step.end]) next = next * radices[d] + arch.choices[d];
          step.moves.push_back({{sum_due(macs, step), sum_due(params, step)}, combination, next});
        }
        ++combination;
      } while (advance(arch, own, radices));
    } while (advance(arch, frontier[step.first], radices));
    step.begins.push_back(step.moves.size());
    steps.push_back(std::move(step));
  }

  // Backwards: drop moves into states that lead nowhere, and reduce the prices.
  std::vector<Prices> to_end{Prices{}};
  for (std::size_t i = steps.size(); i-- > 0;) {
    Step& step = steps[i];
    std::vector<Prices> cheapest_from(step.num_states(), Prices{kNever, kNever});
    std::vector<Move> kept;
    std::vector<std::size_t> begins;
    for (std::size_t s = 0; s < step.num_states(); ++s) {
      begins.push_back(kept.size());
      for (Move move : step.moves_of(s)) {
        if (to_end[move.next][0] == kNever) continue;
        for (std::size_t k = 0; k < kNumPrices; ++k) {
          move.price[k] += to_end[move.next][k];
          cheapest_from[s][k] = std::min(cheapest_from[s][k], move.price[k]);
        }
        kept.push_back(move);
      }
      for (std::size_t m = begins.back(); m < kept.size(); ++m)
        for (std::size_t k = 0; k < kNumPrices; ++k) kept[m].price[k] -= cheapest_from[s][k];
    }
    begins.push_back(kept.size());
    step.moves = std::move(kept);
    step.begins = std::move(begins);
    to_end = std::move(cheapest_from);
  }
  cheapest = {to_end[0][0] + table.macs_sum().constant(), to_end[0][1] + table.params_sum().constant()};
}

void Chain::take(const Step& step, const Move& move, Architecture& arch) const {
  std::uint32_t rest = move.combination;
  for (std::size_t d = step.end; d-- > step.first;) {
    arch.choices[d] = static_cast<std::uint16_t>(rest % radices[d]);
    rest /= radices[d];
  }
}

}  // namespace frontier
