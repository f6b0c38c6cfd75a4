#include "search_spaces/autoformer.h"

#include <algorithm>

#include "common/errors.h"
#include "search_spaces/internal/list_notation.h"

namespace frontier {
namespace {

Signal block(Builder& b, const AutoFormerOptions& options, Signal x, const Dim& grid_height, const Dim& grid_width) {
  const Dim inner = b.choose("heads", options.heads) * Dim(options.head_dim), width = x.shape.channels;
  const Dim hidden = width * b.choose("mlp_ratio", options.mlp_ratios) / Dim(2);
  Signal y = b.layer_norm("attention_norm", x);
  const auto project = [&](const char* name) { return b.conv(name, y, {.out = inner, .bias = true}); };
  const Signal q = project("query"), k = project("key"), v = project("value");
  y = b.attention("attention", q, k, v,
                  {.heads = inner / Dim(options.head_dim),
                   .position = Position::kRelative,
                   .grid_height = grid_height,
                   .grid_width = grid_width,
                   .max_distance = 14});
  x = b.add(x, b.may_drop(b.conv("projection", y, {.out = width, .bias = true})));
  y = b.conv("expand", b.layer_norm("mlp_norm", x), {.out = hidden, .bias = true});
  y = b.conv("reduce", b.activation(y, Activation::kGELU), {.out = width, .bias = true});
  return b.add(x, b.may_drop(y));
}

Signal network(Builder& b, const AutoFormerOptions& options, Signal x, std::int64_t classes) {
  if (x.shape.height.min() < options.patch || x.shape.width.min() < options.patch)
    throw UsageError("'" + options.name + "' needs images of at least " + std::to_string(options.patch) + "x" +
                     std::to_string(options.patch) + " pixels, a patch");
  const Dim width = b.choose("embed_dim", options.embed_dims, DecisionKind::kWidth);
  x = b.conv("patches", x, {.out = width, .kernel = options.patch, .stride = options.patch, .bias = true});
  const Dim grid_height = x.shape.height, grid_width = x.shape.width;
  x = b.tokens("tokens", x);
  x = b.repeat("depth", options.depths, x, [&](int i, Signal in) {
    auto scope = b.scope("block" + std::to_string(i));
    return block(b, options, in, grid_height, grid_width);
  });
  return b.linear("classifier", b.token_pool(b.layer_norm("norm", x)), classes);
}

// Decisions: embedding dimension, depth, then for every possible block heads and ratio.
constexpr std::size_t kEmbedDim = 0, kDepth = 1;
constexpr std::size_t heads_of(std::size_t block) { return 2 + 2 * block; }

std::string print(std::span<const Decision> decisions, const Architecture& arch) {
  const auto label = [&](std::size_t d) { return decisions[d].options[arch.choices[d]]; };
  std::string heads, ratios;
  for (std::size_t i = 0; i < std::stoul(label(kDepth)); ++i) {
    heads += (i ? "," : "") + label(heads_of(i));
    ratios += (i ? "," : "") + label(heads_of(i) + 1);
  }
  return "embed_dim=" + label(kEmbedDim) + " depth=" + label(kDepth) + " num_heads=" + heads + " mlp_ratio=" + ratios;
}

Architecture parse(std::span<const Decision> decisions, std::string_view text) {
  const ListNotation lists(text, {"embed_dim", "depth", "num_heads", "mlp_ratio"});
  Architecture arch;
  arch.choices.assign(decisions.size(), 0);
  arch.choices[kEmbedDim] = option_of(decisions[kEmbedDim], lists.single("embed_dim"));
  arch.choices[kDepth] = option_of(decisions[kDepth], lists.single("depth"));
  const std::size_t depth = std::stoul(decisions[kDepth].options[arch.choices[kDepth]]);
  for (const char* key : {"num_heads", "mlp_ratio"}) {
    const auto& words = lists.entries(key, depth, ", one for each block");
    const bool ratio = std::string_view(key) == "mlp_ratio";
    for (std::size_t i = 0; i < depth; ++i) {
      Word word = words[i];
      if (ratio && word.text.ends_with(".0")) word.text.remove_suffix(2);
      const std::size_t d = heads_of(i) + (ratio ? 1 : 0);
      arch.choices[d] = option_of(decisions[d], word);
    }
  }
  return arch;
}

AutoFormerOptions imagenet(const char* size, std::vector<std::int64_t> embed_dims, std::vector<std::int64_t> depths,
                           std::vector<std::int64_t> heads) {
  AutoFormerOptions options;
  options.name = std::string("autoformer_") + size;
  options.input = {3, 224, 224, 1000};
  options.embed_dims = std::move(embed_dims);
  options.depths = std::move(depths);
  options.heads = std::move(heads);
  options.mlp_ratios = {{"3", 6}, {"3.5", 7}, {"4", 8}};
  return options;
}

}  // namespace

AutoFormerOptions autoformer_tiny() { return imagenet("tiny", {192, 216, 240}, {12, 13, 14}, {3, 4}); }
AutoFormerOptions autoformer_small() { return imagenet("small", {320, 384, 448}, {12, 13, 14}, {5, 6, 7}); }
AutoFormerOptions autoformer_base() { return imagenet("base", {528, 576, 624}, {14, 15, 16}, {8, 9, 10}); }

AutoFormerOptions autoformer_28() {
  AutoFormerOptions options;
  options.name = "autoformer_28";
  options.input = {1, 28, 28, 10};
  options.patch = 4;
  options.head_dim = 16;
  options.embed_dims = {32, 48, 64};
  options.depths = {2, 3, 4};
  options.heads = {2, 3, 4};
  options.mlp_ratios = {{"1", 2}, {"2", 4}, {"3", 6}};
  return options;
}

SearchSpace autoformer(const AutoFormerOptions& options) {
  return SearchSpace(options.name, options.input,
                     [options](Builder& b, Signal x, std::int64_t classes) { return network(b, options, x, classes); },
                     {print, parse});
}

}  // namespace frontier
