#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& multiply() {
  static const LayerWriter kWriter = {
      .name = "multiply",
      .onnx =
          [](OnnxLayer& layer) {
            layer.result("Mul", {layer.input(0), layer.input(1)});
          },
      .pytorch = [](const PythonCall& call) { return PythonLayer{.call = call.input(0) + " * " + call.input(1)}; }};
  return kWriter;
}

}  // namespace frontier::writers
