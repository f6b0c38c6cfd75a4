#include "search_spaces/resnet_shape.h"

#include <algorithm>

#include "common/errors.h"
#include "search_spaces/internal/list_notation.h"
#include "search_spaces/space_options.h"

namespace frontier {
namespace {

/// A convolution of open width, with a norm or without. Where norms are those of widths, also what has none is
/// truncated and brought to one size by the width.
Signal convolution(Builder& b, const ResNetShapeOptions& options, const std::string& name, Signal x,
                   const ConvSpec& spec, bool norm = true) {
  if (options.norms == "shared") return norm ? b.conv_bn(name, x, spec) : b.conv(name, x, spec);
  return b.each_width(b.conv(name, x, spec), [&](Signal y, std::int64_t width) {
    return norm ? b.batch_norm(name + ".bn." + std::to_string(width), y) : y;
  });
}

Signal relu(Builder& b, Signal x) { return b.activation(x, Activation::kReLU); }

Signal shortcut(Builder& b, const ResNetShapeOptions& options, Signal x, const Dim& out, int stride) {
  if (stride == 2) return convolution(b, options, "shortcut", b.average_pool(x, 2, 2), {.out = out}, options.imagenet);
  return b.when("shortcut", Dim(1) - Dim::equal(x.shape.channels, out), x, [&](Signal in) {
    return convolution(b, options, "shortcut", in, {.out = out}, options.imagenet || !options.bottleneck);
  });
}

Signal block(Builder& b, const ResNetShapeOptions& options, Signal x, std::int64_t planes, int stride) {
  const auto width = [&](const char* name, std::int64_t channels) {
    return b.choose(std::string(name) + ".width", tas_widths(channels), DecisionKind::kWidth);
  };
  const auto conv = [&](const char* name, Signal in, std::int64_t channels, int kernel, int of_stride) {
    return convolution(b, options, name, in, {.out = width(name, channels), .kernel = kernel, .stride = of_stride});
  };
  Signal y = x;
  if (options.bottleneck) {
    y = relu(b, conv("conv_a", y, planes, 1, 1));
    y = relu(b, conv("conv_b", y, planes, 3, stride));
    y = conv("conv_c", y, 4 * planes, 1, 1);
  } else {
    y = relu(b, conv("conv_a", y, planes, 3, stride));
    y = conv("conv_b", y, planes, 3, 1);
  }
  return relu(b, b.add(y, shortcut(b, options, x, y.shape.channels, stride)));
}

Signal network(Builder& b, const ResNetShapeOptions& options, Signal x, std::int64_t classes) {
  const Dim stem = b.choose("stem.width", tas_widths(options.stem), DecisionKind::kWidth);
  const int kernel = options.imagenet ? 7 : 3, stride = options.imagenet ? 2 : 1;
  x = relu(b, convolution(b, options, "stem", x, {.out = stem, .kernel = kernel, .stride = stride}));
  if (options.imagenet) x = b.max_pool(x, 3, 2);
  for (std::size_t s = 0; s < options.planes.size(); ++s) {
    auto stage_scope = b.scope("stage" + std::to_string(s));
    x = b.repeat("depth", tas_depths(options.blocks[s]), x, [&](int i, Signal in) {
      auto scope = b.scope("block" + std::to_string(i));
      return block(b, options, in, options.planes[s], s > 0 && i == 0 ? 2 : 1);
    });
  }
  return b.linear("classifier", b.global_pool(x), classes);
}

/// Where the decisions of a space are: the stem's width, then per stage its depth and the widths of all its blocks.
class Layout {
 public:
  explicit Layout(const ResNetShapeOptions& options)
      : convs_(options.bottleneck ? 3 : 2), blocks_(options.blocks.begin(), options.blocks.end()) {}

  std::string print(std::span<const Decision> decisions, const Architecture& arch) const {
    std::string depths = "depths=", widths = " widths=" + decisions[0].options[arch.choices[0]];
    for_each_stage([&](std::size_t stage, std::size_t d) {
      const std::string& depth = decisions[d].options[arch.choices[d]];
      depths += (stage ? "," : "") + depth;
      for (std::size_t site = 0; site < convs_ * blocks_[stage]; ++site) {
        const std::size_t w = d + 1 + site;
        widths += site / convs_ < std::stoul(depth) ? "," + decisions[w].options[arch.choices[w]] : ",0";
      }
    });
    return depths + widths;
  }

  Architecture parse(std::span<const Decision> decisions, std::string_view text) const {
    const ListNotation lists(text, {"depths", "widths"});
    const auto& depths = lists.entries("depths", blocks_.size());
    const auto& widths = lists.entries("widths", decisions.size() - blocks_.size());
    Architecture arch;
    arch.choices.assign(decisions.size(), 0);
    arch.choices[0] = option_of(decisions[0], widths[0]);
    std::size_t next = 1;
    for_each_stage([&](std::size_t stage, std::size_t d) {
      arch.choices[d] = option_of(decisions[d], depths[stage]);
      const std::size_t depth = std::stoul(decisions[d].options[arch.choices[d]]);
      for (std::size_t site = 0; site < convs_ * blocks_[stage]; ++site, ++next)
        if (site / convs_ < depth) arch.choices[d + 1 + site] = option_of(decisions[d + 1 + site], widths[next]);
    });
    return arch;
  }

