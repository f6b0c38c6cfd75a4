#include "search_spaces/elastic_vit.h"

#include "common/errors.h"
#include "search_spaces/internal/list_notation.h"

namespace frontier {
namespace {

constexpr std::int64_t kReductionRatio = 6;  ///< of the convolution block in front of an attention stage
constexpr std::int64_t kHeadRatio = 6;       ///< of the head's first layer

/// An inverted residual; where shapes differ, its shortcut is an average pool and a convolution without a norm.
Signal convolution_block(Builder& b, Signal x, const Dim& out, const Dim& expansion, const Dim& kernel, int stride,
                         bool squeeze_excite) {
  std::function<Signal(Signal)> gate;
  if (squeeze_excite)
    gate = [&](Signal y) { return b.squeeze_excite("squeeze_excite", y, y.shape.channels / 4, Activation::kHSigmoid); };
  const Signal y = b.inverted_residual(x, {.out = out,
                                           .expansion = expansion,
                                           .kernel = kernel,
                                           .stride = stride,
                                           .activation = Activation::kHSwish,
                                           .after_depthwise = gate});
  const Signal pooled = stride == 1 ? x : b.average_pool(x, 2, stride);
  const Signal shortcut = b.when("shortcut", Dim(1) - Dim::equal(x.shape.channels, out), pooled,
                                 [&](Signal in) { return b.conv("shortcut", in, {.out = out}); });
  return b.add(y, shortcut);
}

Signal attention_layer(Builder& b, Signal x, const Dim& heads, const Dim& v_scale, const Dim& mlp_ratio) {
  const Dim width = x.shape.channels, values = width * v_scale;
  Signal y = b.layer_norm("norm1", x);
  const Signal q = b.conv("query", y, {.out = width}), k = b.conv("key", y, {.out = width});
  Signal v = b.conv("value", y, {.out = values});
  v = b.conv("value_local", v, {.out = values, .kernel = 3, .groups = values});
  y = b.attention("attention", q, k, v, {.heads = heads, .position = Position::kBias});
  x = b.add(x, b.may_drop(b.conv("project", b.activation(y, Activation::kHSwish), {.out = width, .bias = true})));
  y = b.conv("fc1", b.layer_norm("norm2", x), {.out = width * mlp_ratio, .bias = true});
  return b.add(x, b.may_drop(b.conv("fc2", b.activation(y, Activation::kHSwish), {.out = width, .bias = true})));
}

std::string layer_name(int i) { return "layer" + std::to_string(i); }

Signal stem(Builder& b, const ElasticViTOptions& options, Signal x) {
  auto stage_scope = b.scope("stem");
  const Dim width = b.choose("width", options.stem.width, DecisionKind::kWidth),
            kernel = b.choose("kernel", options.kernel, DecisionKind::kKernel);
  x = b.conv_bn("conv", x, {.out = width, .kernel = 3, .stride = options.stem.stride}, Activation::kHSwish);
  return b.repeat("depth", options.stem.depth, x, [&](int i, Signal in) {
    auto scope = b.scope(layer_name(i));
    return convolution_block(b, in, width, 1, kernel, 1, false);
  });
}

Signal convolution_stage(Builder& b, const ElasticViTOptions& options, const ElasticViTOptions::Stage& stage, Signal x,
                         const Dim& width) {
  const Dim ratio = b.choose("ratio", options.ratio),
            kernel = b.choose("kernel", options.kernel, DecisionKind::kKernel);
  return b.repeat("depth", stage.depth, x, [&](int i, Signal in) {
    auto scope = b.scope(layer_name(i));
    return convolution_block(b, in, width, ratio, kernel, i == 0 ? stage.stride : 1, stage.squeeze_excite);
  });
}

Signal attention_stage(Builder& b, const ElasticViTOptions& options, const ElasticViTOptions::Stage& stage, Signal x,
                       const Dim& width) {
  const Dim mlp_ratio = b.choose("mlp_ratio", options.mlp_ratio), v_scale = b.choose("v_scale", options.v_scale);
  {
    auto scope = b.scope("reduction");
    x = convolution_block(b, x, width, kReductionRatio, 3, stage.stride, true);
  }
  return b.repeat("depth", stage.depth, x, [&](int i, Signal in) {
    auto scope = b.scope(layer_name(i));
    return attention_layer(b, in, width / options.head_dim, v_scale, mlp_ratio);
  });
}

Signal network(Builder& b, const ElasticViTOptions& options, Signal x, std::int64_t classes) {
  const Dim side = b.choose("resolution", options.resolution);
  x = stem(b, options, b.resize(x, side, side));
  std::string before = "stem";
  const auto each = [&](const std::vector<ElasticViTOptions::Stage>& stages, const std::string& kind, auto layers) {
    for (std::size_t s = 0; s < stages.size(); ++s) {
      const std::string name = kind + std::to_string(s);
      auto scope = b.scope(name);
      const Dim width = b.choose("width", stages[s].width, DecisionKind::kWidth);
      b.require(Dim(1) - Dim::greater(x.shape.channels, width), "width: less than " + before + ".width");
      x = layers(b, options, stages[s], x, width);
      before = name;
    }
  };
  each(options.convolution, "conv", convolution_stage);
  each(options.attention, "attention", attention_stage);
  x = b.global_pool(b.conv_bn("head", x, {.out = x.shape.channels * kHeadRatio}, Activation::kHSwish));
  x = b.activation(b.conv("features", x, {.out = options.features, .bias = true}), Activation::kHSwish);
  return b.linear("classifier", x, classes);
}

// Decisions in their order: the resolution; the stem's width, kernel and depth; then of each convolution stage width,
// ratio, kernel and depth, of each attention stage width, MLP ratio, scale of values and depth.
constexpr std::size_t kResolution = 0, kStemWidth = 1, kStemKernel = 2, kStemDepth = 3;
struct StageChoices {
  std::size_t width, ratio, kernel_or_scale, depth;
};
StageChoices choices_of(std::size_t stage) { return {4 + 4 * stage, 5 + 4 * stage, 6 + 4 * stage, 7 + 4 * stage}; }

/// The lists of the notation and the decisions that they are.
class Lists {
 public:
  explicit Lists(const ElasticViTOptions& options) {
    List r{"r", {kResolution}}, channels{"channels", {kStemWidth}}, depths{"depths", {kStemDepth}}, ratio{"ratio", {}},
        kernel{"kernel", {kStemKernel}}, mlp{"mlp", {}}, v{"v", {}};
    for (std::size_t s = 0; s < options.convolution.size() + options.attention.size(); ++s) {
      const StageChoices stage = choices_of(s);
      const bool convolves = s < options.convolution.size();
      channels.decisions.push_back(stage.width);
      depths.decisions.push_back(stage.depth);
      (convolves ? ratio : mlp).decisions.push_back(stage.ratio);
      (convolves ? kernel : v).decisions.push_back(stage.kernel_or_scale);
    }
    lists_ = {r, channels, depths, ratio, kernel, mlp, v};
  }

