#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

void onnx(OnnxLayer& layer) {
  const Shape& y = layer.layer().output;
  const std::string all = layer.node("Shape", {layer.input()}, "shape"),
                    batch = layer.node("Slice", {all, layer.integers({0}), layer.integers({1})}, "batch"),
                    rest = layer.integers({y.channels.value(), y.height.value(), y.width.value()}),
                    shape = layer.node("Concat", {batch, rest}, "sizes", {{"axis", std::int64_t{0}}});
  layer.result("Expand", {layer.number(0), shape});
}

PythonLayer pytorch(const PythonCall& call) {
  const Shape& y = call.layer.output;
  const std::string x = call.input();
  return {.call = x + ".new_zeros(" + x + ".shape[0], " + std::to_string(y.channels.value()) + ", " +
                  std::to_string(y.height.value()) + ", " + std::to_string(y.width.value()) + ")"};
}

}  // namespace

const LayerWriter& zero() {
  static const LayerWriter kWriter = {.name = "zero", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
