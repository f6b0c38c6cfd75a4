#include "search_spaces/mobile_cnn.h"

#include <algorithm>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

Signal network(const MobileCnnOptions& options, Builder& b, Signal x, std::int64_t classes) {
  x = b.conv_bn("stem", x,
                {.out = b.choose("stem.width", options.stem_widths, DecisionKind::kWidth),
                 .kernel = 3,
                 .stride = options.stem_stride},
                options.stages.front().activation);
  for (std::size_t s = 0; s < options.stages.size(); ++s) {
    const auto& stage = options.stages[s];
    auto stage_scope = b.scope("stage" + std::to_string(s));
    const Dim width = b.choose("width", stage.widths, DecisionKind::kWidth);
    x = b.repeat("depth", stage.depths, x, [&](int i, Signal in) {
      auto scope = b.scope("block" + std::to_string(i));
      const Dim kernel = b.choose("kernel", options.kernels, DecisionKind::kKernel);
      const Dim expansion = b.choose("expansion", options.expansions);
      const auto squeeze_excite = [&](Signal y) {
        return b.mix("se", y,
                     {{"none", [](Signal z) { return z; }},
                      {"se", [&](Signal z) {
                         const Dim hidden = (z.shape.channels / Dim(4)).map([](std::int64_t c) {
                           return make_divisible(static_cast<double>(c), 4);
                         });
                         return b.squeeze_excite("squeeze_excite", z, hidden, Activation::kHSigmoid);
                       }}});
      };
      return b.residual(in, b.inverted_residual(in, {.out = width,
                                                     .expansion = expansion,
                                                     .kernel = kernel,
                                                     .stride = i == 0 ? stage.stride : 1,
                                                     .activation = stage.activation,
                                                     .after_depthwise = squeeze_excite}));
    });
  }
  x = b.conv_bn("head", x, {.out = options.head}, options.stages.back().activation);
  return b.linear("classifier", b.global_pool(x), classes);
}

/// Both directions of the notation walk the decisions in their order: stem width, then per stage width, depth and, for
/// every possible block, kernel, expansion, squeeze-excite.
std::string print(std::span<const Decision> decisions, const Architecture& arch) {
  const auto label = [&](std::size_t d) { return decisions[d].options[arch.choices[d]]; };
  std::string text = label(0);
  for (std::size_t d = 1; d < decisions.size();) {
    text += " | " + label(d) + ":";
    const auto most = std::stoul(decisions[d + 1].options.back());
    const auto depth = std::stoul(label(d + 1));
    d += 2;
    for (std::size_t i = 0; i < most; ++i, d += 3)
      if (i < depth) text += " k" + label(d) + "e" + label(d + 1) + (arch.choices[d + 2] ? "s" : "");
  }
  return text;
}

[[noreturn]] void bad(const std::string& where, std::string_view seen, const std::string& allowed) {
  throw InvalidArchitecture("architecture, " + where + ": '" + printable(seen) + "' is not allowed; " + allowed);
}

std::uint16_t option(const Decision& decision, std::string_view label, const std::string& where) {
  const auto found = decision.find(label);
  if (!found) bad(where, label, decision.name + " is one of " + join(decision.options));
  return *found;
}

