#include "supernet/layers.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "supernet/kernels/kernels.h"

namespace frontier {
namespace {

using kernels::Act;

/// Our own loops take float32 activations on the CPU; everything else goes to ATen, which gives the same numbers.
bool has_kernels(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 4 && x.numel() > 0;
}

std::optional<Act> kernel_act(std::optional<Activation> act) {
  if (!act) return Act::kNone;
  switch (*act) {
    case Activation::kReLU: return Act::kReLU;
    case Activation::kReLU6: return Act::kReLU6;
    case Activation::kHSwish: return Act::kHSwish;
    default: return std::nullopt;
  }
}

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

at::Tensor empty_channels_last(at::IntArrayRef shape, const at::Tensor& like) {
  return at::empty(shape, like.options().memory_format(at::MemoryFormat::ChannelsLast));
}

/// A channels-last activation as a matrix [rows, width] of `fold` pixels a row, so that few channels still fill vector
/// registers.
struct Rows {
  std::int64_t channels, fold, rows, width;
  explicit Rows(const at::Tensor& x) : channels(x.size(1)), fold(1), rows(x.numel() / channels), width(channels) {
    while (width < 64 && rows % 2 == 0) {
      fold *= 2;
      rows /= 2;
      width *= 2;
    }
  }
  std::vector<float> repeat(const std::vector<float>& per_channel) const {
    std::vector<float> wide;
    wide.reserve(static_cast<std::size_t>(width));
    for (std::int64_t i = 0; i < fold; ++i) wide.insert(wide.end(), per_channel.begin(), per_channel.end());
    return wide;
  }
};

/// Splits [0, n) into pieces that depend on n alone, so that sums over pieces are equal at any number of threads.
/// body(piece, first, last); at most kPieces pieces.
constexpr std::int64_t kPieces = 16;
template <class Body>
std::int64_t in_pieces(std::int64_t n, std::int64_t smallest_piece, const Body& body) {
  const std::int64_t pieces = std::clamp<std::int64_t>(n / std::max<std::int64_t>(1, smallest_piece), 1, kPieces);
  at::parallel_for(0, pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) body(piece, n * piece / pieces, n * (piece + 1) / pieces);
  });
  return pieces;
}

std::int64_t piece_rows(std::int64_t width) { return std::max<std::int64_t>(1, 32768 / width); }

/// Two sums a channel over all pixels, gathered in pieces: work(first_row, rows, sums of the first, sums of the
/// second).
template <class Work>
std::pair<std::vector<double>, std::vector<double>> channel_sums(const Rows& shape, const Work& work) {
  const auto width = static_cast<std::size_t>(shape.width), channels = static_cast<std::size_t>(shape.channels);
  std::vector<double> partial(2 * width * kPieces, 0.0);
  const std::int64_t pieces =
      in_pieces(shape.rows, piece_rows(shape.width), [&](std::int64_t piece, std::int64_t first, std::int64_t last) {
        double* sums = partial.data() + 2 * width * static_cast<std::size_t>(piece);
        work(first, last - first, sums, sums + width);
      });
  std::vector<double> a(channels, 0.0), b(channels, 0.0);
  for (std::size_t p = 0; p < static_cast<std::size_t>(pieces); ++p) {
    for (std::size_t i = 0; i < width; ++i) {
      a[i % channels] += partial[2 * width * p + i];
      b[i % channels] += partial[2 * width * p + width + i];
    }
  }
  return {std::move(a), std::move(b)};
}

struct Moments {
  std::vector<float> mean, variance;
};

/// @param x channels-last, float32, CPU.
Moments moments_of(const at::Tensor& x, const Rows& shape) {
  const float* data = x.const_data_ptr<float>();
  // Sums are taken from the first pixel's values, so that a mean far from zero costs no digits.
  const std::vector<float> origin(data, data + shape.channels), wide = shape.repeat(origin);
  const auto [sum, square_sum] = channel_sums(shape, [&](std::int64_t first, std::int64_t rows, double* a, double* b) {
    kernels::table().moments(data + first * shape.width, rows, shape.width, wide.data(), a, b);
  });
  const double n = static_cast<double>(shape.rows * shape.fold);
  Moments result;
  for (std::size_t c = 0; c < origin.size(); ++c) {
    const double mean = sum[c] / n;
    result.mean.push_back(static_cast<float>(origin[c] + mean));
    result.variance.push_back(static_cast<float>(std::max(0.0, square_sum[c] / n - mean * mean)));
  }
  return result;
}

