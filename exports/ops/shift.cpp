#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& shift() {
  static const LayerWriter kWriter = {
      .name = "shift",
      .onnx =
          [](OnnxLayer& layer) {
            layer.result("Pad", {layer.input(), layer.integers({0, 0, -1, -1, 0, 0, 1, 1})});
          },
      .pytorch =
          [](const PythonCall& call) { return PythonLayer{.call = "F.pad(" + call.input() + ", (-1, 1, -1, 1))"}; }};
  return kWriter;
}

}  // namespace frontier::writers
