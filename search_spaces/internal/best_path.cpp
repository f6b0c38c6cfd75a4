#include "search_spaces/internal/best_path.h"

#include <algorithm>

#include "common/errors.h"

namespace frontier {
namespace {

constexpr std::size_t kMostNodes = 4'000'000;  // 300 MB
constexpr std::size_t kManyNodes = 2000;       // behind which a grid is worth its milliseconds
constexpr std::size_t kMostLabels = 256;       // of a state, with which others are compared
constexpr int kMostLines = 64;                 // in the search for a charge; some ten are usual
constexpr int kRounds = 3;                     // over the limited prices
constexpr std::int64_t kMostCharge = std::int64_t{1} << 61;

}  // namespace

BestPath::BestPath(const Chain& chain, Gains gains, const PathLimits& limits, bool only_first, std::int64_t slack)
    : chain_(chain),
      gains_(std::move(gains)),
      limits_(limits),
      only_first_(only_first),
      slack_(slack),
      open_(Later{this}) {
  for (std::size_t k = 0; k < chain_.priced.size(); ++k) {
    if (limits_.at_least[k] <= 0 && limits_.at_most[k] == Chain::kNever) continue;
    limited_.push_back(k);
    most_left_.push_back(chain_.most_to_end([&](std::size_t, const Chain::Move& move) { return move.price[k]; }));
  }
  add_bounds();
  begin();
}

void BestPath::begin() {
  nodes_.clear();
  open_ = decltype(open_)(Later{this});
  labels_.assign(chain_.steps.size() + 1, {});
  for (std::size_t i = 0; i < chain_.steps.size(); ++i) labels_[i].resize(chain_.steps[i].num_states());
  labels_.back().resize(1);
  Node start;
  start.bound = bound_of(start);
  if (start.bound == kForbidden || !is_within_reach(start)) return;
  nodes_.push_back(start);
  open_.push(0);
}

BestPath::Bound BestPath::make_bound(const Charges& charges) const {
  Bound bound;
  bound.charges = charges;
  bound.to_end.resize(chain_.steps.size() + 1);
  bound.to_end.back() = {0};
  bound.best_move.resize(chain_.steps.size());
  for (std::size_t i = chain_.steps.size(); i-- > 0;) {
    const Chain::Step& step = chain_.steps[i];
    bound.to_end[i].assign(step.num_states(), kForbidden);
    bound.best_move[i].assign(step.num_states(), 0);
    for (std::size_t s = 0; s < step.num_states(); ++s)
      for (std::size_t m = step.begins[s]; m < step.begins[s + 1]; ++m) {
        const Chain::Move& move = step.moves[m];
        const Wide later = bound.to_end[i + 1][move.next];
        if (gains_[i][m] == kForbidden || later == kForbidden) continue;
        Wide value = gains_[i][m] + later;
        for (const std::size_t k : limited_) value -= static_cast<Wide>(charges[k]) * move.price[k];
        if (bound.to_end[i][s] != kForbidden && value <= bound.to_end[i][s]) continue;
        bound.to_end[i][s] = value;
        bound.best_move[i][s] = static_cast<std::uint32_t>(m);
      }
  }
  return bound;
}

/// Hands `take` a step's index and a move's, for every move to the end of the path for which the bound is exact: there
/// must be one.
template <class Take>
void BestPath::follow(const Bound& bound, std::size_t place, std::size_t state, const Take& take) const {
  for (; place < chain_.steps.size(); ++place) {
    const std::size_t m = bound.best_move[place][state];
    take(place, m);
    state = chain_.steps[place].moves[m].next;
  }
}

/// What the path costs for which the bound is exact; none where everything is forbidden.
std::optional<Chain::Prices> BestPath::cost_of_best(const Bound& bound) const {
  if (bound.to_end[0][0] == kForbidden) return std::nullopt;
  Chain::Prices cost{};
  follow(bound, 0, 0, [&](std::size_t place, std::size_t m) {
    for (const std::size_t k : limited_) cost[k] += chain_.steps[place].moves[m].price[k];
  });
  return cost;
}

/// The least charge of price `k`, the others as they are, with which the best path keeps the limit that it breaks
/// without: where the bound at the start is lowest. Paths are lines over the charge, of which the greatest counts: from
/// where a line that breaks the limit meets one that keeps it, the greatest one there takes the place of one of them.
std::int64_t BestPath::find_charge(Charges charges, std::size_t k) const {
  struct Line {
    Wide gain = 0;           ///< less the other charges
    std::int64_t price = 0;  ///< below 0 for a lower limit
    Wide at(std::int64_t charge) const { return gain - static_cast<Wide>(charge) * price; }
  };
  std::int64_t sign = 1;
  const auto greatest_at = [&](std::int64_t charge) -> std::optional<Line> {
    charges[k] = sign * charge;
    const Bound bound = make_bound(charges);
    const auto cost = cost_of_best(bound);
    if (!cost) return std::nullopt;
    const std::int64_t price = sign * (*cost)[k];
    return Line{bound.to_end[0][0] + static_cast<Wide>(charge) * price, price};
  };
  const auto free = greatest_at(0);
  if (!free || (free->price <= limits_.at_most[k] && free->price >= limits_.at_least[k])) return 0;
  sign = free->price > limits_.at_most[k] ? 1 : -1;
  const std::int64_t limit = sign > 0 ? limits_.at_most[k] : -limits_.at_least[k];
  Line breaks{free->gain, sign * free->price}, keeps = *greatest_at(kMostCharge);
  if (keeps.price > limit) return sign * kMostCharge;
  for (int i = 0; i < kMostLines; ++i) {
    const std::int64_t apart = breaks.price - keeps.price;  // above 0
    const Wide meeting = (breaks.gain - keeps.gain + apart - 1) / apart;
    const auto charge = static_cast<std::int64_t>(std::min<Wide>(meeting, kMostCharge));
    const Line greatest = *greatest_at(charge);
    if (greatest.at(charge) <= keeps.at(charge) || i + 1 == kMostLines) return sign * charge;
    (greatest.price > limit ? breaks : keeps) = greatest;
  }
  return 0;
}

/// No charge, the charges that bound the start best, and others around them, which bound rests of paths better.
void BestPath::add_bounds() {
  bounds_.push_back(make_bound({}));
  Charges best{};
  for (int round = 0; round < (limited_.size() > 1 ? kRounds : 1); ++round)
    for (const std::size_t k : limited_) best[k] = find_charge(best, k);
  if (best == Charges{}) return;
  for (const std::int64_t eighths : {8, 4, 6, 10, 14}) {
    Charges charges{};
    for (const std::size_t k : limited_) charges[k] = best[k] / 8 * eighths + best[k] % 8 * eighths / 8;
    bounds_.push_back(make_bound(charges));
  }
  if (limited_.size() < 2) return;
  for (const std::size_t k : limited_) {
    Charges alone{};
    alone[k] = find_charge({}, k);
    if (alone != Charges{}) bounds_.push_back(make_bound(alone));
  }
}

/// On the price whose limits are nearest to each other, beside what it may be at all.
void BestPath::add_grid() {
  double narrowest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < limited_.size(); ++i) {
    const std::size_t k = limited_[i];
    const std::int64_t dearest = most_left_[i][0][0];
    const auto width = static_cast<double>(std::min(limits_.at_most[k], dearest) - limits_.at_least[k]);
    if (width / static_cast<double>(std::max<std::int64_t>(1, dearest)) >= narrowest) continue;
    narrowest = width / static_cast<double>(std::max<std::int64_t>(1, dearest));
    grid_price_ = k;
  }
  grid_.emplace(chain_, gains_, grid_price_, limits_.at_least[grid_price_], limits_.at_most[grid_price_]);
}

