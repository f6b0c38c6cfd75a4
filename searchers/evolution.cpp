#include "searchers/evolution.h"

#include "common/errors.h"
#include "searchers/internal/variation.h"

namespace frontier {

Evolution::Evolution(const SearchProblem& problem, const EvolutionOptions& options)
    : options_(options), proposals_(problem) {
  if (options.sample > options.population)
    throw UsageError("searcher.sample = " + std::to_string(options.sample) +
                     " is larger than searcher.population = " + std::to_string(options.population));
}

const Architecture& Evolution::tournament(Rng& rng) const {
  const Evaluated* best = nullptr;
  for (int i = 0; i < options_.sample; ++i) {
    const Evaluated& candidate = population_[rng.below(population_.size())];
    if (!best || candidate.objectives[0] < best->objectives[0]) best = &candidate;
  }
  return best->arch;
}

std::optional<Architecture> Evolution::child(Rng& rng) {
  if (num_random_ < static_cast<std::size_t>(options_.population) || population_.empty()) {
    ++num_random_;
    return proposals_.draw(rng);
  }
  for (int i = 0; i < options_.mutation_tries; ++i) {
    Architecture arch = mutate_one(proposals_.problem(), tournament(rng), rng);
    if (proposals_.accept(arch)) return arch;
  }
  return proposals_.draw(rng);
}

std::vector<Architecture> Evolution::ask(std::size_t n, Rng& rng) {
  return Proposals::collect(n, [&] { return child(rng); });
}

void Evolution::tell(std::span<const Evaluated> results) {
  for (auto& result : proposals_.take(results)) {
    population_.push_back(std::move(result));
    if (population_.size() > static_cast<std::size_t>(options_.population)) population_.pop_front();
  }
}

nlohmann::json Evolution::save() const {
  nlohmann::json state = begin_state("evolution", proposals_);
  state["population"] = to_json({population_.begin(), population_.end()});
  state["num_random"] = num_random_;
  return state;
}

void Evolution::load(const nlohmann::json& state) {
  load_state(state, "evolution", proposals_, [&](const nlohmann::json& saved) {
    const auto population = evaluated_from_json(saved.at("population"), proposals_.problem());
    const auto num_random = saved.at("num_random").get<std::size_t>();
    population_.assign(population.begin(), population.end());
    num_random_ = num_random;
  });
}

}  // namespace frontier
