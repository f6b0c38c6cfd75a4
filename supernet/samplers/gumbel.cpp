#include "supernet/samplers/gumbel.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace frontier {

double gumbel(Rng& rng) {
  constexpr double kLeast = 0x1p-54;  // in place of 0, whose noise would be infinite
  return -std::log(-std::log1p(-std::max(rng.uniform(), kLeast)));
}

at::Tensor gumbel_noise(std::size_t size, Rng& rng, const at::TensorOptions& options) {
  std::vector<double> noise(size);
  for (double& value : noise) value = gumbel(rng);
  return at::tensor(noise).to(options);
}

at::Tensor one_hot(std::int64_t size, const at::Tensor& place, const at::TensorOptions& options) {
  return at::zeros({size}, options).index_fill_(0, place, 1);
}

at::Tensor straight_through(const at::Tensor& logits, const at::Tensor& noise, double temperature) {
  const at::Tensor soft = at::softmax((at::log_softmax(logits, 0) + noise) / temperature, 0);
  const at::Tensor hard = one_hot(soft.numel(), soft.detach().argmax(0), soft.options());
  return hard + (soft - soft.detach());  // a number less itself is exactly 0
}

}  // namespace frontier
