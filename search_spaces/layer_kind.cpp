#include "search_spaces/layer_kind.h"

#include <algorithm>
#include <stdexcept>

#include "common/text.h"

namespace frontier {

const LayerKind& layer_kind(std::string_view name) {
  const auto all = layer_kinds();
  const auto it = std::lower_bound(all.begin(), all.end(), name,
                                   [](const LayerKind* kind, std::string_view wanted) { return kind->name < wanted; });
  if (it != all.end() && (*it)->name == name) return **it;
  std::vector<std::string> names;
  for (const LayerKind* kind : all) names.emplace_back(kind->name);
  throw std::logic_error(unknown_name("kind of layer", name, names));
}

Dim reduced_side(const Dim& side, const Dim& stride) {
  return stride == Dim(1) ? side : (side + stride - Dim(1)) / stride;
}

bool holds_somewhere(const Dim& condition) { return condition.max() != 0; }

}  // namespace frontier
