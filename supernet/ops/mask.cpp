#include "supernet/layer_function.h"
#include "supernet/mixing.h"

namespace frontier::functions {

const LayerFunction& mask() {
  static const LayerFunction kFunction = {
      .name = "mask", .forward = [](const LayerCall& call) { return masked(call.input(), call.chain.front().mask()); }};
  return kFunction;
}

}  // namespace frontier::functions
