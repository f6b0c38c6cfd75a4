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

/// A parameter that no test would miss if it were left out. What batch norms give is positive for the most part: where
/// half of it is cut off by a ReLU, each layer multiplies rounding by 1.2, and of a hundred layers nothing else is
/// seen.
inline at::Tensor random_parameter(const Layer& layer, const ParameterSpec& spec, const at::Tensor& noise) {
  if (layer.is("batch_norm")) return spec.init == Init::kOne ? 0.4 + 0.12 * noise : 1 + 0.3 * noise;
  switch (spec.init) {
    case Init::kOne: return 1 + 0.3 * noise;
    case Init::kZero:
    case Init::kPosition: return 0.3 * noise;
    case Init::kLinear: return noise / std::sqrt(static_cast<double>(noise.size(1)));
    case Init::kHeNormal: break;
  }
  return noise / std::sqrt(static_cast<double>(noise.numel() / noise.size(0)));
}

inline void randomise(WeightBank& bank, const NetworkGraph& graph, std::uint64_t seed) {
  std::uint64_t next = seed * 100'000;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
    for (const ParameterSpec& spec : parameters_of(graph, v)) {
      at::Tensor values = bank.value(graph[v].name + "." + spec.name);
      values.copy_(random_parameter(graph[v], spec, normal_tensor(values.sizes(), next++)));
    }
}

/// A network of random weights, its batch norms calibrated on noise.
inline Network random_network(const SearchSpace& space, const Architecture& arch, const InputShape& input,
                              std::uint64_t seed) {
  at::NoGradGuard no_grad;
  NetworkGraph graph = space.build(arch, input);
  WeightBank bank(graph, Rng(seed), {.initializer = "zero"});
  randomise(bank, graph, seed);
  BatchNormStatistics statistics;
  run(graph, bank, normal_images({8, input.channels, input.height, input.width}, seed),
      {.norm = Norm::kCollect, .statistics = &statistics});
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
