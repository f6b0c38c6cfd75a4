#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& add() {
  static const LayerWriter kWriter = {
      .name = "add",
      .onnx =
          [](OnnxLayer& layer) {
            layer.result("Add", {layer.input(0), layer.input(1)});
          },
      .pytorch = [](const PythonCall& call) { return PythonLayer{.call = call.input(0) + " + " + call.input(1)}; }};
  return kWriter;
}

}  // namespace frontier::writers
