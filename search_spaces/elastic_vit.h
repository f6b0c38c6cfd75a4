#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

/// A network of convolution stages, then attention stages, whose resolution, widths, depths and ratios are searched.
/// Every choice of a stage holds for all its layers.
struct ElasticViTOptions {
  struct Stage {
    int stride = 2;               ///< of its first block
    bool squeeze_excite = false;  ///< of the convolution blocks
    std::vector<std::int64_t> width;
    std::vector<std::int64_t> depth;
  };
  std::string name;
  InputShape input;
  std::vector<std::int64_t> resolution;  ///< sides that images are resized to
  Stage stem;                            ///< a 3x3 convolution of its stride, then separable convolutions
  std::vector<Stage> convolution;
  std::vector<Stage> attention;
  std::vector<std::int64_t> kernel = {3, 5};
  std::vector<std::int64_t> ratio = {3, 4, 5, 6};      ///< hidden channels of a convolution block, of its input's
  std::vector<std::int64_t> mlp_ratio = {2, 3, 4, 5};  ///< hidden channels of an attention stage's MLP
  std::vector<std::int64_t> v_scale = {2, 3, 4};       ///< channels of all values, of the stage's
  std::int64_t head_dim = 16;                          ///< channels a head of queries and of keys; divides widths
  std::int64_t features = 1984;                        ///< in front of the classifier
};

/// The space of ElasticViT ("ElasticViT: Conflict-aware Supernet Training for Deploying Fast Vision Transformer on
/// Diverse Mobile Devices", Tang et al. 2023, arXiv 2303.09730) as released in microsoft/Moonlit: stem, two stages of
/// inverted residuals, four of attention. No stage is narrower than the one before.
///
/// Written as lists with an entry for each stage, the stem first in channels, depths and kernel; ratio is of the
/// convolution stages, mlp and v are of the attention stages:
/// "r=224 channels=16,32,48,64,96,192,288 depths=1,3,5,2,2,2,2 ratio=3,3 kernel=5,3,3 mlp=2,4,4,5 v=2,2,2,2".
///
/// Differs from the paper: layer norm is over the channels of each token, in the released code over all tokens and
/// channels at once; average pooling pads behind odd sides only and does not count the padding; queries, keys and
/// values are three layers; no bias in front of the head's batch norm.
SearchSpace elastic_vit(const ElasticViTOptions& options);

/// 3x224x224, 1,000 classes.
ElasticViTOptions elastic_vit_224();
/// 1x28x28, 10 classes, two stages of each kind. Not in the paper.
ElasticViTOptions elastic_vit_28();

/// The multiply-accumulates that the paper and its code state as FLOPs. What the network runs is the cost pass' figure.
/// The rule leaves out the squeeze-excite and shortcut of the block in front of attention and eight of the nine taps of
/// the values' convolution; it adds one for every entry of softmax and the shortcut's convolution also where widths are
/// equal; and what a stage of stride 2 reads has twice the side it leaves, rounded down in convolution and up in
/// attention stages. docs/spaces/elastic_vit.md has the formulas.
/// @param arch of the space of `options`.
std::int64_t elastic_vit_paper_macs(const ElasticViTOptions& options, const Architecture& arch, std::int64_t classes);

}  // namespace frontier
