#include <torch/types.h>

#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& input() {
  static const LayerFunction kFunction = {.name = "input", .forward = [](const LayerCall& call) {
                                            return call.input().contiguous(at::MemoryFormat::ChannelsLast);
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