void run_scale_shift(const at::Tensor& x, at::Tensor& y, const Rows& shape, const std::vector<float>& scale,
                     const std::vector<float>& shift, Act act) {
  const std::vector<float> wide_scale = shape.repeat(scale), wide_shift = shape.repeat(shift);
  const float* in = x.const_data_ptr<float>();
  float* out = y.data_ptr<float>();
  in_pieces(shape.rows, piece_rows(shape.width), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    kernels::table().scale_shift(in + first * shape.width, out + first * shape.width, last - first, shape.width,
                                 wide_scale.data(), wide_shift.data(), act);
  });
}

std::vector<float> to_vector(const at::Tensor& x) {
  const at::Tensor dense = x.detach().contiguous();
  return {dense.const_data_ptr<float>(), dense.const_data_ptr<float>() + dense.numel()};
}
at::Tensor to_tensor(const std::vector<float>& values) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kFloat);
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor;
}

/// Batch norm by batch statistics with its activation. Keeps only x: the output's sign is worked out again in the
/// backward pass, which saves a write and a read of every activation.
class BatchNormAct : public torch::autograd::Function<BatchNormAct> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input, const at::Tensor& gamma,
                            const at::Tensor& beta, std::int64_t act) {
    const at::Tensor x = channels_last(input);
    const Rows shape(x);
    const Moments m = moments_of(x, shape);
    const std::vector<float> g = to_vector(gamma), b = to_vector(beta);
    std::vector<float> scale(g.size()), shift(g.size());
    for (std::size_t c = 0; c < g.size(); ++c) {
      scale[c] = g[c] / std::sqrt(m.variance[c] + static_cast<float>(kBatchNormEpsilon));
      shift[c] = b[c] - m.mean[c] * scale[c];
    }
    at::Tensor y = empty_channels_last(x.sizes(), x);
    run_scale_shift(x, y, shape, scale, shift, static_cast<Act>(act));
    context->save_for_backward(
        {x, gamma, to_tensor(m.mean), to_tensor(m.variance), to_tensor(scale), to_tensor(shift)});
    context->saved_data["act"] = act;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const Act act = static_cast<Act>(context->saved_data["act"].toInt());
    const at::Tensor dy = channels_last(gradients[0]);
    const Rows shape(x);
    const std::vector<float> gamma = to_vector(saved[1]), mean = to_vector(saved[2]), variance = to_vector(saved[3]),
                             scale = to_vector(saved[4]), shift = to_vector(saved[5]);
    const std::vector<float> wide_scale = shape.repeat(scale), wide_shift = shape.repeat(shift),
                             wide_mean = shape.repeat(mean);
    const float* in = x.const_data_ptr<float>();
    const float* grad = dy.const_data_ptr<float>();
    const auto [sum_g, sum_gx] = channel_sums(shape, [&](std::int64_t first, std::int64_t rows, double* a, double* b) {
      kernels::table().norm_backward_sums(in + first * shape.width, grad + first * shape.width, rows, shape.width,
                                          wide_scale.data(), wide_shift.data(), wide_mean.data(), act, a, b);
    });
    const double n = static_cast<double>(shape.rows * shape.fold);
    std::vector<float> dgamma(gamma.size()), dbeta(gamma.size()), by_x(gamma.size()), constant(gamma.size());
    for (std::size_t c = 0; c < gamma.size(); ++c) {
      const double inverse = 1.0 / std::sqrt(static_cast<double>(variance[c]) + kBatchNormEpsilon);
      dbeta[c] = static_cast<float>(sum_g[c]);
      dgamma[c] = static_cast<float>(sum_gx[c] * inverse);
      const double slope = -static_cast<double>(scale[c]) * inverse * inverse * sum_gx[c] / n;
      by_x[c] = static_cast<float>(slope);
      constant[c] =
          static_cast<float>(-static_cast<double>(scale[c]) * sum_g[c] / n - slope * static_cast<double>(mean[c]));
    }
    at::Tensor dx = empty_channels_last(x.sizes(), x);
    const std::vector<float> wide_by_x = shape.repeat(by_x), wide_constant = shape.repeat(constant);
    float* out = dx.data_ptr<float>();
    in_pieces(shape.rows, piece_rows(shape.width), [&](std::int64_t, std::int64_t first, std::int64_t last) {
      const std::int64_t at = first * shape.width;
      kernels::table().norm_backward(in + at, grad + at, out + at, last - first, shape.width, wide_scale.data(),
                                     wide_shift.data(), wide_by_x.data(), wide_constant.data(), act);
    });
    return {dx, to_tensor(dgamma), to_tensor(dbeta), at::Tensor()};
  }
};

