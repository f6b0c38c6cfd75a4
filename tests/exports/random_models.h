#pragma once

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "exports/model.h"
#include "search_spaces/cost.h"
#include "search_spaces/registry.h"
#include "support/tensors.h"

namespace frontier::testing_support {

/// Parameters as after a training, none of them where it would not be seen: norms far from one and zero, offsets and
/// positions of about one.
inline void disturb(WeightBank& bank, std::uint64_t seed) {
  for (std::size_t i = 0; i < bank.parameters().size(); ++i) {
    const Parameter& parameter = bank.parameters()[i];
    at::Tensor values = bank.parameter(parameter);
    const at::Tensor noise = normal_tensor(parameter.shape, seed + i);
    if (parameter.initializer.name == "one") {
      values.copy_(1 + 0.3 * noise);
    } else if (parameter.initializer.name == "zero" || parameter.initializer.scale == 0.02) {
      values.copy_(0.3 * noise);
    } else if (values.dim() == 2) {
      values.copy_(noise / std::sqrt(static_cast<double>(values.size(1))));
    }
  }
}

/// As in a trained network, no channel is all but constant: what its norm made of rounding would be all that is seen.
inline void raise_variances(BatchNormStatistics& statistics) {
  for (auto& [vertex, entry] : statistics.entries())
    entry.variance = at::maximum(entry.variance, 0.2 * entry.variance.mean());
}

/// A network of random weights, its batch norms calibrated on noise.
inline Network random_network(const SearchSpace& space, const Architecture& arch, const InputShape& input,
                              std::uint64_t seed) {
  at::NoGradGuard no_grad;
  NetworkGraph graph = space.build(arch, input);
  WeightBank bank(graph, Rng(seed));
  disturb(bank, seed);
  BatchNormStatistics statistics;
  run(graph, bank, normal_images({8, input.channels, input.height, input.width}, seed),
      {.norm = Norm::kCollect, .statistics = &statistics});
  raise_variances(statistics);
  WeightBank own = bank.extract(graph);
  return {std::move(graph), std::move(own), std::move(statistics)};
}

inline at::Tensor random_pixels(std::int64_t count, const InputShape& input, std::uint64_t seed) {
  const at::Tensor noise = normal_tensor({count, input.channels, input.height, input.width}, seed, 120, 50);
  return noise.clamp(0, 255).to(at::kByte);
}

/// @param takes kNormalised or kBytes.
inline Model random_model(const SearchSpace& space, const Architecture& arch, const InputShape& input,
                          std::uint64_t seed, const std::string& takes = kNormalised) {
  const Network network = random_network(space, arch, input, seed);
  const Cost price = cost(network.graph());
  ModelInfo info{.program = "frontier 1.2.3",
                 .space = space.name(),
                 .arch = space.to_string(arch),
                 .canonical = space.to_string(arch),
                 .built_for = to_string(input),
                 .macs = price.macs,
                 .params = price.params,
                 .checkpoint = "01234567",
                 .calibration = "noise",
                 .dataset = "noise",
                 .input = takes};
  for (std::int64_t c = 0; c < input.channels; ++c) {
    info.mean.push_back(0.4 + 0.05 * static_cast<double>(c));
    info.stddev.push_back(0.2 + 0.03 * static_cast<double>(c));
  }
  for (std::int64_t c = 0; c < input.classes; ++c) info.classes.push_back("class \"" + std::to_string(c) + "\"");
  return make_model(network, std::move(info), random_pixels(2, input, seed));
}

/// What a space is built for in these tests: images of 64 x 64 at most, 10 classes.
inline InputShape small_input(const SearchSpace& space) {
  InputShape input = space.default_input();
  input.height = std::min<std::int64_t>(input.height, 64);
  input.width = std::min<std::int64_t>(input.width, 64);
  input.classes = std::min<std::int64_t>(input.classes, 10);
  return input;
}

}  // namespace frontier::testing_support