Architecture parse(std::span<const Decision> decisions, std::string_view text) {
  const auto parts = split(text, '|');
  Architecture arch;
  arch.choices.assign(decisions.size(), 0);
  arch.choices[0] = option(decisions[0], trim(parts[0]), "stem width");
  std::size_t part = 1;
  for (std::size_t d = 1; d < decisions.size(); ++part) {
    const std::string where = "stage " + std::to_string(part - 1);
    if (part >= parts.size())
      bad(where, text, "it is missing; write 'width: blocks' for every stage, stages separated by |");
    const auto colon = parts[part].find(':');
    if (colon == std::string::npos) bad(where, trim(parts[part]), "write 'width: blocks', e.g. '16: k3e2 k5e4s'");
    arch.choices[d] = option(decisions[d], trim(std::string_view(parts[part]).substr(0, colon)), where + " width");
    std::vector<std::string> blocks;
    for (const auto& block : split(std::string_view(parts[part]).substr(colon + 1), ' '))
      if (!trim(block).empty()) blocks.emplace_back(trim(block));
    arch.choices[d + 1] = option(decisions[d + 1], std::to_string(blocks.size()), where + " number of blocks");
    const auto most = std::stoul(decisions[d + 1].options.back());
    d += 2;
    for (std::size_t i = 0; i < most; ++i, d += 3) {
      if (i >= blocks.size()) continue;
      std::string_view block = blocks[i];
      const std::string place = where + " block " + std::to_string(i);
      const auto e = block.find('e');
      if (block.empty() || block.front() != 'k' || e == std::string_view::npos)
        bad(place, block, "write k<kernel>e<expansion>, with s for squeeze-excite");
      arch.choices[d] = option(decisions[d], block.substr(1, e - 1), place + " kernel");
      const bool se = block.back() == 's';
      arch.choices[d + 1] =
          option(decisions[d + 1], block.substr(e + 1, block.size() - e - 1 - (se ? 1 : 0)), place + " expansion");
      arch.choices[d + 2] = se ? 1 : 0;
    }
  }
  if (part < parts.size())
    bad("stage " + std::to_string(part - 1), trim(parts[part]),
        "the space has only " + std::to_string(part - 1) + " stages");
  return arch;
}

}  // namespace

MobileCnnOptions mobile_cnn_28() {
  MobileCnnOptions options;
  options.name = "mobile_cnn";
  options.input = {1, 28, 28, 10};
  options.stem_widths = {8, 12, 16};
  options.stages = {{{8, 12, 16}, {1, 2}, 1, Activation::kReLU},
                    {{16, 24, 32}, {1, 2, 3}, 2, Activation::kReLU},
                    {{32, 48, 64}, {1, 2, 3}, 2, Activation::kReLU}};
  options.expansions = {2, 3, 4};
  options.head = 128;
  return options;
}

MobileCnnOptions mobile_cnn_32() {
  MobileCnnOptions options;
  options.name = "mobile_cnn_32";
  options.input = {3, 32, 32, 10};
  options.stem_widths = {16, 24, 32};
  options.stem_stride = 1;
  options.stages = {{{16, 24, 32}, {1, 2, 3}, 2, Activation::kReLU},
                    {{32, 48, 64}, {1, 2, 3, 4}, 2, Activation::kReLU},
                    {{64, 96, 128}, {1, 2, 3, 4}, 2, Activation::kReLU}};
  options.expansions = {3, 4, 6};
  options.head = 256;
  return options;
}

MobileCnnOptions mobile_cnn_224() {
  MobileCnnOptions options;
  options.name = "mobile_cnn_224";
  options.input = {3, 224, 224, 1000};
  options.stem_widths = {16, 24, 32};
  options.stages = {{{16, 24}, {1, 2}, 1, Activation::kReLU},
                    {{24, 32, 40}, {2, 3, 4}, 2, Activation::kReLU},
                    {{40, 48, 64}, {2, 3, 4}, 2, Activation::kReLU},
                    {{80, 96, 112}, {2, 3, 4}, 2, Activation::kHSwish},
                    {{112, 136, 160}, {2, 3, 4}, 1, Activation::kHSwish},
                    {{160, 192, 224}, {2, 3, 4}, 2, Activation::kHSwish}};
  options.expansions = {3, 4, 6};
  options.head = 1280;
  return options;
}

SearchSpace mobile_cnn(const MobileCnnOptions& options) {
  return SearchSpace(options.name, options.input,
                     [options](Builder& b, Signal x, std::int64_t classes) { return network(options, b, x, classes); },
                     {print, parse});
}

}  // namespace frontier
