#include "exports/model.h"
#include "exports/ops/shared.h"

namespace frontier::writers {
namespace {

/// 255 times what is said of pixel / 255, so that pixels are normalised as they are.
std::vector<double> of_pixels(const std::vector<double>& values) {
  std::vector<double> result;
  for (const double value : values) result.push_back(255 * value);
  return result;
}

void onnx(OnnxLayer& layer) {
  const ModelInfo& info = layer.info();
  if (info.input == kNormalised) return layer.same_as("images");
  constexpr std::int64_t kFloat = 1;
  const std::vector<std::int64_t> shape = {1, static_cast<std::int64_t>(info.mean.size()), 1, 1};
  const std::string pixels = layer.node("Cast", {"images"}, "pixels", {{"to", kFloat}}),
                    centred = layer.node("Sub", {pixels, layer.numbers(of_pixels(info.mean), shape)}, "centred");
  layer.result("Div", {centred, layer.numbers(of_pixels(info.stddev), shape)});
}

constexpr std::string_view kNormalise = R"(class Normalise(nn.Module):
    """Pixels from 0 to 255, of any type, as the network was trained on them."""

    def __init__(self, mean, stddev):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer("stddev", torch.tensor(stddev).reshape(1, -1, 1, 1), persistent=False)

    def forward(self, pixels):
        return (pixels.float() / 255 - self.mean) / self.stddev)";

PythonLayer pytorch(const PythonCall& call) {
  if (call.info.input == kNormalised) return {.call = "{images}"};
  return {.module = "Normalise(" + python_list(call.info.mean) + ", " + python_list(call.info.stddev) + ")",
          .call = "{self}({images})",
          .helpers = {kNormalise}};
}

}  // namespace

const LayerWriter& input() {
  static const LayerWriter kWriter = {.name = "input", .onnx = onnx, .pytorch = pytorch};
  return kWriter;
}

}  // namespace frontier::writers
