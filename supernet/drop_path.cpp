#include "supernet/drop_path.h"

#include <torch/types.h>

namespace frontier {

at::Tensor DropPath::after(NetworkGraph::Vertex vertex, const at::Tensor& output) {
  if (!wants(vertex)) return output;
  Rng rng = rng_.split(vertex);
  at::Tensor stays = at::empty({output.size(0), 1, 1, 1}, at::kFloat);
  float* values = stays.data_ptr<float>();
  for (std::int64_t i = 0; i < output.size(0); ++i)
    values[i] = rng.uniform() < rate_ ? 0.0F : static_cast<float>(1 / (1 - rate_));
  return output * stays.to(output.options());
}

}  // namespace frontier
