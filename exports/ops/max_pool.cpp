#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& max_pool() {
  static const LayerWriter kWriter = {
      .name = "max_pool",
      .onnx = [](OnnxLayer& layer) { pool_onnx(layer, "MaxPool"); },
      .pytorch = [](const PythonCall& call) { return pool_pytorch(call, "F.max_pool2d"); }};
  return kWriter;
}

}  // namespace frontier::writers
