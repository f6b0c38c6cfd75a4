#include "searchers/random.h"

namespace frontier {

std::vector<Architecture> RandomSearcher::ask(std::size_t n, Rng& rng) {
  return Proposals::collect(n, [&] { return proposals_.draw(rng); });
}

void RandomSearcher::tell(std::span<const Evaluated> results) { proposals_.take(results); }

nlohmann::json RandomSearcher::save() const { return begin_state("random", proposals_); }

void RandomSearcher::load(const nlohmann::json& state) {
  load_state(state, "random", proposals_, [](const nlohmann::json&) {});
}

}  // namespace frontier
