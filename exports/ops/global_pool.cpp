#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

void onnx(OnnxLayer& layer) {
  std::string x = layer.input();
  if (const std::int64_t skip = layer.layer().number("skip"); skip > 0)
    x = layer.node(
        "Slice", {x, layer.integers({skip}), layer.integers({layer.shapes()[0]->height.value()}), layer.integers({2})},
        "tokens");
  layer.result("ReduceMean", {x}, {{"axes", std::vector<std::int64_t>{2, 3}}, {"keepdims", std::int64_t{1}}});
}

PythonLayer pytorch(const PythonCall& call) {
  const std::int64_t skip = call.layer.number("skip");
  const std::string tokens = skip > 0 ? "[:, :, " + std::to_string(skip) + ":]" : "";
  return {.call = call.input() + tokens + ".mean((2, 3), keepdim=True)"};
}

}  // namespace

const LayerWriter& global_pool() {
  static const LayerWriter kWriter = {.name = "global_pool", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
