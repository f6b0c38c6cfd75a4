#pragma once

#include "search_spaces/search_space.h"

namespace frontier::testing_support {

/// MobileNetV2 1.0 (Sandler et al. 2018, table 2) as a space of one network.
inline SearchSpace mobilenet_v2() {
  return SearchSpace("mobilenet_v2", {3, 224, 224, 1000}, [](Builder& b, Signal x, std::int64_t classes) {
    struct Stage {
      int expansion, channels, blocks, stride;
    };
    x = b.conv_bn("stem", x, {.out = 32, .kernel = 3, .stride = 2}, Activation::kReLU6);
    int index = 0;
    for (const Stage& stage : {Stage{1, 16, 1, 1}, Stage{6, 24, 2, 2}, Stage{6, 32, 3, 2}, Stage{6, 64, 4, 2},
                               Stage{6, 96, 3, 1}, Stage{6, 160, 3, 2}, Stage{6, 320, 1, 1}}) {
      for (int i = 0; i < stage.blocks; ++i) {
        auto scope = b.scope("block" + std::to_string(index++));
        const int stride = i == 0 ? stage.stride : 1;
        const Signal y =
            b.inverted_residual(x, {.out = stage.channels, .expansion = stage.expansion, .stride = stride});
        x = stride == 1 ? b.residual(x, y) : y;
      }
    }
    x = b.conv_bn("head", x, {.out = 1280}, Activation::kReLU6);
    return b.linear("classifier", b.global_pool(x), classes);
  });
}

}  // namespace frontier::testing_support