/// The most that a path through the node can gain in all; kForbidden if there is none.
std::int64_t BestPath::bound_of(const Node& node) const {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const Bound& bound : bounds_) {
    const Wide to_end = bound.to_end[node.place][node.state];
    if (to_end == kForbidden) return kForbidden;
    Wide most = node.gain + to_end;
    for (const std::size_t k : limited_) {
      const std::int64_t charge = bound.charges[k];
      if (charge == 0) continue;
      const std::int64_t limit = charge > 0 ? limits_.at_most[k] : limits_.at_least[k];
      most += static_cast<Wide>(charge) * (limit - node.spent[k]);
    }
    if (most < kForbidden / 2) return kForbidden;  // less than any path gains: none keeps the limits
    if (most < least) least = static_cast<std::int64_t>(most);
  }
  if (!grid_) return least;
  const std::int64_t rest =
      grid_->most(node.place, node.state, grid_->possible(node.place, node.state, node.spent[grid_price_]));
  return rest == GridBound::kForbidden ? kForbidden : std::min(least, node.gain + rest);
}

bool BestPath::is_within_reach(const Node& node) const {
  for (std::size_t i = 0; i < limited_.size(); ++i) {
    const std::size_t k = limited_[i];
    if (node.spent[k] > limits_.at_most[k] ||
        node.spent[k] + most_left_[i][node.place][node.state] < limits_.at_least[k])
      return false;
  }
  return true;
}