 private:
  /// visit(stage, index of its depth decision)
  template <class Visit>
  void for_each_stage(const Visit& visit) const {
    std::size_t d = 1;
    for (std::size_t s = 0; s < blocks_.size(); d += 1 + convs_ * blocks_[s], ++s) visit(s, d);
  }

  std::size_t convs_;
  std::vector<std::size_t> blocks_;
};

}  // namespace

std::vector<std::int64_t> tas_widths(std::int64_t channels) {
  std::vector<std::int64_t> widths;
  for (std::int64_t tenths = 3; tenths <= 10; ++tenths)
    widths.push_back(std::max<std::int64_t>(1, channels * tenths / 10));
  widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
  return widths;
}

std::vector<std::int64_t> tas_depths(std::int64_t blocks) {
  std::vector<std::int64_t> depths;
  for (std::int64_t depth = 1; depth <= blocks; depth += blocks > 3 ? 2 : 1) depths.push_back(depth);
  if (depths.back() != blocks) depths.push_back(blocks);
  return depths;
}

ResNetShapeOptions resnet_shape_cifar(int depth) {
  ResNetShapeOptions options;
  options.name = "resnet_shape_" + std::to_string(depth);
  options.input = {3, 32, 32, 10};
  options.bottleneck = depth == 164;
  options.planes = {16, 32, 64};
  options.blocks.assign(3, (depth - 2) / (options.bottleneck ? 9 : 6));
  return options;
}

ResNetShapeOptions resnet_shape_imagenet(int depth) {
  ResNetShapeOptions options;
  options.name = "resnet_shape_imagenet_" + std::to_string(depth);
  options.input = {3, 224, 224, 1000};
  options.bottleneck = depth == 50;
  options.imagenet = true;
  options.stem = 64;
  options.planes = {64, 128, 256, 512};
  options.blocks = depth == 50 ? std::vector<std::int64_t>{3, 4, 6, 3} : std::vector<std::int64_t>{2, 2, 2, 2};
  return options;
}

std::int64_t tas_estimated_macs(const ResNetShapeOptions& options, const InputShape& input,
                                std::span<const std::int64_t> depths, std::span<const std::int64_t> widths) {
  const std::size_t convs = options.bottleneck ? 3 : 2;
  std::int64_t height = input.height, width = input.width;
  const auto halve = [&] {
    height = (height + 1) / 2;
    width = (width + 1) / 2;
  };
  const auto conv = [&](std::int64_t kernel, std::int64_t in, std::int64_t out) {
    return kernel * kernel * in * out * height * width;
  };
  if (options.imagenet) halve();
  std::int64_t macs = conv(options.imagenet ? 7 : 3, input.channels, widths[0]);
  if (options.imagenet) halve();
  std::size_t next = 1;
  std::int64_t in = widths[0];
  for (std::size_t s = 0; s < options.blocks.size(); ++s) {
    for (std::int64_t i = 0; i < options.blocks[s]; ++i, next += convs) {
      const auto site = widths.subspan(next, convs);
      const std::int64_t out = site.back();
      if (i < depths[s]) {
        const bool reduces = s > 0 && i == 0;
        if (reduces && options.bottleneck) macs += conv(1, in, site[0]);  // before the stride
        if (reduces) halve();
        if (!options.bottleneck) {
          macs += conv(3, in, site[0]) + conv(3, site[0], out);
        } else {
          if (!reduces) macs += conv(1, in, site[0]);
          macs += conv(3, site[0], site[1]) + conv(1, site[1], out);
        }
        if (reduces || in != out) macs += conv(1, in, out);
      }
      in = out;
    }
  }
  return macs + in * input.classes;
}

SearchSpace resnet_shape(const ResNetShapeOptions& options) {
  const Layout layout(options);
  return SearchSpace(
      options.name, options.input,
      [options](Builder& b, Signal x, std::int64_t classes) { return network(b, options, x, classes); },
      {[layout](std::span<const Decision> decisions, const Architecture& arch) {
         return layout.print(decisions, arch);
       },
       [layout](std::span<const Decision> decisions, std::string_view text) { return layout.parse(decisions, text); }});
}

SearchSpace resnet_shape(const ResNetShapeOptions& defaults, const nlohmann::json& options) {
  ResNetShapeOptions wanted = with_space_options(defaults, options);
  wanted.name = space_text(defaults.name, write_options(wanted), write_options(defaults));
  return resnet_shape(wanted);
}

}  // namespace frontier
