#include "exports/ops/shared.h"
#include "supernet/layers.h"

namespace frontier::writers {
namespace {

void onnx(OnnxLayer& layer) {
  const bool affine = layer.layer().number("affine") != 0;
  const std::int64_t channels = layer.layer().output.channels.value();
  const auto constant = [&](double value) {
    return layer.numbers(std::vector<double>(static_cast<std::size_t>(channels), value), {channels});
  };
  layer.result("BatchNormalization",
               {layer.input(), affine ? layer.weight("weight") : constant(1),
                affine ? layer.weight("bias") : constant(0), layer.weight("mean"), layer.weight("variance")},
               {{"epsilon", kBatchNormEpsilon}});
}

PythonLayer pytorch(const PythonCall& call) {
  const std::string affine = call.layer.number("affine") != 0 ? "" : ", affine=False";
  return {.module = "nn.BatchNorm2d(" + std::to_string(call.layer.output.channels.value()) + affine + ")",
          .call = "{self}(" + call.input() + ")"};
}

}  // namespace

const LayerWriter& batch_norm() {
  static const LayerWriter kWriter = {.name = "batch_norm", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
