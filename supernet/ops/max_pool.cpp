#include "supernet/layer_function.h"
#include "supernet/layers.h"

namespace frontier::functions {

const LayerFunction& max_pool() {
  static const LayerFunction kFunction = {.name = "max_pool", .forward = [](const LayerCall& call) {
                                            return frontier::max_pool(call.input(), call.layer().number("kernel"),
                                                                      call.layer().number("stride"));
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
