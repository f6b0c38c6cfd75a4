#include "search_spaces/ops/activation.h"

#include "search_spaces/network_graph.h"

namespace frontier {

std::string_view to_string(Activation activation) {
  switch (activation) {
    case Activation::kReLU: return "relu";
    case Activation::kReLU6: return "relu6";
    case Activation::kHSwish: return "hswish";
    case Activation::kHSigmoid: return "hsigmoid";
    case Activation::kSigmoid: return "sigmoid";
    case Activation::kGELU: return "gelu";
  }
  return "?";
}

Activation activation_of(const Layer& layer) { return static_cast<Activation>(layer.number("function")); }

namespace ops {
namespace {

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Activation::kGELU); ++i) names.push_back(to_string(static_cast<Activation>(i)));
  return names;
}

}  // namespace

/// A function of every number. Attribute: function (Activation).
const LayerKind& activation() {
  static const LayerKind kKind = {
      .name = "activation",
      .attributes = {{"function", 0, static_cast<std::int64_t>(Activation::kGELU), function_names()}},
      .output = [](const Layer&, InputShapes inputs) { return *inputs[0]; },
      .beyond =
          [](const Layer& layer, InputShapes) {
            const Activation function = activation_of(layer);
            const bool half = function == Activation::kSigmoid || function == Activation::kHSigmoid;  // of zero
            return half ? Beyond::kFills : Beyond::kKeeps;
          },
      .label = [](const Layer& layer) { return std::string(to_string(activation_of(layer))); },
  };
  return kKind;
}

}  // namespace ops
}  // namespace frontier
