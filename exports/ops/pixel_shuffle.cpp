#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& pixel_shuffle() {
  static const LayerWriter kWriter = {
      .name = "pixel_shuffle",
      .onnx =
          [](OnnxLayer& layer) {
            layer.result("DepthToSpace", {layer.input()},
                         {{"blocksize", layer.layer().number("factor")}, {"mode", "CRD"}});
          },
      .pytorch =
          [](const PythonCall& call) {
            return PythonLayer{.call = "F.pixel_shuffle(" + call.input() + ", " +
                                       std::to_string(call.layer.number("factor")) + ")"};
          }};
  return kWriter;
}

}  // namespace frontier::writers
