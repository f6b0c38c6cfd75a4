#include "exports/layer_writer.h"

#include <algorithm>

#include "common/errors.h"

namespace frontier {

const LayerWriter& layer_writer(const LayerKind& kind) {
  const auto all = layer_writers();
  const auto it =
      std::lower_bound(all.begin(), all.end(), kind.name,
                       [](const LayerWriter* writer, std::string_view name) { return writer->name < name; });
  if (it == all.end() || (*it)->name != kind.name)
    throw UsageError(
        "layers of kind '" + std::string(kind.name) + "' cannot be written to ONNX or PyTorch" +
        (kind.soft_only ? ": only soft networks have them" : "; add exports/ops/" + std::string(kind.name) + ".cpp"));
  return **it;
}

}  // namespace frontier
