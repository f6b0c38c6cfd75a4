#include "supernet/layer_function.h"
#include "supernet/layers.h"

namespace frontier::functions {

const LayerFunction& shift() {
  static const LayerFunction kFunction = {
      .name = "shift", .forward = [](const LayerCall& call) { return frontier::shift(call.input()); }};
  return kFunction;
}

}  // namespace frontier::functions
