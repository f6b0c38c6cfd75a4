#include "supernet/soft_sum.h"

#include <torch/types.h>

#include <stdexcept>
#include <vector>

#include "supernet/mixing.h"

namespace frontier {
namespace {

at::Tensor brought_to(const at::Tensor& x, std::int64_t channels) {
  return x.size(1) == channels ? x : at::constant_pad_nd(x, {0, 0, 0, 0, 0, channels - x.size(1)});
}

}  // namespace

at::Tensor soft_sum(std::span<const at::Tensor> inputs, const at::Tensor& weights, std::int64_t channels) {
  if (weights.dim() != 1 || weights.size(0) != static_cast<std::int64_t>(inputs.size()))
    throw std::logic_error("a soft sum of " + std::to_string(inputs.size()) + " inputs has weights of another shape");
  for (const at::Tensor& x : inputs) {
    const at::Tensor& first = inputs.front();
    if (x.size(0) != first.size(0) || x.size(2) != first.size(2) || x.size(3) != first.size(3))
      throw std::logic_error("the inputs of a soft sum differ in height or width");
  }
  std::vector<at::Tensor> terms;
  for (const at::Tensor& x : inputs) terms.push_back(brought_to(x, channels));
  return weighted_sum(terms, weights);
}

}  // namespace frontier
