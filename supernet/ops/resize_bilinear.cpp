#include <torch/types.h>

#include "supernet/layer_function.h"

namespace frontier::functions {

const LayerFunction& resize_bilinear() {
  static const LayerFunction kFunction = {.name = "resize_bilinear", .forward = [](const LayerCall& call) {
                                            const Layer& layer = call.layer();
                                            return at::upsample_bilinear2d(
                                                       call.input(), {layer.number("height"), layer.number("width")},
                                                       /*align_corners=*/false)
                                                .contiguous(at::MemoryFormat::ChannelsLast);
                                          }};
  return kFunction;
}

}  // namespace frontier::functions
