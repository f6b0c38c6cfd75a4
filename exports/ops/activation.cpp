#include <cmath>
#include <stdexcept>

#include "exports/ops/shared.h"
#include "search_spaces/ops/activation.h"

namespace frontier::writers {
namespace {

/// x / 2 * (1 + erf(x / sqrt 2)): ONNX has no operator for it before opset 20.
void gelu_onnx(OnnxLayer& layer, const std::string& x) {
  const std::string scaled = layer.node("Div", {x, layer.number(std::sqrt(2.0))}, "scaled"),
                    erf = layer.node("Erf", {scaled}, "erf"), gate = layer.node("Add", {erf, layer.number(1)}, "gate"),
                    half = layer.node("Mul", {x, layer.number(0.5)}, "half");
  layer.result("Mul", {half, gate});
}

void onnx(OnnxLayer& layer) {
  const std::string x = layer.any_input();
  switch (activation_of(layer.layer())) {
    case Activation::kReLU: return layer.result("Relu", {x});
    case Activation::kReLU6: return layer.result("Clip", {x, layer.number(0), layer.number(6)});
    case Activation::kHSwish: return layer.result("HardSwish", {x});
    case Activation::kHSigmoid: return layer.result("HardSigmoid", {x}, {{"alpha", 1.0 / 6.0}, {"beta", 0.5}});
    case Activation::kSigmoid: return layer.result("Sigmoid", {x});
    case Activation::kGELU: return gelu_onnx(layer, x);
  }
  throw std::logic_error("activation");
}

const char* function_of(Activation activation) {
  switch (activation) {
    case Activation::kReLU: return "F.relu";
    case Activation::kReLU6: return "F.relu6";
    case Activation::kHSwish: return "F.hardswish";
    case Activation::kHSigmoid: return "F.hardsigmoid";
    case Activation::kSigmoid: return "torch.sigmoid";
    case Activation::kGELU: return "F.gelu";
  }
  throw std::logic_error("activation");
}

PythonLayer pytorch(const PythonCall& call) {
  return {.call = std::string(function_of(activation_of(call.layer))) + "({0})", .flat = call.is_flat[0]};
}

}  // namespace

const LayerWriter& activation() {
  static const LayerWriter kWriter = {.name = "activation", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
