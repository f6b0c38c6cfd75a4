#include "search_spaces/selection.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace frontier {

Selection::Selection(const Architecture& arch) {
  decisions_.reserve(arch.choices.size());
  for (const auto choice : arch.choices) decisions_.push_back({{choice}, Combine::kSum});
}

Selection Selection::everything(std::span<const Decision> decisions) {
  std::vector<SelectedOptions> all(decisions.size());
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    all[d].options.resize(decisions[d].options.size());
    std::iota(all[d].options.begin(), all[d].options.end(), std::uint16_t{0});
    all[d].combine = usual_combine(decisions[d].kind);
  }
  return Selection(std::move(all));
}

Combine usual_combine(DecisionKind kind) {
  const bool adds = kind == DecisionKind::kBranch || kind == DecisionKind::kSubset || kind == DecisionKind::kDepth;
  return adds ? Combine::kSum : Combine::kMask;
}

bool Selection::is_hard() const {
  return std::all_of(decisions_.begin(), decisions_.end(), [](const auto& d) { return d.is_hard(); });
}

Architecture Selection::architecture() const {
  if (!is_hard()) throw std::logic_error("a soft selection is no single architecture");
  Architecture arch;
  arch.choices.reserve(decisions_.size());
  for (const auto& decision : decisions_) arch.choices.push_back(decision.options.front());
  return arch;
}

}  // namespace frontier
