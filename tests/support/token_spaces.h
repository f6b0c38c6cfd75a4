#pragma once

#include "search_spaces/search_space.h"

namespace frontier::testing_support {

/// A vision transformer behind a class token: layer norms, GELU, relative attention with offsets that are clipped,
/// values of another width than queries in the second block.
inline SearchSpace token_space() {
  return SearchSpace("tokens", {3, 12, 8, 5}, [](Builder& b, Signal x, std::int64_t classes) {
    const Dim heads = b.choose("heads", {1, 2, 3}), width = b.choose("width", {8, 12});
    x = b.conv("patches", x, {.out = width, .kernel = 4, .stride = 4, .bias = true});
    const AttentionSpec spec{.heads = heads,
                             .position = Position::kRelative,
                             .grid_height = x.shape.height,
                             .grid_width = x.shape.width,
                             .max_distance = 1};
    x = b.tokens("tokens", x);
    x = b.repeat("depth", {1, 2}, x, [&](int i, Signal in) {
      auto scope = b.scope("block" + std::to_string(i));
      Signal y = b.layer_norm("norm1", in);
      Signal q = b.conv("query", y, {.out = heads * 4, .bias = true}), k = b.conv("key", y, {.out = heads * 4});
      y = b.attention("attention", q, k, b.conv("value", y, {.out = heads * (4 + 2 * i), .bias = true}), spec);
      in = b.add(in, b.conv("project", y, {.out = width, .bias = true}));
      y = b.conv("fc1", b.layer_norm("norm2", in), {.out = width * b.choose("mlp", {1, 2}), .bias = true});
      return b.add(in, b.conv("fc2", b.activation(y, Activation::kGELU), {.out = width, .bias = true}));
    });
    return b.linear("classifier", b.token_pool(b.layer_norm("norm", x)), classes);
  });
}

/// A convolutional transformer: a choice of resolution, attention with a bias an offset over grids of several sizes,
/// one convolution that both a norm and attention read, plain attention of one input to itself.
inline SearchSpace pyramid_space() {
  return SearchSpace("pyramid", {3, 10, 9, 4}, [](Builder& b, Signal x, std::int64_t classes) {
    const Dim side = b.choose("side", {6, 10, 12}), width = b.choose("width", {4, 8}),
              heads = b.choose("heads", {1, 2});
    x = b.conv_bn("stem", b.resize(x, side, side - 1), {.out = 6, .kernel = 3, .stride = 2}, Activation::kGELU);
    Signal raw = b.conv("embed", x, {.out = width});
    Signal y = b.activation(b.batch_norm("embed.bn", raw), Activation::kReLU);
    y = b.attention("biased", raw, y, b.conv_bn("value", y, {.out = heads * 3}),
                    {.heads = heads, .position = Position::kBias});
    y = b.conv_bn("project", b.activation(y, Activation::kGELU), {.out = width});
    y = b.residual(raw, y);
    return b.linear("classifier", b.global_pool(b.attention("plain", y, y, y, {.heads = heads})), classes);
  });
}

/// What cells are made of: factorized reduction, separable and dilated convolutions, pools of odd and even kernels, the
/// first channels of a wider input, an auxiliary classifier.
inline SearchSpace cell_space() {
  return SearchSpace("cell", {3, 9, 7, 4}, [](Builder& b, Signal x, std::int64_t classes) {
    const Dim width = b.choose("width", {4, 8}), kernel = b.choose("kernel", {3, 5});
    x = b.conv_bn("stem", x, {.out = 8, .kernel = 3}, Activation::kReLU);
    b.auxiliary(0.4, [&] {
      auto scope = b.scope("auxiliary");
      Signal y = b.conv_bn("conv", x, {.out = width, .kernel = 3}, Activation::kReLU);
      return b.linear("classifier", b.global_pool(y), classes);
    });
    Signal half = b.truncate(x, width);
    Signal reduced = b.batch_norm("reduce.bn", b.concat({b.conv("reduce.a", x, {.out = width, .stride = 2}),
                                                         b.conv("reduce.b", b.shift(x), {.out = width, .stride = 2})}));
    Signal dilated =
        b.conv_bn("dilated", half, {.out = width, .kernel = kernel, .stride = 2, .groups = width, .dilation = 2});
    Signal even = b.add(b.max_pool(b.average_pool(half, 2, 1), 2, 2), b.average_pool(b.max_pool(half, 4, 1), 4, 2));
    Signal still =
        b.conv_bn("still", b.add(dilated, even), {.out = width, .kernel = kernel, .groups = width, .dilation = 2});
    Signal all = b.concat({reduced, still, b.max_pool(b.average_pool(half, 3, 1), 3, 2)});
    return b.linear("classifier", b.global_pool(all), classes);
  });
}

}  // namespace frontier::testing_support