kernels::ConvShape conv_shape(const at::Tensor& x, std::int64_t k, std::int64_t stride) {
  kernels::ConvShape s{};
  s.height = x.size(2);
  s.width = x.size(3);
  s.channels = x.size(1);
  s.kernel = static_cast<int>(k);
  s.stride = static_cast<int>(stride);
  s.padding = static_cast<int>((k - 1) / 2);
  s.out_height = (s.height + 2 * s.padding - k) / stride + 1;
  s.out_width = (s.width + 2 * s.padding - k) / stride + 1;
  return s;
}

/// [c, 1, k, k] in any layout to [k, k, c].
at::Tensor taps_first(const at::Tensor& weight) { return weight.detach().squeeze(1).permute({1, 2, 0}).contiguous(); }

class DepthwiseConv : public torch::autograd::Function<DepthwiseConv> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, std::int64_t stride) {
    const at::Tensor x = channels_last(input), w = taps_first(weight);
    const auto s = conv_shape(x, weight.size(2), stride);
    at::Tensor y = empty_channels_last({x.size(0), s.channels, s.out_height, s.out_width}, x);
    const float* in = x.const_data_ptr<float>();
    const float* taps = w.const_data_ptr<float>();
    float* out = y.data_ptr<float>();
    in_pieces(x.size(0), 1, [&](std::int64_t, std::int64_t first, std::int64_t last) {
      std::vector<float> scratch(static_cast<std::size_t>(kernels::scratch_size(s)), 0.0F);
      kernels::table().depthwise(s, first, last, in, taps, out, scratch.data());
    });
    context->save_for_backward({x, w});
    context->saved_data["stride"] = stride;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1];
    const at::Tensor dy = channels_last(gradients[0]);
    const auto s = conv_shape(x, w.size(0), context->saved_data["stride"].toInt());
    const float* grad = dy.const_data_ptr<float>();
    const float* in = x.const_data_ptr<float>();
    const std::int64_t images = x.size(0);
    at::Tensor dx, dw;
    if (context->needs_input_grad(0)) {
      dx = empty_channels_last(x.sizes(), x);
      float* out = dx.data_ptr<float>();
      const at::Tensor flipped = w.flip({0, 1});
      const float* taps = flipped.const_data_ptr<float>();
      in_pieces(images, 1, [&](std::int64_t, std::int64_t first, std::int64_t last) {
        std::vector<float> scratch(static_cast<std::size_t>(kernels::scratch_size(s)), 0.0F);
        kernels::table().depthwise_backward_input(s, first, last, grad, taps, out, scratch.data());
      });
    }
    if (context->needs_input_grad(1)) {
      at::Tensor partial = at::zeros({kPieces, w.size(0), w.size(1), w.size(2)}, w.options());
      float* sums = partial.data_ptr<float>();
      const std::int64_t pieces = in_pieces(images, 8, [&](std::int64_t piece, std::int64_t first, std::int64_t last) {
        std::vector<float> scratch(static_cast<std::size_t>(kernels::scratch_size(s)), 0.0F);
        kernels::table().depthwise_backward_weight(s, first, last, grad, in, sums + piece * w.numel(), scratch.data());
      });
      dw = partial.narrow(0, 0, pieces).sum(0).permute({2, 0, 1}).unsqueeze(1);
    }
    return {dx, dw, at::Tensor()};
  }
};

