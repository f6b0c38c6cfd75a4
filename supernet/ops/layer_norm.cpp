#include "supernet/attention.h"
#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& layer_norm() {
  static const LayerFunction kFunction = {.name = "layer_norm", .forward = [](const LayerCall& call) {
                                            return frontier::layer_norm(call.input(), call.weight(0), call.weight(1));
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
