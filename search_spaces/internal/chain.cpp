#include "search_spaces/internal/chain.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_map>

#include "common/errors.h"

namespace frontier {
namespace {

constexpr std::uint64_t kMostStates = 1'000'000;
constexpr std::uint64_t kMostCombinations = 4096;  // taken in one step

/// Something that decisions still change: a cost factor, a condition that every path must meet, or the option with
/// which a decision has an effect (1 + its index; 0: none).
struct Term {
  enum Kind : std::uint8_t { kPrice, kCondition, kEffect } kind;
  std::uint16_t of = 0;  ///< which price, which decision
  Dim dim;
};
constexpr std::size_t kMostTerms = 65536;

[[noreturn]] void nothing_meets(const CostTable& table) {
  if (table.is_restricted()) throw UsageError("no architecture of the space has only options that are allowed");
  throw Error("no architecture meets the constraints of this space");
}

/// What is open at a place between two decisions: of every term that is neither untouched nor settled, what is left of
/// it. Equal states have equal futures.
struct State {
  std::vector<std::pair<std::uint16_t, const Dim*>> open;  ///< term, rest (a place in its diagram); ascending
  friend bool operator==(const State& a, const State& b) {
    return std::equal(a.open.begin(), a.open.end(), b.open.begin(), b.open.end(), [](const auto& x, const auto& y) {
      return x.first == y.first && is_identical(*x.second, *y.second);
    });
  }
};
struct HashState {
  std::size_t operator()(const State& state) const {
    std::size_t hash = state.open.size();
    for (const auto& [term, rest] : state.open) hash = hash * 0x9e3779b97f4a7c15ULL + (rest->identity() ^ (hash >> 29));
    return hash;
  }
};

/// The states of every place, and where one decision leads from each.
class Places {
 public:
  struct Edge {
    Chain::Prices price{};
    std::int64_t next = -1;  ///< state after the decision; -1 where a condition is broken
    std::vector<Chain::Effect> effects = {};
  };

  Places(std::span<const Decision> decisions, std::vector<Term> terms) : terms_(std::move(terms)) {
    std::vector<std::vector<std::uint16_t>> begins(
        decisions.size());  // the terms that a decision is the first to touch
    for (std::size_t t = 0; t < terms_.size(); ++t)
      begins[terms_[t].dim.first_decision()].push_back(static_cast<std::uint16_t>(t));
    num_states_.push_back(1);
    std::vector<State> here{State{}};
    for (std::size_t d = 0; d < decisions.size(); ++d) {
      std::unordered_map<State, std::int64_t, HashState> known;
      std::vector<State> next;
      edges_.emplace_back();
      edges_.back().reserve(here.size() * decisions[d].options.size());
      for (State& state : here) {
        for (const std::uint16_t term : begins[d]) state.open.emplace_back(term, &terms_[term].dim);
        for (std::size_t option = 0; option < decisions[d].options.size(); ++option) {
          Edge edge;
          State after;
          if (decide(state, static_cast<std::uint16_t>(d), option, after, edge)) {
            const auto [it, is_new] = known.try_emplace(after, static_cast<std::int64_t>(next.size()));
            if (is_new) next.push_back(std::move(after));
            edge.next = it->second;
          }
          edges_.back().push_back(std::move(edge));
        }
      }
      here = std::move(next);
      num_states_.push_back(here.size());
      if (here.size() > kMostStates)
        throw Error("budgets cannot be counted exactly in this space: after decision '" + decisions[d].name +
                    "' the cost of later layers still depends on what was decided in more than " +
                    std::to_string(kMostStates) + " ways");
    }
  }

  const std::vector<std::uint64_t>& num_states() const { return num_states_; }
  const Edge& edge(std::size_t decision, std::uint64_t state, std::uint32_t radix, std::uint32_t option) const {
    return edges_[decision][state * radix + option];
  }

 private:
  /// What is open after one more decision; false where a condition is broken.
  bool decide(const State& state, std::uint16_t decision, std::size_t option, State& after, Edge& edge) const {
    after.open.reserve(state.open.size());
    for (const auto& [term, dim] : state.open) {
      const Dim& rest = dim->after(decision, option);
      const auto& [kind, of, whole] = terms_[term];
      if (!rest.is_constant()) {
        after.open.emplace_back(term, &rest);
      } else if (kind == Term::kPrice) {
        edge.price[of] += rest.value();
      } else if (kind == Term::kEffect) {
        if (rest.value() != 0) edge.effects.push_back({of, static_cast<std::uint16_t>(rest.value() - 1)});
      } else if (rest.value() == 0) {
        return false;
      }
    }
    return true;
  }

