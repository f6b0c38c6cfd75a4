#include "searchers/nsga2.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "common/pareto.h"
#include "searchers/internal/variation.h"

namespace frontier {
namespace {

std::vector<double> points_of(std::span<const Evaluated> members) {
  std::vector<double> points;
  for (const auto& member : members) points.insert(points.end(), member.objectives.begin(), member.objectives.end());
  return points;
}

struct Standing {
  std::vector<std::size_t> ranks;
  std::vector<double> crowding;
};

Standing standing_of(std::span<const Evaluated> members, std::size_t dims) {
  const auto points = points_of(members);
  Standing standing{pareto_ranks(points, dims), std::vector<double>(members.size(), 0)};
  std::vector<std::vector<std::size_t>> fronts;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (standing.ranks[i] >= fronts.size()) fronts.resize(standing.ranks[i] + 1);
    fronts[standing.ranks[i]].push_back(i);
  }
  for (const auto& front : fronts) {
    std::vector<double> values;
    for (const auto i : front) values.insert(values.end(), members[i].objectives.begin(), members[i].objectives.end());
    const auto distances = crowding_distances(values, dims);
    for (std::size_t i = 0; i < front.size(); ++i) standing.crowding[front[i]] = distances[i];
  }
  return standing;
}

}  // namespace

std::vector<double> crowding_distances(std::span<const double> points, std::size_t dims) {
  const std::size_t n = points.size() / dims;
  std::vector<double> distances(n, 0);
  std::vector<std::size_t> order(n);
  for (std::size_t k = 0; k < dims; ++k) {
    const auto value = [&](std::size_t i) { return points[i * dims + k]; };
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return value(a) < value(b); });
    if (n == 0 || value(order.front()) == value(order.back())) continue;
    // Halved first: the range of two huge values of opposite sign would overflow.
    const double range = value(order.back()) / 2 - value(order.front()) / 2;
    distances[order.front()] = distances[order.back()] = std::numeric_limits<double>::infinity();
    for (std::size_t i = 1; i + 1 < n; ++i)
      distances[order[i]] += (value(order[i + 1]) / 2 - value(order[i - 1]) / 2) / range;
  }
  return distances;
}

Nsga2::Nsga2(const SearchProblem& problem, const Nsga2Options& options) : options_(options), proposals_(problem) {}

void Nsga2::rank() {
  Standing standing = standing_of(parents_, proposals_.problem().num_objectives);
  ranks_ = std::move(standing.ranks);
  crowding_ = std::move(standing.crowding);
}

/// The best of parents and children by rank, then crowding distance.
void Nsga2::select() {
  std::vector<Evaluated> all = std::move(parents_);
  std::move(children_.begin(), children_.end(), std::back_inserter(all));
  children_.clear();
  const Standing standing = standing_of(all, proposals_.problem().num_objectives);
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return standing.ranks[a] != standing.ranks[b] ? standing.ranks[a] < standing.ranks[b]
                                                  : standing.crowding[a] > standing.crowding[b];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(options_.population)));
  parents_.clear();
  for (const auto i : order) parents_.push_back(std::move(all[i]));
  rank();
}

const Architecture& Nsga2::tournament(Rng& rng) const {
  const std::size_t a = rng.below(parents_.size()), b = rng.below(parents_.size());
  const bool second = ranks_[b] != ranks_[a] ? ranks_[b] < ranks_[a] : crowding_[b] > crowding_[a];
  return parents_[second ? b : a].arch;
}

Architecture Nsga2::vary(Rng& rng) const {
  const FeasibleSet& feasible = *proposals_.problem().feasible;
  const auto& table = feasible.table();
  const Architecture& first = tournament(rng);
  Architecture arch = first;
  fill_inactive(feasible, arch, rng);
  if (rng.uniform() < options_.crossover) {
    const Architecture& second = tournament(rng);
    for (std::size_t d = 0; d < arch.choices.size(); ++d) {
      // A decision without effect in a parent is not inherited from it.
      if (table.activity()[d].at(second) == 0) continue;
      if (table.activity()[d].at(first) == 0 || rng.below(2) == 1) arch.choices[d] = second.choices[d];
    }
  }
  const auto decisions = mutable_decisions(feasible, arch);
  const double probability = options_.mutations / static_cast<double>(std::max<std::size_t>(decisions.size(), 1));
  for (const auto d : decisions)
    if (rng.uniform() < probability) change(feasible, arch, d, rng);
  const SearchSpace& space = *proposals_.problem().space;
  return space.meets_constraints(arch) ? space.canonical(arch) : first;
}

std::optional<Architecture> Nsga2::child(Rng& rng) {
  if (num_random_ < static_cast<std::size_t>(options_.population) || parents_.empty()) {
    ++num_random_;
    return proposals_.draw(rng);
  }
  for (int i = 0; i < options_.variation_tries; ++i) {
    Architecture arch = vary(rng);
    if (proposals_.accept(arch)) return arch;
  }
  return proposals_.draw(rng);
}

std::vector<Architecture> Nsga2::ask(std::size_t n, Rng& rng) {
  // The first generation is not complete (fewer were told than asked for): go on with what there is.
  if (parents_.empty() && !children_.empty() && num_random_ >= static_cast<std::size_t>(options_.population)) select();
  return Proposals::collect(n, [&] { return child(rng); });
}

void Nsga2::tell(std::span<const Evaluated> results) {
  for (auto& result : proposals_.take(results)) {
    children_.push_back(std::move(result));
    if (children_.size() == static_cast<std::size_t>(options_.population)) select();
  }
}

nlohmann::json Nsga2::save() const {
  nlohmann::json state = begin_state("nsga2", proposals_);
  state["parents"] = to_json(parents_);
  state["children"] = to_json(children_);
  state["num_random"] = num_random_;
  return state;
}

void Nsga2::load(const nlohmann::json& state) {
  load_state(state, "nsga2", proposals_, [&](const nlohmann::json& saved) {
    auto parents = evaluated_from_json(saved.at("parents"), proposals_.problem());
    auto children = evaluated_from_json(saved.at("children"), proposals_.problem());
    num_random_ = saved.at("num_random").get<std::size_t>();
    parents_ = std::move(parents);
    children_ = std::move(children);
    rank();
  });
}

}  // namespace frontier
