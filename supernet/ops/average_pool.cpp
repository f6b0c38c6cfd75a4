#include "supernet/layer_function.h"
#include "supernet/layers.h"

namespace frontier::functions {

const LayerFunction& average_pool() {
  static const LayerFunction kFunction = {.name = "average_pool", .forward = [](const LayerCall& call) {
                                            return frontier::average_pool(call.input(), call.layer().number("kernel"),
                                                                          call.layer().number("stride"));
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
