#include "supernet/layer_function.h"
#include "supernet/mixing.h"

namespace frontier::functions {

const LayerFunction& interpolate_channels() {
  static const LayerFunction kFunction = {.name = "interpolate_channels", .forward = [](const LayerCall& call) {
                                            return frontier::interpolate_channels(call.input(),
                                                                                  call.layer()["channels"].max());
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
