#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

void onnx(OnnxLayer& layer) {
  const Shape& y = layer.layer().output;
  const std::int64_t groups = layer.layer().number("groups"), channels = y.channels.value(), height = y.height.value(),
                     width = y.width.value();
  const std::string apart =
      layer.node("Reshape", {layer.input(), layer.integers({0, groups, channels / groups, height, width})}, "groups");
  const std::string turned =
      layer.node("Transpose", {apart}, "turned", {{"perm", std::vector<std::int64_t>{0, 2, 1, 3, 4}}});
  layer.result("Reshape", {turned, layer.integers({0, channels, height, width})});
}

PythonLayer pytorch(const PythonCall& call) {
  return {.call = "torch.channel_shuffle(" + call.input() + ", " + std::to_string(call.layer.number("groups")) + ")"};
}

}  // namespace

const LayerWriter& channel_shuffle() {
  static const LayerWriter kWriter = {.name = "channel_shuffle", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
