#include "exports/ops/shared.h"

namespace frontier::writers {

const LayerWriter& average_pool() {
  static const LayerWriter kWriter = {
      .name = "average_pool",
      .onnx =
          [](OnnxLayer& layer) {
            pool_onnx(layer, "AveragePool", {{"count_include_pad", std::int64_t{0}}});
          },
      .pytorch =
          [](const PythonCall& call) { return pool_pytorch(call, "F.avg_pool2d", ", count_include_pad=False"); }};
  return kWriter;
}

}  // namespace frontier::writers
