#include <torch/types.h>

#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& concat() {
  static const LayerFunction kFunction = {.name = "concat", .forward = [](const LayerCall& call) {
                                            return at::cat(at::TensorList(call.inputs.data(), call.inputs.size()), 1);
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
