#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

/// Alike on all sides; none for even kernels.
std::int64_t padding_of(const Layer& layer) {
  const std::int64_t kernel = layer.number("kernel");
  return kernel % 2 == 0 ? 0 : layer.number("dilation") * (kernel - 1) / 2;
}

void onnx(OnnxLayer& layer) {
  const Layer& conv = layer.layer();
  const auto square = [&](const char* attribute) {
    return std::vector<std::int64_t>{conv.number(attribute), conv.number(attribute)};
  };
  OnnxLayer::Names inputs = {layer.input(), layer.weight("weight")};
  if (conv.number("bias") != 0) inputs.push_back(layer.weight("bias"));
  layer.result("Conv", inputs,
               {{"kernel_shape", square("kernel")},
                {"strides", square("stride")},
                {"dilations", square("dilation")},
                {"group", conv.number("groups")},
                {"pads", same_padding(padding_of(conv), padding_of(conv))}});
}

PythonLayer pytorch(const PythonCall& call) {
  const Layer& conv = call.layer;
  std::string module = "nn.Conv2d(" + std::to_string(call.shapes[0]->channels.value()) + ", " +
                       std::to_string(conv.number("out")) + ", " + std::to_string(conv.number("kernel"));
  const auto add = [&](const char* name, std::int64_t value, std::int64_t usual) {
    if (value != usual) module += std::string(", ") + name + "=" + std::to_string(value);
  };
  add("stride", conv.number("stride"), 1);
  add("padding", padding_of(conv), 0);
  add("dilation", conv.number("dilation"), 1);
  add("groups", conv.number("groups"), 1);
  if (conv.number("bias") == 0) module += ", bias=False";
  return {.module = module + ")", .call = "{self}(" + call.input() + ")"};
}

}  // namespace

const LayerWriter& conv() {
  static const LayerWriter kWriter = {.name = "conv", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
