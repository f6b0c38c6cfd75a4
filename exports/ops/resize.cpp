#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& resize() {
  static const LayerWriter kWriter = {
      .name = "resize",
      .onnx = [](OnnxLayer& layer) { resize_onnx(layer, "cubic"); },
      .pytorch = [](const PythonCall& call) { return resize_pytorch(call, "bicubic"); }};
  return kWriter;
}

}  // namespace frontier::writers
