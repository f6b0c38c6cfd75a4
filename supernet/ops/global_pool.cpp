#include "supernet/layer_function.h"
#include "supernet/layers.h"

namespace frontier::functions {

const LayerFunction& global_pool() {
  static const LayerFunction kFunction = {.name = "global_pool", .forward = [](const LayerCall& call) {
                                            return frontier::global_pool(call.input(), call.layer().number("skip"));
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
