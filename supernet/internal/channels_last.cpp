#include "supernet/internal/channels_last.h"

#include <torch/types.h>

#include <cstddef>
#include <memory>
#include <new>

#include "supernet/second_derivative.h"

namespace frontier {
namespace {

constexpr std::align_val_t kAlignment{64};
struct Release {
  void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
};
struct Buffer {
  std::unique_ptr<std::byte, Release> memory;
  std::size_t size = 0;
};

}  // namespace

bool has_kernels(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 4 && x.numel() > 0 && !DifferentiableTwice::is_on();
}

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

at::Tensor empty_channels_last(at::IntArrayRef shape, const at::Tensor& like) {
  return at::empty(shape, like.options().memory_format(at::MemoryFormat::ChannelsLast));
}

Scratch scratch(std::int64_t num_doubles, std::int64_t num_floats) {
  thread_local Buffer buffer;
  const std::size_t doubles = static_cast<std::size_t>(num_doubles) * sizeof(double),
                    size = doubles + static_cast<std::size_t>(num_floats) * sizeof(float);
  if (buffer.size < size) {
    buffer = {};
    buffer = {std::unique_ptr<std::byte, Release>(static_cast<std::byte*>(::operator new(size, kAlignment))), size};
  }
  std::byte* memory = buffer.memory.get();
  return {reinterpret_cast<double*>(memory), reinterpret_cast<float*>(memory + doubles)};
}

Rows::Rows(const at::Tensor& x) : channels(x.size(1)), fold(1), rows(x.numel() / channels), width(channels) {
  while (width < 64 && rows % 2 == 0) {
    fold *= 2;
    rows /= 2;
    width *= 2;
  }
}

void Rows::repeat(const float* per_channel, float* wide) const {
  for (std::int64_t i = 0; i < fold; ++i) std::copy_n(per_channel, channels, wide + i * channels);
}

void scale_shift_rows(const float* x, float* y, const Rows& shape, const float* scale, const float* shift,
                      kernels::Act act) {
  float* wide = scratch(0, 2 * shape.width).floats;
  if (scale) {
    shape.repeat(scale, wide);
  } else {
    std::fill_n(wide, shape.width, 1.0F);
  }
  if (shift) {
    shape.repeat(shift, wide + shape.width);
  } else {
    std::fill_n(wide + shape.width, shape.width, 0.0F);
  }
  in_pieces(shape.rows, piece_rows(shape.width), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    const std::int64_t at = first * shape.width;
    kernels::table().scale_shift(x + at, y + at, last - first, shape.width, wide, wide + shape.width, act);
  });
}

}  // namespace frontier
