#include <torch/types.h>

#include "supernet/layer_function.h"

namespace frontier::functions {

/// One copy, which is channels-last.
const LayerFunction& channel_shuffle() {
  static const LayerFunction kFunction = {
      .name = "channel_shuffle", .forward = [](const LayerCall& call) {
        const std::int64_t groups = call.layer().number("groups");
        const at::Tensor pixels = call.input().permute({0, 2, 3, 1});
        return pixels.unflatten(3, {groups, pixels.size(3) / groups}).transpose(3, 4).flatten(3).permute({0, 3, 1, 2});
      }};
  return kFunction;
}

}  // namespace frontier::functions
