#include "supernet/layer_function.h"
#include "supernet/soft_sum.h"

namespace frontier::functions {

const LayerFunction& mix() {
  static const LayerFunction kFunction = {.name = "mix", .forward = [](const LayerCall& call) {
                                            return soft_sum(call.inputs, call.chain.front().input_weights,
                                                            call.layer().output.channels.max());
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
