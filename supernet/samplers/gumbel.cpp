#include "supernet/samplers/gumbel.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace frontier {

at::Tensor gumbel_noise(std::size_t size, Rng& rng, const at::TensorOptions& options) {
  constexpr double kLeast = 0x1p-54;  // in place of 0, whose noise would be infinite
  std::vector<double> noise(size);
  for (double& value : noise) value = -std::log(-std::log1p(-std::max(rng.uniform(), kLeast)));
  return at::tensor(noise).to(options);
}

at::Tensor straight_through(const at::Tensor& logits, const at::Tensor& noise, double temperature) {
  const at::Tensor soft = at::softmax((at::log_softmax(logits, 0) + noise) / temperature, 0);
  const at::Tensor hard = at::zeros_like(soft).index_fill_(0, soft.detach().argmax(0), 1);
  return hard + (soft - soft.detach());  // a number less itself is exactly 0
}

}  // namespace frontier
