#include "supernet/layer_function.h"
#include "supernet/layers.h"

namespace frontier::functions {

const LayerFunction& resize() {
  static const LayerFunction kFunction = {.name = "resize", .forward = [](const LayerCall& call) {
                                            return frontier::resize(call.input(), call.layer().number("height"),
                                                                    call.layer().number("width"));
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
