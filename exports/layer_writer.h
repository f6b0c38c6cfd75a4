#pragma once

#include <span>
#include <string_view>

#include "exports/onnx_layer.h"
#include "exports/python_layer.h"

namespace frontier {

/// How layers of one kind are written in formats that are programs themselves, as LayerFunction says what they compute.
/// One file a kind in exports/ops/, from which the build makes the table.
struct LayerWriter {
  std::string_view name;  ///< the kind's
  void (*onnx)(OnnxLayer& layer) = nullptr;
  PythonLayer (*pytorch)(const PythonCall& call) = nullptr;
};

/// @throws UsageError saying that layers of this kind cannot be written.
const LayerWriter& layer_writer(const LayerKind& kind);
/// All of them, by name. Kinds that only soft networks have are not among them.
std::span<const LayerWriter* const> layer_writers();

}  // namespace frontier
