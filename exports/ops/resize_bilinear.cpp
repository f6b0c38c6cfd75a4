#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& resize_bilinear() {
  static const LayerWriter kWriter = {
      .name = "resize_bilinear",
      .onnx = [](OnnxLayer& layer) { resize_onnx(layer, "linear"); },
      .pytorch = [](const PythonCall& call) { return resize_pytorch(call, "bilinear"); }};
  return kWriter;
}

}  // namespace frontier::writers
