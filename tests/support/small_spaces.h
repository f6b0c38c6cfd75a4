#pragma once

#include "search_spaces/search_space.h"

namespace frontier::testing_support {

/// Everything a space can do, in few decisions: widths, a depth whose first option is 0, a mix inside a repeat, a
/// repeat inside a mix, a decision inside an option of a decision.
inline SearchSpace nested_space() {
  return SearchSpace("nested", {3, 8, 8, 4}, [](Builder& b, Signal x, std::int64_t classes) {
    const Dim width = b.choose("width", {4, 8});
    x = b.conv_bn("stem", x, {.out = width, .kernel = 3});
    x = b.repeat("depth", {0, 1, 2}, x, [&](int i, Signal in) {
      auto scope = b.scope("block" + std::to_string(i));
      return b.mix("op", in,
                   {{"skip", [](Signal y) { return y; }},
                    {"conv", [&](Signal y) {
                       return b.conv_bn("conv", y, {.out = width, .kernel = b.choose("kernel", {1, 3, 5})});
                     }}});
    });
    x = b.mix("tail", x,
              {{"none", [](Signal y) { return y; }},
               {"deep", [&](Signal y) {
                  return b.repeat("tail_depth", {1, 2}, y, [&](int i, Signal z) {
                    auto scope = b.scope("tail" + std::to_string(i));
                    return b.conv_bn("conv", z, {.out = width, .kernel = b.choose("kernel", {1, 3})});
                  });
                }}});
    return b.linear("classifier", b.global_pool(x), classes);
  });
}

/// One kernel size shared by two optional layers: it matters where either of them is.
inline SearchSpace shared_decision_space() {
  return SearchSpace("shared_decision", {3, 6, 6, 2}, [](Builder& b, Signal x, std::int64_t classes) {
    x = b.conv_bn("stem", x, {.out = b.choose("width", {2, 4, 6}), .kernel = 3});
    for (const std::string place : {"a", "b"}) {
      x = b.mix(
          place, x,
          {{"off", [](Signal y) { return y; }},
           {"on", [&](Signal y) {
              return b.conv_bn("conv_" + place, y, {.out = y.shape.channels, .kernel = b.choose("kernel", {1, 3, 5})});
            }}});
    }
    x = b.conv_bn("head", x, {.out = b.choose("head", {3, 5, 7, 9})});
    return b.linear("classifier", b.global_pool(x), classes);
  });
}

/// All choices, canonical or not.
inline std::vector<Architecture> all_choices(const SearchSpace& space) {
  std::vector<Architecture> all;
  Architecture arch;
  arch.choices.assign(space.decisions().size(), 0);
  for (;;) {
    all.push_back(arch);
    std::size_t d = arch.choices.size();
    while (d-- > 0) {
      if (++arch.choices[d] < space.decisions()[d].options.size()) break;
      arch.choices[d] = 0;
      if (d == 0) return all;
    }
  }
}

/// Every option equally likely, decisions without effect included, among what meets the space's constraints.
inline Architecture random_choices(const SearchSpace& space, Rng& rng) {
  Architecture arch;
  do {
    arch.choices.clear();
    for (const auto& decision : space.decisions())
      arch.choices.push_back(static_cast<std::uint16_t>(rng.below(decision.options.size())));
  } while (!space.meets_constraints(arch));
  return arch;
}

}  // namespace frontier::testing_support