/// Pixels as rows: a view [N * H * W, C] of a channels-last activation.
at::Tensor pixel_rows(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).view({-1, x.size(1)}); }

/// A 1x1 convolution is a matrix product over pixels; as such it needs no reordering of weights and is a fifth faster
/// than the general convolution.
class PointwiseConv : public torch::autograd::Function<PointwiseConv> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
    const at::Tensor x = channels_last(input), w = weight.detach().squeeze(-1).squeeze(-1);
    at::Tensor y = empty_channels_last({x.size(0), w.size(0), x.size(2), x.size(3)}, x);
    at::Tensor rows = pixel_rows(y);
    if (bias) {
      at::addmm_out(rows, bias->detach(), pixel_rows(x), w.t());
    } else {
      at::mm_out(rows, pixel_rows(x), w.t());
    }
    context->save_for_backward({x, w});
    context->saved_data["bias"] = bias.has_value();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1];
    const at::Tensor dy = channels_last(gradients[0]), dy_rows = pixel_rows(dy);
    at::Tensor dx, dw, dbias;
    if (context->needs_input_grad(0)) {
      dx = empty_channels_last(x.sizes(), x);
      at::Tensor rows = pixel_rows(dx);
      at::mm_out(rows, dy_rows, w);
    }
    if (context->needs_input_grad(1)) dw = at::mm(dy_rows.t(), pixel_rows(x)).unsqueeze(-1).unsqueeze(-1);
    if (context->saved_data["bias"].toBool()) dbias = dy_rows.sum(0);
    return {dx, dw, dbias};
  }
};

at::Tensor image_sums(const at::Tensor& x, const at::Tensor* y) {
  at::Tensor sums = at::empty({x.size(0), x.size(1), 1, 1}, x.options().memory_format(at::MemoryFormat::Contiguous));
  const std::int64_t pixels = x.size(2) * x.size(3), channels = x.size(1), image = pixels * channels;
  const float* a = x.const_data_ptr<float>();
  const float* b = y ? y->const_data_ptr<float>() : nullptr;
  float* out = sums.data_ptr<float>();
  in_pieces(x.size(0), 1, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n)
      kernels::table().pixel_sums(a + n * image, b ? b + n * image : nullptr, pixels, channels, out + n * channels);
  });
  return sums;
}

/// y[n, :, h, w] = x[n, :, h, w] * scale[n] + shift[n]; x null: the shift alone.
at::Tensor image_scale_shift(const at::Tensor& x, const float* scale, const float* shift) {
  at::Tensor y = empty_channels_last(x.sizes(), x);
  const std::int64_t pixels = x.size(2) * x.size(3), channels = x.size(1), image = pixels * channels;
  const std::vector<float> zeros(static_cast<std::size_t>(channels), 0.0F);
  const float* in = x.const_data_ptr<float>();
  float* out = y.data_ptr<float>();
  in_pieces(x.size(0), 1, [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n)
      kernels::table().scale_shift(in + n * image, out + n * image, pixels, channels,
                                   scale ? scale + n * channels : zeros.data(),
                                   shift ? shift + n * channels : zeros.data(), Act::kNone);
  });
  return y;
}

class ChannelGate : public torch::autograd::Function<ChannelGate> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& gate_input) {
    const at::Tensor x = channels_last(input), gate = gate_input.contiguous();
    context->save_for_backward({x, gate});
    return image_scale_shift(x, gate.const_data_ptr<float>(), nullptr);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor dy = channels_last(gradients[0]);
    return {image_scale_shift(dy, saved[1].const_data_ptr<float>(), nullptr), image_sums(saved[0], &dy)};
  }
};

