#include <torch/types.h>

#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& pixel_shuffle() {
  static const LayerFunction kFunction = {.name = "pixel_shuffle", .forward = [](const LayerCall& call) {
                                            return at::pixel_shuffle(call.input(), call.layer().number("factor"))
                                                .contiguous(at::MemoryFormat::ChannelsLast);
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
