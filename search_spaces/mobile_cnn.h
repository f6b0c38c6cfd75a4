#pragma once

#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

/// A space of MobileNetV2/V3 networks: stem convolution, stages of inverted residual blocks, 1x1 head convolution,
/// pool, classifier. Searched: width of the stem and width and depth of every stage; kernel, expansion and
/// squeeze-excite of every block.
struct MobileCnnOptions {
  struct Stage {
    std::vector<std::int64_t> widths;  ///< output channels
    std::vector<std::int64_t> depths;  ///< blocks
    int stride = 2;                    ///< of the first block
    Activation activation = Activation::kReLU;
  };
  std::string name = "mobile_cnn";
  InputShape input;
  std::vector<std::int64_t> stem_widths;
  int stem_stride = 2;
  std::vector<Stage> stages;
  std::vector<std::int64_t> kernels = {3, 5, 7};
  std::vector<std::int64_t> expansions;
  std::int64_t head = 128;  ///< channels of the last 1x1 convolution
};

MobileCnnOptions mobile_cnn_28();   ///< 28x28 grey images
MobileCnnOptions mobile_cnn_32();   ///< 32x32 colour images
MobileCnnOptions mobile_cnn_224();  ///< ImageNet

/// Notation: "8 | 16: k3e2 k5e4s | 24: k7e3", the stem's width, then a stage each: its width and its blocks (kernel,
/// expansion, s for squeeze-excite). The number of blocks is the depth.
SearchSpace mobile_cnn(const MobileCnnOptions& options);

}  // namespace frontier