  std::vector<Term> terms_;
  std::vector<std::uint64_t> num_states_;
  std::vector<std::vector<Edge>> edges_;  ///< [decision][state * options + option]
};

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

/// Cost factors, constraints, and option 0 wherever a decision has no effect: then a path is canonical.
std::vector<Term> terms_of(const CostTable& table, std::span<const std::size_t> prices) {
  std::vector<Term> terms;
  for (std::uint16_t k = 0; k < prices.size(); ++k)
    for (const auto& factor : table.price_sum(prices[k]).factors()) terms.push_back({Term::kPrice, k, factor});
  for (const auto& constraint : table.constraints()) terms.push_back({Term::kCondition, 0, constraint});
  for (std::size_t d = 0; d < table.decisions().size(); ++d) {
    std::vector<std::int64_t> is_first(table.decisions()[d].options.size(), 0);
    is_first[0] = 1;
    terms.push_back(
        {Term::kCondition, 0, Dim::either(table.activity()[d], Dim(static_cast<std::uint16_t>(d), is_first))});
  }
  std::erase_if(terms, [](const Term& term) { return term.dim.is_constant() && term.dim.value() != 0; });
  if (std::any_of(terms.begin(), terms.end(), [](const Term& term) { return term.dim.is_constant(); }))
    nothing_meets(table);
  return terms;
}

/// With which option every decision has an effect.
void add_effects(const CostTable& table, std::vector<Term>& terms, std::vector<Chain::Effect>& sure) {
  for (std::uint16_t d = 0; d < table.decisions().size(); ++d) {
    std::vector<std::int64_t> numbers(table.decisions()[d].options.size());
    std::iota(numbers.begin(), numbers.end(), 1);
    const Dim effect = Dim::equal(Dim::equal(table.activity()[d], 0), 0) * Dim(d, numbers);
    if (!effect.is_constant()) {
      terms.push_back({Term::kEffect, d, effect});
    } else if (effect.value() != 0) {
      sure.push_back({d, 0});
    }
  }
}

}  // namespace

Chain::Chain(const CostTable& table, std::span<const std::size_t> prices, bool scored)
    : priced(prices.begin(), prices.end()) {
  if (prices.size() > kMostPrices)
    throw UsageError("a set holds " + std::to_string(kMostPrices) + " prices at most, macs and params among them; " +
                     std::to_string(prices.size()) + " are asked for");
  for (const auto& decision : table.decisions()) radices.push_back(static_cast<std::uint32_t>(decision.options.size()));
  auto terms = terms_of(table, prices);
  if (scored) add_effects(table, terms, sure_effects);
  if (terms.size() > kMostTerms)
    throw Error("budgets cannot be counted exactly in this space: its cost has too many terms");
  const Places places(table.decisions(), std::move(terms));
  if (places.num_states().back() == 0) nothing_meets(table);
  const auto cuts = choose_cuts(places.num_states(), radices);
  for (std::size_t c = 0; c + 1 < cuts.size(); ++c) {
    Step step;
    step.first = cuts[c];
    step.end = cuts[c + 1];
    // Every combination of the step's options from `state`, the last decision fastest; `to` is negative once a
    // condition is broken.
    std::uint32_t combination = 0;
    std::vector<Effect> effects;
    const std::function<void(std::size_t, std::int64_t, Prices)> take_all = [&](std::size_t d, std::int64_t to,
                                                                                const Prices& price) {
      if (d == step.end) {
        if (to >= 0) {
          step.moves.push_back({price, combination, static_cast<std::uint32_t>(to),
                                static_cast<std::uint32_t>(step.effects.size()),
                                static_cast<std::uint32_t>(effects.size())});
          step.effects.insert(step.effects.end(), effects.begin(), effects.end());
        }
        ++combination;
        return;
      }
      for (std::uint32_t option = 0; option < radices[d]; ++option) {
        if (to < 0) {
          take_all(d + 1, to, price);
          continue;
        }
        const auto& edge = places.edge(d, static_cast<std::uint64_t>(to), radices[d], option);
        Prices sum = price;
        for (std::size_t k = 0; k < priced.size(); ++k) sum[k] += edge.price[k];
        effects.insert(effects.end(), edge.effects.begin(), edge.effects.end());
        take_all(d + 1, edge.next, sum);
        effects.resize(effects.size() - edge.effects.size());
      }
    };
    for (std::uint64_t state = 0; state < places.num_states()[step.first]; ++state) {
      step.begins.push_back(step.moves.size());
      combination = 0;
      take_all(step.first, static_cast<std::int64_t>(state), Prices{});
    }
    step.begins.push_back(step.moves.size());
    steps.push_back(std::move(step));
  }
  reduce_prices();
  for (std::size_t k = 0; k < priced.size(); ++k) cheapest[k] += table.price_sum(priced[k]).constant();
}

/// Backwards: drops moves into states that lead nowhere, and reduces the prices.
void Chain::reduce_prices() {
  Prices never{};
  never.fill(kNever);
  std::vector<Prices> to_end{Prices{}};
  for (std::size_t i = steps.size(); i-- > 0;) {
    Step& step = steps[i];
    std::vector<Prices> cheapest_from(step.num_states(), never);
    std::vector<Move> kept;
    std::vector<std::size_t> begins;
    for (std::size_t s = 0; s < step.num_states(); ++s) {
      begins.push_back(kept.size());
      for (Move move : step.moves_of(s)) {
        if (to_end[move.next][0] == kNever) continue;
        for (std::size_t k = 0; k < kMostPrices; ++k) {
          move.price[k] += to_end[move.next][k];
          cheapest_from[s][k] = std::min(cheapest_from[s][k], move.price[k]);
        }
        kept.push_back(move);
      }
      for (std::size_t m = begins.back(); m < kept.size(); ++m)
        for (std::size_t k = 0; k < kMostPrices; ++k) kept[m].price[k] -= cheapest_from[s][k];
    }
    begins.push_back(kept.size());
    step.moves = std::move(kept);
    step.begins = std::move(begins);
    to_end = std::move(cheapest_from);
  }
  cheapest = to_end[0];
}

void Chain::take(const Step& step, const Move& move, Architecture& arch) const {
  std::uint32_t rest = move.combination;
  for (std::size_t d = step.end; d-- > step.first;) {
    arch.choices[d] = static_cast<std::uint16_t>(rest % radices[d]);
    rest /= radices[d];
  }
}

}  // namespace frontier
