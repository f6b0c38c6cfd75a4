#include "supernet/layer_function.h"
#include "supernet/layers.h"

namespace frontier::functions {

const LayerFunction& activation() {
  static const LayerFunction kFunction = {.name = "activation", .forward = [](const LayerCall& call) {
                                            return apply_activation(call.input(), activation_of(call.layer()));
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
