#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

void onnx(OnnxLayer& layer) {
  OnnxLayer::Names inputs;
  for (std::size_t slot = 0; slot < layer.num_inputs(); ++slot) inputs.push_back(layer.input(slot));
  layer.result("Concat", inputs, {{"axis", std::int64_t{1}}});
}

PythonLayer pytorch(const PythonCall& call) {
  std::vector<std::string> inputs;
  for (std::size_t slot = 0; slot < call.num_inputs(); ++slot) inputs.push_back(call.input(slot));
  return {.call = "torch.cat([" + join(inputs) + "], 1)"};
}

}  // namespace

const LayerWriter& concat() {
  static const LayerWriter kWriter = {.name = "concat", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