class GlobalPool : public torch::autograd::Function<GlobalPool> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input) {
    const at::Tensor x = channels_last(input);
    context->saved_data["shape"] = x.sizes().vec();
    return image_sums(x, nullptr).div_(static_cast<double>(x.size(2) * x.size(3)));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto shape = context->saved_data["shape"].toIntVector();
    const at::Tensor share = (gradients[0] / static_cast<double>(shape[2] * shape[3])).contiguous();
    at::Tensor dx = empty_channels_last(shape, share);
    const std::int64_t pixels = shape[2] * shape[3], channels = shape[1];
    const float* values = share.const_data_ptr<float>();
    float* out = dx.data_ptr<float>();
    in_pieces(shape[0], 1, [&](std::int64_t, std::int64_t first, std::int64_t last) {
      for (std::int64_t n = first; n < last; ++n)
        for (std::int64_t p = 0; p < pixels; ++p)
          std::copy_n(values + n * channels, channels, out + (n * pixels + p) * channels);
    });
    return {dx};
  }
};

}  // namespace

at::Tensor apply_activation(const at::Tensor& x, Activation act) {
  // Without gradients h-swish takes the kernel's rounding, so that a layer gives the same bits fused and alone.
  if (act == Activation::kHSwish && has_kernels(x) && !at::GradMode::is_enabled()) {
    at::Tensor y = channels_last(x).clone();
    apply_activation_(y, act);
    return y;
  }
  switch (act) {
    case Activation::kReLU: return at::relu(x);
    case Activation::kReLU6: return at::hardtanh(x, 0, 6);
    case Activation::kHSwish: return at::hardswish(x);
    case Activation::kHSigmoid: return at::hardsigmoid(x);
    case Activation::kSigmoid: return at::sigmoid(x);
    case Activation::kGELU: return at::gelu(x);
  }
  throw std::logic_error("activation");
}

void apply_activation_(at::Tensor& x, Activation act) {
  if (act == Activation::kHSwish && has_kernels(x) && x.is_contiguous(at::MemoryFormat::ChannelsLast)) {
    const Rows shape(x);
    const auto channels = static_cast<std::size_t>(shape.channels);
    run_scale_shift(x, x, shape, std::vector<float>(channels, 1.0F), std::vector<float>(channels, 0.0F), Act::kHSwish);
    return;
  }
  switch (act) {
    case Activation::kReLU: at::relu_(x); return;
    case Activation::kReLU6: at::hardtanh_(x, 0, 6); return;
    case Activation::kHSwish: at::hardswish_(x); return;
    case Activation::kHSigmoid: at::hardsigmoid_(x); return;
    case Activation::kSigmoid: at::sigmoid_(x); return;
    case Activation::kGELU: at::gelu_(x); return;
  }
}

at::Tensor batch_norm_train(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                            std::optional<Activation> act) {
  const auto fused = kernel_act(act);
  if (has_kernels(x)) {
    const at::Tensor y = BatchNormAct::apply(x, gamma, beta, static_cast<std::int64_t>(fused.value_or(Act::kNone)));
    return fused ? y : apply_activation(y, *act);
  }
  const at::Tensor y = at::batch_norm(x, gamma, beta, {}, {}, true, 0.0, kBatchNormEpsilon, true);
  return act ? apply_activation(y, *act) : y;
}

std::pair<at::Tensor, at::Tensor> channel_moments(const at::Tensor& x) {
  if (has_kernels(x)) {
    const at::Tensor dense = channels_last(x);
    const Moments m = moments_of(dense, Rows(dense));
    return {to_tensor(m.mean), to_tensor(m.variance)};
  }
  auto [variance, mean] = at::var_mean(x.to(at::kFloat), at::IntArrayRef{0, 2, 3}, /*unbiased=*/false);
  return {mean, variance};
}

at::Tensor scale_shift(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                       std::optional<Activation> act) {
  const auto fused = kernel_act(act);
  at::Tensor y;
  if (has_kernels(x)) {
    const at::Tensor dense = channels_last(x);
    y = empty_channels_last(x.sizes(), x);
    run_scale_shift(dense, y, Rows(dense), to_vector(scale), to_vector(shift), fused.value_or(Act::kNone));
    if (fused) return y;
  } else {
    y = x * scale.reshape({1, -1, 1, 1}) + shift.reshape({1, -1, 1, 1});
  }
  if (act) apply_activation_(y, *act);
  return y;
}

