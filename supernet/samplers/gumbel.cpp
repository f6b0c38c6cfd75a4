#include "supernet/samplers/gumbel.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "common/weighted_draw.h"

namespace frontier {

double gumbel(Rng& rng) {
  constexpr double kLeast = 0x1p-54;  // in place of 0, whose noise would be infinite
  return -std::log(-std::log1p(-std::max(rng.uniform(), kLeast)));
}

namespace {

std::vector<double> gumbel_numbers(std::size_t size, Rng& rng) {
  std::vector<double> noise(size);
  for (double& value : noise) value = gumbel(rng);
  return noise;
}

}  // namespace

at::Tensor gumbel_noise(std::size_t size, Rng& rng, const at::TensorOptions& options) {
  return at::tensor(gumbel_numbers(size, rng)).to(options);
}

at::Tensor one_hot(std::int64_t size, const at::Tensor& place, const at::TensorOptions& options) {
  return at::zeros({size}, options).index_fill_(0, place, 1);
}

at::Tensor straight_through(const at::Tensor& logits, const at::Tensor& noise, double temperature) {
  const at::Tensor soft = at::softmax((at::log_softmax(logits, 0) + noise) / temperature, 0);
  const at::Tensor hard = one_hot(soft.numel(), soft.detach().argmax(0), soft.options());
  return hard + (soft - soft.detach());  // a number less itself is exactly 0
}

DrawnOptions draw_options(std::span<const double> logits, std::size_t count, double temperature, Rng& rng) {
  constexpr double kFloor = 1e-7;
  DrawnOptions drawn{.options = {}, .noise = gumbel_numbers(logits.size(), rng), .first = 0};
  std::vector<double> weights(logits.size());
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = (logits[i] + drawn.noise[i]) / temperature;
  const double greatest = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& weight : weights) sum += weight = std::exp(weight - greatest);
  for (double& weight : weights) weight = weight / sum + kFloor;
  while (drawn.options.size() < count) {
    const std::size_t option = draw_weighted(weights, rng);
    weights[option] = 0;
    if (drawn.options.empty()) drawn.first = static_cast<std::uint16_t>(option);
    drawn.options.push_back(static_cast<std::uint16_t>(option));
  }
  std::sort(drawn.options.begin(), drawn.options.end());
  return drawn;
}

at::Tensor gates_of(const DrawnOptions& drawn, const at::Tensor& logits, double temperature) {
  std::vector<std::int64_t> places(drawn.options.begin(), drawn.options.end());
  const at::Tensor at_places = at::tensor(places).to(logits.device());
  const at::Tensor perturbed = logits + at::tensor(drawn.noise).to(logits.options());
  const at::Tensor shares = at::softmax(perturbed.index_select(0, at_places) / temperature, 0);
  return at::zeros_like(logits).index_add(0, at_places, shares);
}

}  // namespace frontier
