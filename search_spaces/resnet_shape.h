#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "search_spaces/search_space.h"

namespace frontier {

/// A residual network whose convolutions' widths and stages' depths are searched.
struct ResNetShapeOptions {
  std::string name;
  InputShape input;
  bool bottleneck = false;           ///< 1x1, 3x3, 1x1 to four times the planes, instead of two 3x3
  bool imagenet = false;             ///< 7x7 stem of stride 2 and a max pool; every shortcut convolution has a norm
  std::int64_t stem = 16;            ///< channels
  std::vector<std::int64_t> planes;  ///< a stage each; the first convolution of all but the first has stride 2
  std::vector<std::int64_t> blocks;  ///< most blocks of a stage
  /// "shared": a norm's weights are slices as a convolution's are; "per_width": each width has a norm of its own, as in
  /// TAS' search, "<convolution>.bn.<width>", which widths that are combined by interpolation need.
  std::string norms = "shared";
};

/// What settings may say.
template <class Fields>
void describe(Fields& f, ResNetShapeOptions& o) {
  f("norms", o.norms, {"shared", "per_width"},
    "Whether all widths of a layer share one batch norm, or each width has its own.");
}

/// The width and depth space of TAS (Dong and Yang 2019, arXiv 1905.09717): every convolution keeps floor(r * C) of its
/// C channels, r = 0.3, 0.4, ..., 1.0; a stage of B > 3 blocks keeps 1, 3, 5, ... or B of them, a shorter one any
/// number.
///
/// Networks are the derived ones: a shortcut whose channels differ is a 1x1 convolution (with a norm in basic blocks),
/// one of stride 2 a 2x2 average pool and a 1x1 convolution without a norm.
///
/// Written as TAS' configurations list them, a width for every convolution of the full network in order (0 in blocks
/// beyond the depth): "depths=5,5,5 widths=16,6,4,12,...".
SearchSpace resnet_shape(const ResNetShapeOptions& options);
/// With the options of settings; the space's name says those that differ from `defaults`. @throws UsageError.
SearchSpace resnet_shape(const ResNetShapeOptions& defaults, const nlohmann::json& options);

/// CIFAR's ResNet-20, 32, 56 and 110 (basic blocks) and 164 (bottlenecks), for 3x32x32: "resnet_shape_20", ...
ResNetShapeOptions resnet_shape_cifar(int depth);
/// ImageNet's ResNet-18 and 50 for 3x224x224: "resnet_shape_imagenet_18", ...
ResNetShapeOptions resnet_shape_imagenet(int depth);

/// The multiply-accumulates that TAS' configurations state as "estimated_FLOP": its search's estimate, in which the
/// stage behind a shortened one (and the classifier) reads as many channels as the shortened stage's last listed
/// convolution has, though that block is not there. What the network runs is the cost pass' figure (ResNet-110: 119.3 M
/// and 119.6 M, for which the paper's table has 119 M and 120 M).
/// @param widths of every convolution of the full network, also beyond the depths.
std::int64_t tas_estimated_macs(const ResNetShapeOptions& options, const InputShape& input,
                                std::span<const std::int64_t> depths, std::span<const std::int64_t> widths);

/// The choices of a convolution of `channels`, ascending, each once.
std::vector<std::int64_t> tas_widths(std::int64_t channels);
/// The choices of a stage of `blocks`.
std::vector<std::int64_t> tas_depths(std::int64_t blocks);

}  // namespace frontier
