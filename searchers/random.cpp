#include "searchers/random.h"

namespace frontier {

std::vector<Architecture> RandomSearcher::ask(std::size_t n, Rng& rng) {
  std::vector<Architecture> batch;
  while (batch.size() < n) {
    auto arch = proposals_.draw(rng);
    if (!arch) break;
    batch.push_back(std::move(*arch));
  }
  return batch;
}

void RandomSearcher::tell(std::span<const Evaluated> results) {
  std::vector<Evaluated> checked;
  for (const auto& result : results) checked.push_back(proposals_.checked(result));
  for (const auto& result : checked) proposals_.remember(result.arch);
}

nlohmann::json RandomSearcher::save() const { return begin_state("random", proposals_); }

void RandomSearcher::load(const nlohmann::json& state) {
  load_state(state, "random", proposals_, [](const nlohmann::json&) {});
}

}  // namespace frontier
