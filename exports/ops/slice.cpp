#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

std::int64_t end_of(const Layer& layer) { return layer.number("begin") + layer.number("channels"); }

}  // namespace

const LayerWriter& slice() {
  static const LayerWriter kWriter = {
      .name = "slice",
      .onnx = [](OnnxLayer& layer) { channels_onnx(layer, layer.layer().number("begin"), end_of(layer.layer())); },
      .pytorch =
          [](const PythonCall& call) {
            return channels_pytorch(call, call.layer.number("begin"), end_of(call.layer));
          }};
  return kWriter;
}

}  // namespace frontier::writers
