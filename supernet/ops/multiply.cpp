#include "supernet/layer_function.h"
#include "supernet/layers.h"

namespace frontier::functions {

const LayerFunction& multiply() {
  static const LayerFunction kFunction = {
      .name = "multiply", .forward = [](const LayerCall& call) { return channel_gate(call.input(0), call.input(1)); }};
  return kFunction;
}

}  // namespace frontier::functions
