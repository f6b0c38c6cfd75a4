#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

void onnx(OnnxLayer& layer) {
  OnnxLayer::Names inputs = {layer.flat_input(), layer.weight("weight")};
  if (layer.layer().number("bias") != 0) inputs.push_back(layer.weight("bias"));
  layer.flat_result("Gemm", inputs, {{"transB", std::int64_t{1}}});
}

PythonLayer pytorch(const PythonCall& call) {
  const Shape& x = *call.shapes[0];
  const std::int64_t in = x.channels.value() * x.height.value() * x.width.value();
  const std::string bias = call.layer.number("bias") != 0 ? "" : ", bias=False";
  return {.module = "nn.Linear(" + std::to_string(in) + ", " + std::to_string(call.layer.number("out")) + bias + ")",
          .call = call.is_flat[0] ? "{self}({0})" : "{self}({0}.flatten(1))",
          .flat = true};
}

}  // namespace

const LayerWriter& linear() {
  static const LayerWriter kWriter = {.name = "linear", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
