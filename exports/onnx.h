#pragma once

#include <string>
#include <string_view>

#include "exports/model.h"

namespace frontier {

/// A model as an ONNX file: one node or a few a layer under the layer's name, initialisers that are the network's own
/// weights and nothing else, any batch size, everything else that stored() says as metadata. Input "images", output
/// "logits".
///
/// Opset 17 (the first with LayerNormalization), IR version 8.
/// @throws Error where the file would have more than the 2 GB that protobuf allows.
std::string to_onnx(const Model& model);

/// What stored() said. @throws UsageError for bytes that are no ONNX file that to_onnx() wrote.
StoredModel from_onnx(std::string_view bytes, std::string_view source);

inline constexpr int kOnnxOpset = 17;

}  // namespace frontier
