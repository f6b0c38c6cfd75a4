#include <torch/types.h>

#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& truncate() {
  static const LayerFunction kFunction = {.name = "truncate", .forward = [](const LayerCall& call) {
                                            return call.input().narrow(1, 0, call.layer()["channels"].max());
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
