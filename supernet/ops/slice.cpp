#include <torch/types.h>

#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& slice() {
  static const LayerFunction kFunction = {.name = "slice", .forward = [](const LayerCall& call) {
                                            return call.input().narrow(1, call.layer().number("begin"),
                                                                       call.layer().number("channels"));
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
