#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

/// A place is kept free in front of the pixels, where the class token, free behind, is added.
void onnx(OnnxLayer& layer) {
  const Shape &x = *layer.shapes()[0], &y = layer.layer().output;
  const std::int64_t pixels = x.height.value() * x.width.value();
  const std::string flat =
                        layer.node("Reshape", {layer.input(), layer.integers({0, x.channels.value(), pixels})}, "flat"),
                    behind = layer.node("Pad", {flat, layer.integers({0, 0, 1, 0, 0, 0})}, "behind"),
                    column = layer.node("Unsqueeze", {layer.weight("class_token"), layer.integers({1})}, "column"),
                    front = layer.node("Pad", {column, layer.integers({0, 0, 0, pixels})}, "front"),
                    added = layer.node("Add", {layer.weight("position"), front}, "added"),
                    tokens = layer.node("Add", {behind, added}, "tokens");
  layer.result("Reshape", {tokens, layer.integers({0, y.channels.value(), y.height.value(), 1})});
}

constexpr std::string_view kTokens = R"(class Tokens(nn.Module):
    """[N, C, H, W] to [N, C, 1 + H * W, 1]: a class token, then the pixels, with positions added."""

    def __init__(self, channels, length):
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(channels))
        self.position = nn.Parameter(torch.zeros(channels, length))

    def forward(self, x):
        first = self.class_token[None, :, None].expand(x.shape[0], -1, -1)
        return (torch.cat([first, x.flatten(2)], 2) + self.position).unsqueeze(3))";

PythonLayer pytorch(const PythonCall& call) {
  const Shape& y = call.layer.output;
  return {.module = "Tokens(" + std::to_string(y.channels.value()) + ", " + std::to_string(y.height.value()) + ")",
          .call = "{self}(" + call.input() + ")",
          .helpers = {kTokens}};
}

}  // namespace

const LayerWriter& tokens() {
  static const LayerWriter kWriter = {.name = "tokens", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
