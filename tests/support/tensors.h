#pragma once

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "common/rng.h"

namespace frontier::testing_support {

/// Normal values, equal on every machine.
inline at::Tensor normal_tensor(at::IntArrayRef shape, std::uint64_t seed, double mean = 0, double deviation = 1) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  Rng rng(seed);
  for (std::int64_t i = 0; i < tensor.numel(); ++i)
    tensor.data_ptr<float>()[i] = static_cast<float>(mean + deviation * rng.normal());
  return tensor;
}

/// The same as images: [N, C, H, W] in channels-last memory.
inline at::Tensor normal_images(at::IntArrayRef shape, std::uint64_t seed, double mean = 0, double deviation = 1) {
  return normal_tensor(shape, seed, mean, deviation).contiguous(at::MemoryFormat::ChannelsLast);
}

inline at::Tensor random_labels(std::int64_t count, std::int64_t classes, std::uint64_t seed) {
  at::Tensor labels = at::empty({count}, at::kLong);
  Rng rng(seed);
  for (std::int64_t i = 0; i < count; ++i)
    labels.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(classes)));
  return labels;
}

/// Largest absolute difference of two tensors of equal shape; NaN counts as infinite.
inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  const double difference = (a.detach().to(at::kDouble) - b.detach().to(at::kDouble)).abs().max().item<double>();
  return std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
}

/// Equal to the last bit (NaN equals nothing).
inline bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() && at::equal(a, b);
}

/// Runs on so many threads while it lives.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace frontier::testing_support
