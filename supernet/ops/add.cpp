#include <torch/types.h>

#include "supernet/layer_function.h"
#include "supernet/soft_sum.h"

namespace frontier::functions {

const LayerFunction& add() {
  static const LayerFunction kFunction = {.name = "add", .forward = [](const LayerCall& call) {
                                            const at::Tensor& weights = call.chain.front().input_weights;
                                            return weights.defined() ? soft_sum(call.inputs, weights,
                                                                                call.layer().output.channels.max())
                                                                     : call.input(0) + call.input(1);
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
