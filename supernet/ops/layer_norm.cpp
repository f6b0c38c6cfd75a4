#include "supernet/attention.h"
#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& layer_norm() {
  static const LayerFunction kFunction = {
      .name = "layer_norm", .forward = [](const LayerCall& call) {
        const at::Tensor mask = call.chain.front().mask();
        return mask.defined() ? masked_layer_norm(call.input(), call.weight(0), call.weight(1), mask)
                              : frontier::layer_norm(call.input(), call.weight(0), call.weight(1));
      }};
  return kFunction;
}

}  // namespace frontier::functions
