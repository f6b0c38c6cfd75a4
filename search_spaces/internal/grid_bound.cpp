#include "search_spaces/internal/grid_bound.h"

#include <algorithm>
#include <cmath>

namespace frontier {
namespace {

constexpr std::int64_t kNone = -(std::int64_t{1} << 62);  ///< no path; with the gains of some moves still below kLeast
constexpr std::int64_t kLeast = kNone / 2;                ///< every sum of gains is above
constexpr std::int64_t kWindowCells = 64;                 ///< between the limits, if no more than kMostCells in all
constexpr std::int64_t kLeastCells = 1024, kMostCells = 8192;  ///< up to the upper limit
constexpr double kWork = 3e7;                                  ///< moves times cells: some hundredths of a second

std::int64_t floor_of(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
std::int64_t ceiling_of(std::int64_t a, std::int64_t b) { return -floor_of(-a, b); }

}  // namespace

GridBound::GridBound(const Chain& chain, const Gains& gains, std::size_t price, std::int64_t at_least,
                     std::int64_t at_most)
    : chain_(chain), gains_(gains), price_(price), at_least_(at_least), at_most_(at_most) {
  const auto price_of = [&](std::size_t, const Chain::Move& move) { return move.price[price_]; };
  const std::int64_t dearest = chain_.most_to_end(price_of)[0][0];
  at_most_ = std::min(at_most_, dearest);
  double moves = 0;
  for (const auto& step : chain_.steps) moves += static_cast<double>(step.moves.size());
  const auto window = static_cast<double>(std::max<std::int64_t>(1, at_most_ - at_least_));
  double cells = static_cast<double>(kWindowCells) * static_cast<double>(at_most_) / window;
  cells = std::clamp(cells, static_cast<double>(kLeastCells), std::min(static_cast<double>(kMostCells), kWork / moves));
  unit_ = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(static_cast<double>(at_most_) / cells)));
  const auto off = [&](std::size_t, const Chain::Move& move) { return move.price[price_] - cell(move) * unit_; };
  over_ = chain_.most_to_end(off);
  under_ = chain_.most_to_end([&](std::size_t i, const Chain::Move& move) { return -off(i, move); });
  for (auto& of_place : under_)
    for (std::int64_t& least : of_place) least = -least;
  fill();
}

void GridBound::fill() {
  const auto dearest = chain_.most_to_end([&](std::size_t, const Chain::Move& move) { return cell(move); });
  by_cells_.resize(chain_.steps.size() + 1);
  by_cells_.back() = {{0}};
  for (std::size_t i = chain_.steps.size(); i-- > 0;) {
    const Chain::Step& step = chain_.steps[i];
    by_cells_[i].resize(step.num_states());
    for (std::size_t s = 0; s < step.num_states(); ++s) {
      const std::int64_t last = std::min(dearest[i][s], possible(i, s, 0).last);
      auto& here = by_cells_[i][s];
      here.assign(static_cast<std::size_t>(std::max<std::int64_t>(0, last + 1)), kNone);
      for (std::size_t m = step.begins[s]; m < step.begins[s + 1]; ++m) {
        const auto& later = by_cells_[i + 1][step.moves[m].next];
        const auto first = static_cast<std::size_t>(cell(step.moves[m]));
        if (gains_[i][m] == kForbidden || first >= here.size()) continue;
        const std::int64_t gain = gains_[i][m];
        const std::size_t count = std::min(later.size(), here.size() - first);
        for (std::size_t x = 0; x < count; ++x) here[first + x] = std::max(here[first + x], later[x] + gain);
      }
    }
  }
}

GridBound::Range GridBound::possible(std::size_t place, std::size_t state, std::int64_t spent) const {
  return {ceiling_of(at_least_ - spent - over_[place][state], unit_),
          floor_of(at_most_ - spent - under_[place][state], unit_)};
}

GridBound::Range GridBound::sure(std::size_t place, std::size_t state, std::int64_t spent) const {
  return {ceiling_of(at_least_ - spent - under_[place][state], unit_),
          floor_of(at_most_ - spent - over_[place][state], unit_)};
}

/// What of the range there are cells for.
GridBound::Range GridBound::cut(std::size_t place, std::size_t state, const Range& range) const {
  return {std::max<std::int64_t>(0, range.first),
          std::min(range.last, static_cast<std::int64_t>(by_cells_[place][state].size()) - 1)};
}

std::int64_t GridBound::most(std::size_t place, std::size_t state, const Range& range) const {
  const auto [first, last] = cut(place, state, range);
  std::int64_t most = kNone;
  for (std::int64_t x = first; x <= last; ++x)
    most = std::max(most, by_cells_[place][state][static_cast<std::size_t>(x)]);
  return most < kLeast ? kForbidden : most;
}

std::optional<std::vector<std::size_t>> GridBound::best(std::size_t place, std::size_t state,
                                                        const Range& range) const {
  const std::int64_t gain = most(place, state, range);
  if (gain == kForbidden) return std::nullopt;
  const auto at = [&](std::size_t i, std::size_t s, std::int64_t x) {
    const auto& cells = by_cells_[i][s];
    return x < 0 || x >= static_cast<std::int64_t>(cells.size()) ? kNone : cells[static_cast<std::size_t>(x)];
  };
  std::int64_t x = std::max<std::int64_t>(0, range.first);
  while (at(place, state, x) != gain) ++x;
  std::vector<std::size_t> path;
  for (; place < chain_.steps.size(); ++place) {
    const Chain::Step& step = chain_.steps[place];
    std::size_t m = step.begins[state];
    while (gains_[place][m] == kForbidden ||
           gains_[place][m] + at(place + 1, step.moves[m].next, x - cell(step.moves[m])) != at(place, state, x))
      ++m;
    path.push_back(m);
    x -= cell(step.moves[m]);
    state = step.moves[m].next;
  }
  return path;
}

}  // namespace frontier