/// Order of architectures, of which the nodes' paths are beginnings; 0 where one is a beginning of the other.
int BestPath::compare_order(Index a, Index b) const {
  while (nodes_[a].place > nodes_[b].place) a = nodes_[a].parent;
  while (nodes_[b].place > nodes_[a].place) b = nodes_[b].parent;
  int order = 0;
  for (; a != b; a = nodes_[a].parent, b = nodes_[b].parent)
    if (nodes_[a].combination != nodes_[b].combination) order = nodes_[a].combination < nodes_[b].combination ? -1 : 1;
  return order;
}

bool BestPath::is_before(Index a, Index b) const {
  if (nodes_[a].bound != nodes_[b].bound) return nodes_[a].bound > nodes_[b].bound;
  const int order = compare_order(a, b);
  return order != 0 ? order < 0 : nodes_[a].place < nodes_[b].place;
}

/// Of two nodes in the same state: every end that `b` can take, `a` can, too, with no worse a result.
bool BestPath::makes_superfluous(Index a, Index b) const {
  const Node &x = nodes_[a], &y = nodes_[b];
  if (x.gain < y.gain) return false;
  for (std::size_t i = 0; i < limited_.size(); ++i) {
    const std::size_t k = limited_[i];
    const bool keeps_upper =
        x.spent[k] <= y.spent[k] || limits_.at_most[k] - x.spent[k] >= most_left_[i][x.place][x.state];
    const bool keeps_lower = x.spent[k] >= y.spent[k] || x.spent[k] >= limits_.at_least[k];
    if (!keeps_upper || !keeps_lower) return false;
  }
  return x.gain > y.gain || compare_order(a, b) < 0;
}

/// Whether the newest node is worth keeping; marks those that it makes superfluous.
bool BestPath::is_new(Index index) {
  auto& labels = labels_[nodes_[index].place][nodes_[index].state];
  if (std::any_of(labels.begin(), labels.end(), [&](Index other) { return makes_superfluous(other, index); }))
    return false;
  if (labels.size() == kMostLabels) return true;
  std::erase_if(labels, [&](Index other) {
    nodes_[other].is_superfluous = makes_superfluous(index, other);
    return nodes_[other].is_superfluous;
  });
  labels.push_back(index);
  return true;
}

