#include "search_spaces/ofa_mobilenetv3.h"

#include <array>

#include "common/errors.h"
#include "search_spaces/internal/list_notation.h"

namespace frontier {
namespace {

constexpr std::size_t kStages = 5, kBlocks = 4;
constexpr struct {
  int width, stride;
  Activation activation;
  bool squeeze_excite;
} kStage[kStages] = {{24, 2, Activation::kReLU, false},
                     {40, 2, Activation::kReLU, true},
                     {80, 2, Activation::kHSwish, false},
                     {112, 1, Activation::kHSwish, true},
                     {160, 2, Activation::kHSwish, true}};

std::vector<std::int64_t> resolutions() {
  std::vector<std::int64_t> sides;
  for (std::int64_t side = 128; side <= 224; side += 4) sides.push_back(side);
  return sides;
}

Dim to_eights(const Dim& channels) {
  return channels.map([](std::int64_t c) { return make_divisible(static_cast<double>(c), 8); });
}

Signal network(int tenths, Builder& b, Signal x, std::int64_t classes) {
  const auto width = [&](int base) { return make_divisible(base * tenths / 10.0, 8); };
  const auto block = [&](Signal in, int out, const Dim& kernel, const Dim& expansion, int stride, Activation activation,
                         bool squeeze_excite) {
    const Dim hidden = to_eights(in.shape.channels * expansion);
    Signal y = in;
    if (expansion.max() > 1) y = b.conv_bn("expand", y, {.out = hidden}, activation);
    y = b.conv_bn("depthwise", y, {.out = hidden, .kernel = kernel, .stride = stride, .groups = hidden}, activation);
    if (squeeze_excite) y = b.squeeze_excite("squeeze_excite", y, to_eights(hidden / Dim(4)), Activation::kHSigmoid);
    return b.residual(in, b.conv_bn("project", y, {.out = width(out)}));
  };
  const Dim side = b.choose("resolution", resolutions());
  x = b.resize(x, side, side);
  x = b.conv_bn("stem", x, {.out = width(16), .kernel = 3, .stride = 2}, Activation::kHSwish);
  {
    auto scope = b.scope("first");
    x = block(x, 16, 3, 1, 1, Activation::kReLU, false);
  }
  for (std::size_t s = 0; s < kStages; ++s) {
    const auto& stage = kStage[s];
    auto stage_scope = b.scope("stage" + std::to_string(s));
    x = b.repeat("depth", {2, 3, 4}, x, [&](int i, Signal in) {
      auto scope = b.scope("block" + std::to_string(i));
      const Dim kernel = b.choose("kernel", {3, 5, 7}, DecisionKind::kKernel),
                expansion = b.choose("expansion", {3, 4, 6});
      return block(in, stage.width, kernel, expansion, i == 0 ? stage.stride : 1, stage.activation,
                   stage.squeeze_excite);
    });
  }
  x = b.global_pool(b.conv_bn("head", x, {.out = width(960)}, Activation::kHSwish));
  x = b.activation(b.conv("features", x, {.out = width(1280)}), Activation::kHSwish);
  return b.linear("classifier", x, classes);
}

// Decisions in their order: the resolution, then per stage the depth and, for each possible block, kernel and
// expansion.
std::size_t depth_of(std::size_t stage) { return 1 + stage * (1 + 2 * kBlocks); }
std::size_t kernel_of(std::size_t stage, std::size_t block) { return depth_of(stage) + 1 + 2 * block; }

std::string print(std::span<const Decision> decisions, const Architecture& arch) {
  const auto label = [&](std::size_t d) { return decisions[d].options[arch.choices[d]]; };
  std::string kernels = "ks=", expansions = " e=", depths = " d=";
  for (std::size_t s = 0; s < kStages; ++s) {
    const std::string depth = label(depth_of(s));
    depths += depth;
    for (std::size_t i = 0; i < kBlocks; ++i) {
      const bool exists = i < static_cast<std::size_t>(depth[0] - '0');
      kernels += exists ? label(kernel_of(s, i)) : "0";
      expansions += exists ? label(kernel_of(s, i) + 1) : "0";
    }
  }
  return kernels + expansions + depths + " r=" + label(0);
}

Architecture parse(std::span<const Decision> decisions, std::string_view text) {
  const ListNotation lists(text, {"ks", "e", "d", "r"});
  Architecture arch;
  arch.choices.assign(decisions.size(), 0);
  arch.choices[0] = option_of(decisions[0], lists.single("r"));
  const auto kernels = lists.characters("ks", kStages * kBlocks), expansions = lists.characters("e", kStages * kBlocks),
             depths = lists.characters("d", kStages);
  for (std::size_t s = 0; s < kStages; ++s) {
    arch.choices[depth_of(s)] = option_of(decisions[depth_of(s)], depths[s]);
    const auto depth = static_cast<std::size_t>(depths[s].text[0] - '0');
    for (std::size_t i = 0; i < depth; ++i) {  // what stands beyond the depth has no effect
      const std::size_t kernel = kernel_of(s, i);
      arch.choices[kernel] = option_of(decisions[kernel], kernels[s * kBlocks + i]);
      arch.choices[kernel + 1] = option_of(decisions[kernel + 1], expansions[s * kBlocks + i]);
    }
  }
  return arch;
}

}  // namespace

SearchSpace ofa_mobilenetv3(int width_multiplier_tenths) {
  if (width_multiplier_tenths != 10 && width_multiplier_tenths != 12)
    throw UsageError("the width multiplier of ofa_mobilenetv3 is 1.0 or 1.2");
  return SearchSpace(width_multiplier_tenths == 10 ? "ofa_mobilenetv3" : "ofa_mobilenetv3_w1.2", {3, 224, 224, 1000},
                     [width_multiplier_tenths](Builder& b, Signal x, std::int64_t classes) {
                       return network(width_multiplier_tenths, b, x, classes);
                     },
                     {print, parse});
}

}  // namespace frontier