void scale_shift_(at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, std::optional<Activation> act) {
  const auto fused = kernel_act(act);
  if (has_kernels(x) && x.is_contiguous(at::MemoryFormat::ChannelsLast)) {
    run_scale_shift(x, x, Rows(x), to_vector(scale), to_vector(shift), fused.value_or(Act::kNone));
    if (fused) return;
  } else {
    x.mul_(scale.reshape({1, -1, 1, 1})).add_(shift.reshape({1, -1, 1, 1}));
  }
  if (act) apply_activation_(x, *act);
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias, int stride,
                       int dilation, std::int64_t groups) {
  const bool depthwise =
      groups > 1 && groups == x.size(1) && groups == weight.size(0) && dilation == 1 && weight.size(2) % 2 == 1;
  if (depthwise && has_kernels(x)) {
    const at::Tensor y = DepthwiseConv::apply(x, weight, static_cast<std::int64_t>(stride));
    return bias ? y + bias->reshape({1, -1, 1, 1}) : y;
  }
  if (groups == 1 && weight.size(2) == 1 && weight.size(3) == 1 && stride == 1 && has_kernels(x))
    return PointwiseConv::apply(x, weight, bias);
  const std::int64_t k = weight.size(2), padding = k % 2 == 0 ? 0 : dilation * (k - 1) / 2;
  return at::conv2d(x, weight, bias, stride, padding, dilation, groups);
}

at::Tensor channel_gate(const at::Tensor& x, const at::Tensor& gate) {
  if (has_kernels(x) && gate.size(2) == 1 && gate.size(3) == 1 && gate.scalar_type() == at::kFloat)
    return ChannelGate::apply(x, gate);
  return x * gate;
}

at::Tensor global_pool(const at::Tensor& x, std::int64_t skip) {
  if (skip > 0) return at::mean(x.narrow(2, skip, x.size(2) - skip), at::IntArrayRef{2, 3}, /*keepdim=*/true);
  return has_kernels(x) ? GlobalPool::apply(x) : at::mean(x, at::IntArrayRef{2, 3}, /*keepdim=*/true);
}

namespace {

/// Runs a pool of ATen's, which pads alike on all sides: before(padding) with sides rounded up where the kernel is
/// even.
template <class Pool>
at::Tensor pool(const at::Tensor& x, std::int64_t kernel, std::int64_t stride, const Pool& padded) {
  if (kernel % 2 == 1) return padded(kernel / 2, /*ceil_mode=*/false);
  // Without a stride, rounding up adds nothing: pad by one more and drop the first row and column.
  const std::int64_t first = stride == 1 ? 1 : 0;
  const at::Tensor y = padded(first == 1 ? kernel / 2 : (kernel - 1) / 2, /*ceil_mode=*/true);
  const auto side = [&](std::int64_t d) { return (x.size(d) + stride - 1) / stride; };
  return y.narrow(2, first, side(2)).narrow(3, first, side(3));
}

}  // namespace

at::Tensor average_pool(const at::Tensor& x, std::int64_t kernel, std::int64_t stride) {
  return pool(x, kernel, stride, [&](std::int64_t padding, bool ceil_mode) {
    return at::avg_pool2d(x, kernel, stride, padding, ceil_mode, /*count_include_pad=*/false);
  });
}

at::Tensor max_pool(const at::Tensor& x, std::int64_t kernel, std::int64_t stride) {
  return pool(x, kernel, stride, [&](std::int64_t padding, bool ceil_mode) {
    return at::max_pool2d(x, kernel, stride, padding, /*dilation=*/1, ceil_mode);
  });
}

at::Tensor resize(const at::Tensor& x, std::int64_t height, std::int64_t width) {
  return channels_last(at::upsample_bicubic2d(x, {height, width}, /*align_corners=*/false));
}

at::Tensor shift(const at::Tensor& x) { return channels_last(at::constant_pad_nd(x, {-1, 1, -1, 1})); }

}  // namespace frontier
