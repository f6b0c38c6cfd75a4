#include "search_spaces/autoformer.h"

#include <algorithm>

#include "common/errors.h"
#include "search_spaces/internal/list_notation.h"

namespace frontier {
namespace {

Signal block(Builder& b, const AutoFormerOptions& options, Signal x, AttentionSpec attention) {
  const Dim embed = x.shape.channels;
  attention.heads = b.choose("num_heads", options.num_heads);
  const Dim width = attention.heads * options.head_dim;
  const Dim hidden = embed * b.choose("mlp_ratio", options.mlp_halves) / 2;
  Signal y = b.layer_norm("norm1", x);
  const Signal q = b.conv("query", y, {.out = width, .bias = true}), k = b.conv("key", y, {.out = width, .bias = true}),
               v = b.conv("value", y, {.out = width, .bias = true});
  y = b.attention("attention", q, k, v, attention);
  x = b.add(x, b.conv("project", y, {.out = embed, .bias = true}));
  y = b.conv("fc1", b.layer_norm("norm2", x), {.out = hidden, .bias = true});
  return b.add(x, b.conv("fc2", b.activation(y, Activation::kGELU), {.out = embed, .bias = true}));
}

Signal network(Builder& b, const AutoFormerOptions& options, Signal x, std::int64_t classes) {
  if (x.shape.height.min() < options.patch || x.shape.width.min() < options.patch)
    throw UsageError(options.name + " cuts images into patches of " + std::to_string(options.patch) + "x" +
                     std::to_string(options.patch) + " pixels; the image has " + std::to_string(x.shape.height.min()) +
                     "x" + std::to_string(x.shape.width.min()));
  const Dim embed = b.choose("embed_dim", options.embed_dim);
  x = b.conv("patch_embed", x, {.out = embed, .kernel = options.patch, .stride = options.patch, .bias = true});
  const AttentionSpec attention{.position = Position::kRelative,
                                .grid_height = x.shape.height,
                                .grid_width = x.shape.width,
                                .max_distance = options.max_distance};
  x = b.repeat("depth", options.depth, b.tokens("tokens", x), [&](int i, Signal in) {
    auto scope = b.scope("block" + std::to_string(i));
    return block(b, options, in, attention);
  });
  return b.linear("classifier", b.token_pool(b.layer_norm("norm", x)), classes);
}

// Decisions in their order: width, depth, then heads and ratio of each possible block.
constexpr std::size_t kEmbed = 0, kDepth = 1;
std::size_t heads_of(std::size_t block) { return 2 + 2 * block; }
std::size_t ratio_of(std::size_t block) { return 3 + 2 * block; }

std::string print(std::span<const Decision> decisions, const Architecture& arch) {
  const auto label = [&](std::size_t d) { return decisions[d].options[arch.choices[d]]; };
  std::string heads = " num_heads=", ratios = " mlp_ratio=";
  for (std::size_t i = 0; i < std::stoul(label(kDepth)); ++i) {
    heads += (i ? "," : "") + label(heads_of(i));
    ratios += (i ? "," : "") + label(ratio_of(i));
  }
  return "embed_dim=" + label(kEmbed) + " depth=" + label(kDepth) + heads + ratios;
}

/// "3.0" and "3.50" as the labels write them: 3 and 3.5.
Word without_trailing_zeros(Word word) {
  if (word.text.find('.') == std::string_view::npos) return word;
  const auto last = word.text.find_last_not_of('0');
  word.text = word.text.substr(0, word.text[last] == '.' ? last : last + 1);
  return word;
}

/// The option that a number names; messages quote it as it was written.
std::uint16_t number_of(const Decision& decision, const Word& word) {
  const std::string_view text = without_trailing_zeros(word).text;
  const auto it = std::find(decision.options.begin(), decision.options.end(), text);
  return it != decision.options.end() ? static_cast<std::uint16_t>(it - decision.options.begin())
                                      : option_of(decision, word);
}

Architecture parse(std::span<const Decision> decisions, std::string_view text) {
  const ListNotation lists(text, {"embed_dim", "depth", "num_heads", "mlp_ratio"});
  Architecture arch;
  arch.choices.assign(decisions.size(), 0);
  arch.choices[kEmbed] = option_of(decisions[kEmbed], lists.single("embed_dim"));
  arch.choices[kDepth] = option_of(decisions[kDepth], lists.single("depth"));
  const std::string& depth = decisions[kDepth].options[arch.choices[kDepth]];
  const auto list = [&](const char* key) -> const std::vector<Word>& {
    const auto& entries = lists[key];
    if (entries.size() != std::stoul(depth))
      throw InvalidArchitecture("architecture: " + std::string(key) + " has " + std::to_string(entries.size()) +
                                " entries; at depth " + depth + " it needs " + depth);
    return entries;
  };
  const auto &heads = list("num_heads"), &ratios = list("mlp_ratio");
  for (std::size_t i = 0; i < heads.size(); ++i) {
    arch.choices[heads_of(i)] = number_of(decisions[heads_of(i)], heads[i]);
    arch.choices[ratio_of(i)] = number_of(decisions[ratio_of(i)], ratios[i]);
  }
  return arch;
}

AutoFormerOptions imagenet(std::string name, std::vector<std::int64_t> embed_dim, std::vector<std::int64_t> depth,
                           std::vector<std::int64_t> num_heads) {
  AutoFormerOptions options;
  options.name = std::move(name);
  options.input = {3, 224, 224, 1000};
  options.embed_dim = std::move(embed_dim);
  options.depth = std::move(depth);
  options.num_heads = std::move(num_heads);
  options.mlp_halves = {{"3", 6}, {"3.5", 7}, {"4", 8}};
  return options;
}

}  // namespace

AutoFormerOptions autoformer_tiny() { return imagenet("autoformer_tiny", {192, 216, 240}, {12, 13, 14}, {3, 4}); }
AutoFormerOptions autoformer_small() { return imagenet("autoformer_small", {320, 384, 448}, {12, 13, 14}, {5, 6, 7}); }
AutoFormerOptions autoformer_base() { return imagenet("autoformer_base", {528, 576, 624}, {14, 15, 16}, {8, 9, 10}); }

AutoFormerOptions autoformer_28() {
  AutoFormerOptions options;
  options.name = "autoformer_28";
  options.input = {1, 28, 28, 10};
  options.patch = 4;
  options.head_dim = 16;
  options.max_distance = 7;
  options.embed_dim = {32, 40, 48};
  options.depth = {2, 3, 4};
  options.num_heads = {2, 3, 4};
  options.mlp_halves = {{"2", 4}, {"3", 6}, {"4", 8}};
  return options;
}

SearchSpace autoformer(AutoFormerOptions options) {
  std::string name = options.name;
  const InputShape input = options.input;
  return SearchSpace(std::move(name), input,
                     [options = std::move(options)](Builder& b, Signal x, std::int64_t classes) {
                       return network(b, options, x, classes);
                     },
                     {print, parse});
}

}  // namespace frontier
