#include "exports/ops/shared.h"
#include "supernet/attention.h"

namespace frontier::writers {
namespace {

void onnx(OnnxLayer& layer) {
  const std::string tokens =
      layer.node("Transpose", {layer.input()}, "tokens", {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}});
  const std::string normalised =
      layer.node("LayerNormalization", {tokens, layer.weight("weight"), layer.weight("bias")}, "normalised",
                 {{"axis", std::int64_t{-1}}, {"epsilon", kLayerNormEpsilon}});
  layer.result("Transpose", {normalised}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}});
}

constexpr std::string_view kChannelNorm = R"(class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of [N, C, H, W]."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))";

PythonLayer pytorch(const PythonCall& call) {
  return {.module = "ChannelNorm(" + std::to_string(call.layer.output.channels.value()) + ")",
          .call = "{self}(" + call.input() + ")",
          .helpers = {kChannelNorm}};
}

}  // namespace

const LayerWriter& layer_norm() {
  static const LayerWriter kWriter = {.name = "layer_norm", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
