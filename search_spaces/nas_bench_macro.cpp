#include "search_spaces/nas_bench_macro.h"

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

Signal network(Builder& b, Signal x, std::int64_t classes) {
  constexpr struct {
    int layers;
    int channels;
  } kStages[] = {{2, 64}, {3, 128}, {3, 256}};
  x = b.conv_bn("stem", x, {.out = 32, .kernel = 3}, Activation::kReLU);
  int index = 0;
  for (const auto& stage : kStages) {
    for (int i = 0; i < stage.layers; ++i, ++index) {
      const int stride = i == 0 ? 2 : 1;
      const auto inverted_residual = [&](int expansion, int kernel) {
        return [&b, stride, expansion, kernel, out = stage.channels](Signal in) {
          auto scope = b.scope("mb" + std::to_string(expansion) + "_k" + std::to_string(kernel));
          return b.residual(
              in, b.inverted_residual(in, {.out = out, .expansion = expansion, .kernel = kernel, .stride = stride}));
        };
      };
      auto scope = b.scope("layer" + std::to_string(index));
      x = b.mix("block", x,
                {{"identity",
                  [&](Signal in) {
                    return stride == 1 ? in : b.conv_bn("identity", in, {.out = stage.channels, .stride = stride});
                  }},
                 {"mb3_k3", inverted_residual(3, 3)},
                 {"mb6_k5", inverted_residual(6, 5)}});
    }
  }
  x = b.conv_bn("head", x, {.out = 1280}, Activation::kReLU6);
  return b.linear("classifier", b.global_pool(x), classes);
}

std::string print(std::span<const Decision>, const Architecture& arch) {
  std::string text;
  for (const auto choice : arch.choices) text += static_cast<char>('0' + choice);
  return text;
}

Architecture parse(std::span<const Decision> decisions, std::string_view text) {
  if (text.size() != decisions.size())
    throw InvalidArchitecture("architecture '" + printable(text) + "' has " + std::to_string(text.size()) +
                              " characters; nas_bench_macro has 8 digits, e.g. 22212220");
  Architecture arch;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '2')
      throw InvalidArchitecture("architecture '" + printable(text) + "', digit " + std::to_string(i + 1) +
                                ": allowed are 0 (identity), 1 (expansion 3, kernel 3) and 2 (expansion 6, kernel 5)");
    arch.choices.push_back(static_cast<std::uint16_t>(text[i] - '0'));
  }
  return arch;
}

}  // namespace

SearchSpace nas_bench_macro() { return SearchSpace("nas_bench_macro", {3, 32, 32, 10}, network, {print, parse}); }

}  // namespace frontier
