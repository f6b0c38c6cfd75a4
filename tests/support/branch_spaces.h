#pragma once

#include "search_spaces/search_space.h"

namespace frontier::testing_support {

/// Two decisions between branches and nothing else, for samplers that sum branches.
inline SearchSpace branch_space() {
  return SearchSpace("branches", {3, 8, 8, 4}, [](Builder& b, Signal x, std::int64_t classes) {
    x = b.conv_bn("stem", x, {.out = 6, .kernel = 3}, Activation::kReLU);
    for (const std::string place : {"first", "second"}) {
      auto scope = b.scope(place);
      x = b.mix("op", x,
                {{"skip", [](Signal y) { return y; }},
                 {"zero", [&](Signal y) { return b.zero(y, 6, 1); }},
                 {"conv3", [&](Signal y) { return b.conv_bn("conv3", y, {.out = 6, .kernel = 3}, Activation::kReLU); }},
                 {"depthwise5", [&](Signal y) {
                    return b.conv_bn("depthwise5", y, {.out = 6, .kernel = 5, .groups = 6}, Activation::kHSwish);
                  }}});
    }
    return b.linear("classifier", b.global_pool(x), classes);
  });
}

/// Every kind of convolutional layer and activation once, with strides, dilation, groups and odd sides.
inline SearchSpace all_layers_space() {
  return SearchSpace("all_layers", {3, 13, 10, 5}, [](Builder& b, Signal x, std::int64_t classes) {
    const Dim width = b.choose("width", {8, 12, 16});
    x = b.conv_bn("stem", x, {.out = width, .kernel = b.choose("stem_kernel", {3, 5}), .bias = true},
                  Activation::kHSwish);
    Signal a = b.conv_bn("dilated", x, {.out = width, .kernel = 3, .groups = 4, .dilation = 2}, Activation::kReLU6);
    Signal c = b.conv_bn("depthwise", x, {.out = width, .kernel = b.choose("kernel", {3, 5, 7}), .groups = width},
                         Activation::kHSwish);
    x = b.concat({b.average_pool(a, 3, 2), b.max_pool(c, 3, 2)});
    x = b.batch_norm("alone", x);
    x = b.mix("gate", x,
              {{"none", [](Signal y) { return y; }},
               {"se", [&](Signal y) { return b.squeeze_excite("se", y, 6, Activation::kHSigmoid); }},
               {"relu", [&](Signal y) { return b.activation(y, Activation::kReLU); }},
               {"hswish", [&](Signal y) { return b.activation(y, Activation::kHSwish); }}});
    Signal y = b.conv("plain", x, {.out = 6, .kernel = 1, .stride = 2, .bias = true});
    y = b.activation(y, Activation::kSigmoid);
    x = b.add(y, b.zero(x, 6, 2));
    return b.linear("classifier", x, classes);
  });
}

}  // namespace frontier::testing_support