void BestPath::extend(Index index) {
  const std::size_t place = nodes_[index].place;
  const Chain::Step& step = chain_.steps[place];
  for (std::size_t m = step.begins[nodes_[index].state]; m < step.begins[nodes_[index].state + 1]; ++m) {
    if (gains_[place][m] == kForbidden) continue;
    const Chain::Move& move = step.moves[m];
    Node node = nodes_[index];
    node.gain += gains_[place][m];
    for (const std::size_t k : limited_) node.spent[k] += move.price[k];
    node.place = static_cast<std::uint32_t>(place + 1);
    node.state = move.next;
    node.parent = index;
    node.combination = move.combination;
    node.bound = bound_of(node);
    if (node.bound == kForbidden || is_good_enough(node.bound) || !is_within_reach(node)) continue;
    if (nodes_.size() == kMostNodes)
      throw Error("the best subnet within these limits was not found in " + std::to_string(kMostNodes) +
                  " steps; widen the limits, or forbid more options");
    const auto added = static_cast<Index>(nodes_.size());
    nodes_.push_back(node);
    if (only_first_ && !limited_.empty() && !is_new(added)) {
      nodes_.pop_back();
      continue;
    }
    open_.push(added);
  }
}

bool BestPath::keeps_limits(const Chain::Prices& cost) const {
  return std::all_of(limited_.begin(), limited_.end(),
                     [&](std::size_t k) { return cost[k] >= limits_.at_least[k] && cost[k] <= limits_.at_most[k]; });
}

/// Whether the incumbent will do in place of whatever gains at most `bound`.
bool BestPath::is_good_enough(std::int64_t bound) const { return incumbent_ && bound - slack_ <= incumbent_gain_; }

/// Follows from the node on what every bound takes for best.
void BestPath::dive(Index index) {
  const Node node = nodes_[index];
  std::vector<std::size_t> moves;
  for (const Bound& bound : bounds_) {
    moves.clear();
    follow(bound, node.place, node.state, [&](std::size_t, std::size_t m) { moves.push_back(m); });
    try_end(index, moves);
  }
  if (!grid_) return;
  const std::int64_t spent = node.spent[grid_price_];
  for (const auto& range : {grid_->sure(node.place, node.state, spent), grid_->possible(node.place, node.state, spent)})
    if (const auto path = grid_->best(node.place, node.state, range)) try_end(index, *path);
}

/// Takes the path through the node that ends with these moves for the incumbent, if it is better and within the limits.
void BestPath::try_end(Index index, std::span<const std::size_t> moves) {
  const std::size_t place = nodes_[index].place;
  const auto move_at = [&](std::size_t i) -> const Chain::Move& { return chain_.steps[place + i].moves[moves[i]]; };
  std::int64_t gain = nodes_[index].gain;
  Chain::Prices cost = nodes_[index].spent;
  for (std::size_t i = 0; i < moves.size(); ++i) {
    gain += gains_[place + i][moves[i]];
    for (const std::size_t k : limited_) cost[k] += move_at(i).price[k];
  }
  if ((incumbent_ && gain <= incumbent_gain_) || !keeps_limits(cost)) return;
  incumbent_gain_ = gain;
  incumbent_ = architecture_of(index);
  for (std::size_t i = 0; i < moves.size(); ++i) chain_.take(chain_.steps[place + i], move_at(i), *incumbent_);
}

Architecture BestPath::architecture_of(Index index) const {
  Architecture arch;
  arch.choices.assign(chain_.radices.size(), 0);
  for (; nodes_[index].place > 0; index = nodes_[index].parent) {
    Chain::Move move;
    move.combination = nodes_[index].combination;
    chain_.take(chain_.steps[nodes_[index].place - 1], move, arch);
  }
  return arch;
}

std::optional<Architecture> BestPath::next() {
  while (!open_.empty()) {
    if (nodes_.size() > kManyNodes && !grid_ && only_first_ && !limited_.empty()) {
      add_grid();
      begin();
      continue;
    }
    const Index index = open_.top();
    if (is_good_enough(nodes_[index].bound)) break;
    open_.pop();
    if (nodes_[index].is_superfluous) continue;
    if (nodes_[index].place == chain_.steps.size()) return architecture_of(index);
    if (slack_ > 0) dive(index);
    extend(index);
  }
  return incumbent_;
}

}  // namespace frontier