  std::string print(std::span<const Decision> decisions, const Architecture& arch) const {
    std::string text;
    for (const auto& list : lists_) {
      text += (text.empty() ? "" : " ") + list.key + "=";
      for (const auto d : list.decisions)
        text += (d == list.decisions.front() ? "" : ",") + decisions[d].options[arch.choices[d]];
    }
    return text;
  }

  Architecture parse(std::span<const Decision> decisions, std::string_view text) const {
    std::vector<std::string> keys;
    for (const auto& list : lists_) keys.push_back(list.key);
    const ListNotation words(text, keys);
    Architecture arch;
    arch.choices.assign(decisions.size(), 0);
    for (const auto& list : lists_) {
      const auto& entries = words.entries(list.key, list.decisions.size());
      for (std::size_t i = 0; i < entries.size(); ++i)
        arch.choices[list.decisions[i]] = option_of(decisions[list.decisions[i]], entries[i]);
    }
    return arch;
  }

 private:
  struct List {
    std::string key;
    std::vector<std::size_t> decisions;
  };
  std::vector<List> lists_;
};

std::vector<std::int64_t> steps(std::int64_t from, std::int64_t to, std::int64_t step) {
  std::vector<std::int64_t> values;
  for (std::int64_t value = from; value <= to; value += step) values.push_back(value);
  return values;
}

}  // namespace

ElasticViTOptions elastic_vit_224() {
  ElasticViTOptions options;
  options.name = "elastic_vit";
  options.input = {3, 224, 224, 1000};
  options.resolution = {128, 160, 176, 192, 224, 256};
  options.stem = {.width = {16, 24}, .depth = {1, 2}};
  options.convolution = {{.width = steps(16, 32, 8), .depth = steps(2, 5, 1)},
                         {.squeeze_excite = true, .width = steps(16, 48, 8), .depth = steps(2, 6, 1)}};
  options.attention = {{.width = steps(48, 96, 16), .depth = steps(1, 5, 1)},
                       {.stride = 1, .width = steps(80, 160, 16), .depth = steps(1, 6, 1)},
                       {.width = steps(144, 288, 16), .depth = steps(1, 6, 1)},
                       {.width = steps(160, 320, 16), .depth = steps(1, 6, 1)}};
  return options;
}

ElasticViTOptions elastic_vit_28() {
  ElasticViTOptions options;
  options.name = "elastic_vit_28";
  options.input = {1, 28, 28, 10};
  options.resolution = {20, 24, 28};
  options.stem = {.width = {8}, .depth = {1, 2}};
  options.convolution = {{.width = {8, 16}, .depth = {1, 2, 3}},
                         {.squeeze_excite = true, .width = {16, 24}, .depth = {1, 2, 3}}};
  // Attention at 4x4 and 2x2 tokens: a side more would double the cost of the largest subnet.
  options.attention = {{.stride = 1, .width = {32, 48, 64}, .depth = {1, 2, 3}},
                       {.width = {48, 64, 80, 96}, .depth = {1, 2, 3}}};
  options.head_dim = 8;
  options.features = 128;
  return options;
}

std::int64_t elastic_vit_paper_macs(const ElasticViTOptions& options, const Architecture& arch, std::int64_t classes) {
  const auto chosen = [&](const std::vector<std::int64_t>& values, std::size_t decision) {
    return values.at(arch.choices.at(decision));
  };
  const auto block = [](std::int64_t in, std::int64_t out, std::int64_t expansion, std::int64_t kernel, int stride,
                        std::int64_t side) {
    const std::int64_t hidden = in * expansion, read = side * stride;
    return in * hidden * read * read + hidden * (kernel * kernel + out) * side * side;
  };
  std::int64_t side = chosen(options.resolution, kResolution) / options.stem.stride;
  std::int64_t width = chosen(options.stem.width, kStemWidth);
  const std::int64_t stem_kernel = chosen(options.kernel, kStemKernel);
  std::int64_t macs = 9 * options.input.channels * width * side * side;
  macs += chosen(options.stem.depth, kStemDepth) * width * (stem_kernel * stem_kernel + width) * side * side;

  for (std::size_t s = 0; s < options.convolution.size(); ++s) {
    const auto& stage = options.convolution[s];
    const StageChoices choices = choices_of(s);
    const std::int64_t out = chosen(stage.width, choices.width), ratio = chosen(options.ratio, choices.ratio),
                       kernel = chosen(options.kernel, choices.kernel_or_scale);
    side /= stage.stride;
    for (std::int64_t i = 0; i < chosen(stage.depth, choices.depth); ++i, width = out) {
      const int stride = i == 0 ? stage.stride : 1;
      macs += block(width, out, ratio, kernel, stride, side);
      const std::int64_t hidden = width * ratio;
      if (stage.squeeze_excite) macs += 2 * hidden * (hidden / 4);
      if (stride == 2) macs += width * out * side * side;
    }
  }
  for (std::size_t s = 0; s < options.attention.size(); ++s) {
    const auto& stage = options.attention[s];
    const StageChoices choices = choices_of(options.convolution.size() + s);
    const std::int64_t out = chosen(stage.width, choices.width), mlp_ratio = chosen(options.mlp_ratio, choices.ratio),
                       values = out * chosen(options.v_scale, choices.kernel_or_scale), heads = out / options.head_dim;
    side = (side + stage.stride - 1) / stage.stride;
    const std::int64_t tokens = side * side;
    macs += block(width, out, kReductionRatio, 3, stage.stride, side);
    macs += chosen(stage.depth, choices.depth) *
            (tokens * tokens * (out + values + heads) +  // logits, weighted sum of values, softmax
             tokens * out * (2 * out + values) +         // queries, keys, values
             tokens * values * out +                     // projection
             tokens * values +                           // the values' convolution as if it had one tap
             2 * tokens * out * mlp_ratio * out);
    width = out;
  }
  return macs + kHeadRatio * width * (width * side * side + options.features) + options.features * classes;
}

SearchSpace elastic_vit(const ElasticViTOptions& options) {
  const Lists lists(options);
  return SearchSpace(
      options.name, options.input,
      [options](Builder& b, Signal x, std::int64_t classes) { return network(b, options, x, classes); },
      {[lists](std::span<const Decision> decisions, const Architecture& arch) { return lists.print(decisions, arch); },
       [lists](std::span<const Decision> decisions, std::string_view text) { return lists.parse(decisions, text); }});
}

}  // namespace frontier
