#include <torch/types.h>

#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& zero() {
  static const LayerFunction kFunction = {
      .name = "zero", .forward = [](const LayerCall& call) {
        const Shape& shape = call.layer().output;
        const at::Tensor& x = call.input();
        return at::zeros({x.size(0), shape.channels.max(), shape.height.value(), shape.width.value()},
                         x.options().memory_format(at::MemoryFormat::ChannelsLast));
      }};
  return kFunction;
}

}  // namespace frontier::functions
