#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& truncate() {
  static const LayerWriter kWriter = {
      .name = "truncate",
      .onnx = [](OnnxLayer& layer) { channels_onnx(layer, 0, layer.layer().number("channels")); },
      .pytorch = [](const PythonCall& call) { return channels_pytorch(call, 0, call.layer.number("channels")); }};
  return kWriter;
}

}  // namespace frontier::writers
