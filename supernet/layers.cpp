#include "supernet/layers.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "supernet/internal/channels_last.h"
#include "supernet/second_derivative.h"

namespace frontier {
namespace {

using kernels::Act;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::optional<Act> kernel_act(std::optional<Activation> act) {
  if (!act) return Act::kNone;
  switch (*act) {
    case Activation::kReLU: return Act::kReLU;
    case Activation::kReLU6: return Act::kReLU6;
    case Activation::kHSwish: return Act::kHSwish;
    default: return std::nullopt;
  }
}

bool wants_gradients(std::initializer_list<at::Tensor> tensors) {
  return at::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return t.requires_grad(); });
}

/// @param x channels-last, float32, CPU.  @param mean, variance [C], written.
void moments_of(const at::Tensor& x, const Rows& shape, float* mean, float* variance) {
  const float* data = x.const_data_ptr<float>();
  const Scratch memory = scratch(channel_sums_size(shape), shape.width);
  // Sums are taken from the first pixel's values, so that a mean far from zero costs no digits.
  shape.repeat(data, memory.floats);
  const double* sums =
      channel_sums(shape, memory.doubles, [&](std::int64_t first, std::int64_t rows, double* a, double* b) {
        kernels::table().moments(data + first * shape.width, rows, shape.width, memory.floats, a, b);
      });
  const double n = static_cast<double>(shape.pixels());
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    const double offset = sums[c] / n;
    mean[c] = static_cast<float>(data[c] + offset);
    variance[c] = static_cast<float>(std::max(0.0, sums[shape.channels + c] / n - offset * offset));
  }
}

at::Tensor empty_channels(std::int64_t channels) { return at::empty({channels}, at::kFloat); }

/// Batch norm by batch statistics with its activation. Keeps only x: the output's sign is worked out again in the
/// backward pass, which saves a write and a read of every activation.
class BatchNormAct : public torch::autograd::Function<BatchNormAct> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& gamma,
                            const at::Tensor& beta, std::int64_t act) {
    const at::Tensor x = channels_last(input), g = gamma.contiguous(), b = beta.contiguous();
    const Rows shape(x);
    const std::int64_t channels = shape.channels;
    const at::Tensor statistics = at::empty({4, channels}, at::kFloat);
    float *mean = statistics.data_ptr<float>(), *variance = mean + channels, *scale = variance + channels,
          *shift = scale + channels;
    moments_of(x, shape, mean, variance);
    const float *factor = g.const_data_ptr<float>(), *offset = b.const_data_ptr<float>();
    for (std::int64_t c = 0; c < channels; ++c) {
      scale[c] = factor[c] / std::sqrt(variance[c] + static_cast<float>(kBatchNormEpsilon));
      shift[c] = offset[c] - mean[c] * scale[c];
    }
    at::Tensor y = empty_channels_last(x.sizes(), x);
    scale_shift_rows(x.const_data_ptr<float>(), y.data_ptr<float>(), shape, scale, shift, static_cast<Act>(act));
    context->save_for_backward({x, statistics});
    context->saved_data["act"] = act;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &statistics = saved[1];
    const at::Tensor dy = channels_last(gradients[0]);
    const Rows shape(x);
    const at::Tensor dgamma = empty_channels(shape.channels), dbeta = empty_channels(shape.channels);
    at::Tensor dx = empty_channels_last(x.sizes(), x);
    run_backward(shape, static_cast<Act>(context->saved_data["act"].toInt()), x.const_data_ptr<float>(),
                 dy.const_data_ptr<float>(), statistics.const_data_ptr<float>(), dx.data_ptr<float>(),
                 dgamma.data_ptr<float>(), dbeta.data_ptr<float>());
    return once_differentiable({dx, dgamma, dbeta, at::Tensor()}, gradients, "a batch norm");
  }

 private:
  /// @param statistics [4, C]: mean, variance, scale, shift.
  static void run_backward(const Rows& shape, Act act, const float* x, const float* dy, const float* statistics,
                           float* dx, float* dgamma, float* dbeta) {
    const std::int64_t channels = shape.channels, width = shape.width;
    const float *mean = statistics, *variance = mean + channels, *scale = variance + channels,
                *shift = scale + channels;
    const Scratch memory = scratch(channel_sums_size(shape), 4 * width);
    float *wide_scale = memory.floats, *wide_shift = wide_scale + width, *wide_by_x = wide_shift + width,
          *wide_constant = wide_by_x + width, *wide_mean = wide_constant;
    shape.repeat(scale, wide_scale);
    shape.repeat(shift, wide_shift);
    shape.repeat(mean, wide_mean);
    const double* sums =
        channel_sums(shape, memory.doubles, [&](std::int64_t first, std::int64_t rows, double* a, double* b) {
          kernels::table().norm_backward_sums(x + first * width, dy + first * width, rows, width, wide_scale,
                                              wide_shift, wide_mean, act, a, b);
        });
    const double *sum_g = sums, *sum_gx = sums + channels;
    const double n = static_cast<double>(shape.pixels());
    for (std::int64_t c = 0; c < channels; ++c) {
      const double inverse = 1.0 / std::sqrt(static_cast<double>(variance[c]) + kBatchNormEpsilon);
      dbeta[c] = static_cast<float>(sum_g[c]);
      dgamma[c] = static_cast<float>(sum_gx[c] * inverse);
      const double slope = -static_cast<double>(scale[c]) * inverse * inverse * sum_gx[c] / n;
      wide_by_x[c] = static_cast<float>(slope);
      wide_constant[c] =
          static_cast<float>(-static_cast<double>(scale[c]) * sum_g[c] / n - slope * static_cast<double>(mean[c]));
    }
    for (std::int64_t c = channels; c < width; ++c) {
      wide_by_x[c] = wide_by_x[c - channels];
      wide_constant[c] = wide_constant[c - channels];
    }
    in_pieces(shape.rows, piece_rows(width), [&](std::int64_t, std::int64_t first, std::int64_t last) {
      const std::int64_t at = first * width;
      kernels::table().norm_backward(x + at, dy + at, dx + at, last - first, width, wide_scale, wide_shift, wide_by_x,
                                     wide_constant, act);
    });
  }
};

kernels::ConvShape conv_shape(const at::Tensor& x, std::int64_t k, std::int64_t stride, std::int64_t dilation) {
  kernels::ConvShape s{};
  s.height = x.size(2);
  s.width = x.size(3);
  s.channels = x.size(1);
  s.kernel = static_cast<int>(k);
  s.stride = static_cast<int>(stride);
  s.dilation = static_cast<int>(dilation);
  s.padding = s.reach() / 2;
  s.out_height = (s.height + 2 * s.padding - s.reach() - 1) / stride + 1;
  s.out_width = (s.width + 2 * s.padding - s.reach() - 1) / stride + 1;
  return s;
}

/// [c, 1, k, k] in any layout to [k, k, c]; `flipped`: turned by 180 degrees.
at::Tensor taps_first(const at::Tensor& weight, bool flipped) {
  const std::int64_t channels = weight.size(0), k = weight.size(2);
  at::Tensor taps = at::empty({k, k, channels}, at::kFloat);
  const float* from = weight.const_data_ptr<float>();
  float* to = taps.data_ptr<float>();
  for (std::int64_t tap = 0; tap < k * k; ++tap) {
    const std::int64_t place = flipped ? k * k - 1 - tap : tap;
    const float* first = from + place / k * weight.stride(2) + place % k * weight.stride(3);
    for (std::int64_t c = 0; c < channels; ++c) to[tap * channels + c] = first[c * weight.stride(0)];
  }
  return taps;
}

/// As many images as are worth a piece of their own, where each is so many numbers or products.
std::int64_t piece_images(std::int64_t work) {
  return std::max<std::int64_t>(1, kSmallestPiece / std::max<std::int64_t>(1, work));
}

class DepthwiseConv : public torch::autograd::Function<DepthwiseConv> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& weight,
                            std::int64_t stride, std::int64_t dilation) {
    const at::Tensor x = channels_last(input), w = taps_first(weight, /*flipped=*/false);
    const auto s = conv_shape(x, weight.size(2), stride, dilation);
    at::Tensor y = empty_channels_last({x.size(0), s.channels, s.out_height, s.out_width}, x);
    over_images(x.size(0), s,
                [&, in = x.const_data_ptr<float>(), taps = w.const_data_ptr<float>(), out = y.data_ptr<float>()](
                    std::int64_t first, std::int64_t last, float* frames) {
                  kernels::table().depthwise(s, first, last, in, taps, out, frames);
                });
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["dilation"] = dilation;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1];
    const at::Tensor dy = channels_last(gradients[0]);
    const auto s =
        conv_shape(x, w.size(2), context->saved_data["stride"].toInt(), context->saved_data["dilation"].toInt());
    at::Tensor dx, dw;
    if (context->needs_input_grad(0)) {
      dx = empty_channels_last(x.sizes(), x);
      const at::Tensor flipped = taps_first(w, /*flipped=*/true);
      over_images(x.size(0), s,
                  [&, grad = dy.const_data_ptr<float>(), taps = flipped.const_data_ptr<float>(),
                   out = dx.data_ptr<float>()](std::int64_t first, std::int64_t last, float* frames) {
                    kernels::table().depthwise_backward_input(s, first, last, grad, taps, out, frames);
                  });
    }
    if (context->needs_input_grad(1)) dw = weight_gradient(s, x, dy);
    return once_differentiable({dx, dw, at::Tensor(), at::Tensor()}, gradients, "a depthwise convolution");
  }

 private:
  /// work(first, last, frames) over images, each on its own.
  template <class Work>
  static void over_images(std::int64_t images, const kernels::ConvShape& s, const Work& work) {
    const std::int64_t products = s.out_height * s.out_width * s.channels * s.kernel * s.kernel;
    in_pieces(images, piece_images(products / 4), [&](std::int64_t, std::int64_t first, std::int64_t last) {
      work(first, last, scratch(0, kernels::scratch_size(s)).floats);
    });
  }

  static at::Tensor weight_gradient(const kernels::ConvShape& s, const at::Tensor& x, const at::Tensor& dy) {
    constexpr std::int64_t kImages = 8;  // at least, a piece
    const std::int64_t images = x.size(0), k = s.kernel, size = k * k * s.channels;
    at::Tensor partial = at::zeros({num_pieces(images, kImages), size}, at::kFloat);
    const float *grad = dy.const_data_ptr<float>(), *in = x.const_data_ptr<float>();
    float* sums = partial.data_ptr<float>();
    in_pieces(images, kImages, [&](std::int64_t piece, std::int64_t first, std::int64_t last) {
      kernels::table().depthwise_backward_weight(s, first, last, grad, in, sums + piece * size,
                                                 scratch(0, kernels::scratch_size(s)).floats);
    });
    const at::Tensor sum = partial.size(0) == 1 ? partial : partial.sum(0);
    return sum.as_strided({s.channels, 1, k, k}, {1, size, k * s.channels, s.channels});
  }
};

/// Pixels as rows: a view [N * H * W, C] of a channels-last activation.
at::Tensor pixel_rows(const at::Tensor& x) { return x.as_strided({x.numel() / x.size(1), x.size(1)}, {x.size(1), 1}); }

/// A 1x1 convolution is a matrix product over pixels; as such it needs no reordering of weights and is a fifth faster
/// than the general convolution.
class PointwiseConv : public torch::autograd::Function<PointwiseConv> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    at::AutoDispatchBelowADInplaceOrView plain;  // nothing below is for autograd to see
    const at::Tensor x = channels_last(input);
    const at::Tensor w = weight.as_strided({weight.size(1), weight.size(0)}, {weight.stride(1), weight.stride(0)});
    at::Tensor y = empty_channels_last({x.size(0), weight.size(0), x.size(2), x.size(3)}, x);
    at::Tensor rows = pixel_rows(y);
    if (bias) {
      at::addmm_out(rows, *bias, pixel_rows(x), w);
    } else {
      at::mm_out(rows, pixel_rows(x), w);
    }
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    return once_differentiable(run_backward(*context, saved[0], saved[1], gradients[0]), gradients,
                               "a 1x1 convolution");
  }

 private:
  static variable_list run_backward(const AutogradContext& context, const at::Tensor& x, const at::Tensor& weight,
                                    const at::Tensor& gradient) {
    at::AutoDispatchBelowADInplaceOrView plain;
    const std::int64_t out = weight.size(0), in = weight.size(1);
    const at::Tensor dy = channels_last(gradient), dy_rows = pixel_rows(dy);
    at::Tensor dx, dw, dbias;
    if (context.needs_input_grad(0)) {
      dx = empty_channels_last(x.sizes(), x);
      at::Tensor rows = pixel_rows(dx);
      at::mm_out(rows, dy_rows, weight.as_strided({out, in}, {weight.stride(0), weight.stride(1)}));
    }
    if (context.needs_input_grad(1)) dw = at::mm(dy_rows.t(), pixel_rows(x)).view({out, in, 1, 1});
    if (context.saved_data.at("bias").toBool()) dbias = dy_rows.sum(0);
    return {dx, dw, dbias};
  }
};

/// Sums over the pixels of every image, of x or of x * y: [N, C, 1, 1].
at::Tensor image_sums(const at::Tensor& x, const at::Tensor* y) {
  at::Tensor sums = at::empty({x.size(0), x.size(1), 1, 1}, x.options().memory_format(at::MemoryFormat::Contiguous));
  const std::int64_t pixels = x.size(2) * x.size(3), channels = x.size(1), image = pixels * channels;
  const float* a = x.const_data_ptr<float>();
  const float* b = y ? y->const_data_ptr<float>() : nullptr;
  float* out = sums.data_ptr<float>();
  in_pieces(x.size(0), piece_images(image), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n)
      kernels::table().pixel_sums(a + n * image, b ? b + n * image : nullptr, pixels, channels, out + n * channels);
  });
  return sums;
}

/// y[n, :, h, w] = x[n, :, h, w] * scale[n]. @param scale [N, C].
at::Tensor image_scale(const at::Tensor& x, const float* scale) {
  at::Tensor y = empty_channels_last(x.sizes(), x);
  const std::int64_t pixels = x.size(2) * x.size(3), channels = x.size(1), image = pixels * channels;
  float* zeros = scratch(0, channels).floats;
  std::fill_n(zeros, channels, 0.0F);
  const float* in = x.const_data_ptr<float>();
  float* out = y.data_ptr<float>();
  in_pieces(x.size(0), piece_images(image), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n)
      kernels::table().scale_shift(in + n * image, out + n * image, pixels, channels, scale + n * channels, zeros,
                                   Act::kNone);
  });
  return y;
}

class ChannelGate : public torch::autograd::Function<ChannelGate> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& gate_input) {
    const at::Tensor x = channels_last(input), gate = gate_input.contiguous();
    context->save_for_backward({x, gate});
    return image_scale(x, gate.const_data_ptr<float>());
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor dy = channels_last(gradients[0]);
    return once_differentiable({image_scale(dy, saved[1].const_data_ptr<float>()), image_sums(saved[0], &dy)},
                               gradients, "a channel gate");
  }
};

class GlobalPool : public torch::autograd::Function<GlobalPool> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor x = channels_last(input);
    context->saved_data["shape"] = x.sizes().vec();
    return image_sums(x, nullptr).div_(static_cast<double>(x.size(2) * x.size(3)));
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto shape = context->saved_data["shape"].toIntVector();
    const std::int64_t pixels = shape[2] * shape[3], channels = shape[1];
    const at::Tensor share = (gradients[0].detach() / static_cast<double>(pixels)).contiguous();
    at::Tensor dx = empty_channels_last(shape, share);
    const float* values = share.const_data_ptr<float>();
    float* out = dx.data_ptr<float>();
    in_pieces(shape[0], piece_images(pixels * channels), [&](std::int64_t, std::int64_t first, std::int64_t last) {
      for (std::int64_t n = first; n < last; ++n)
        for (std::int64_t p = 0; p < pixels; ++p)
          std::copy_n(values + n * channels, channels, out + (n * pixels + p) * channels);
    });
    return once_differentiable({dx}, gradients, "a global pool");
  }
};

/// In place and without gradients. @param x channels-last.
void run_scale_shift_(at::Tensor& x, const float* scale, const float* shift, Act act) {
  scale_shift_rows(x.const_data_ptr<float>(), x.data_ptr<float>(), Rows(x), scale, shift, act);
}

bool in_our_layout(const at::Tensor& x) { return has_kernels(x) && x.is_contiguous(at::MemoryFormat::ChannelsLast); }

}  // namespace

namespace {

/// ATen's gradient of its own hard sigmoid has none.
at::Tensor hard_sigmoid(const at::Tensor& x) {
  if (DifferentiableTwice::is_on()) return at::hardtanh(x + 3, 0, 6) / 6;
  return at::hardsigmoid(once_differentiable(x, "a hard sigmoid"));
}

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
    case Activation::kHSigmoid: return hard_sigmoid(x);
    case Activation::kSigmoid: return at::sigmoid(x);
    case Activation::kGELU: return at::gelu(x);
  }
  throw std::logic_error("activation");
}

void apply_activation_(at::Tensor& x, Activation act) {
  if (act == Activation::kHSwish && in_our_layout(x)) return run_scale_shift_(x, nullptr, nullptr, Act::kHSwish);
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
  if (has_kernels(x) && !wants_gradients({x})) {
    const at::Tensor dense = channels_last(x), mean = empty_channels(x.size(1)), variance = empty_channels(x.size(1));
    moments_of(dense, Rows(dense), mean.data_ptr<float>(), variance.data_ptr<float>());
    return {mean, variance};
  }
  auto [variance, mean] = at::var_mean(x.scalar_type() == at::kDouble ? x : x.to(at::kFloat), at::IntArrayRef{0, 2, 3},
                                       /*unbiased=*/false);
  return {mean, variance};
}

at::Tensor scale_shift(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                       std::optional<Activation> act) {
  const bool gradients = wants_gradients({x, scale, shift});
  if (!has_kernels(x) || gradients) {
    at::Tensor y = x * scale.reshape({1, -1, 1, 1}) + shift.reshape({1, -1, 1, 1});
    if (act && gradients) return apply_activation(y, *act);
    if (act) apply_activation_(y, *act);
    return y;
  }
  const auto fused = kernel_act(act);
  const at::Tensor dense = channels_last(x), a = scale.contiguous(), b = shift.contiguous();
  at::Tensor y = empty_channels_last(x.sizes(), x);
  scale_shift_rows(dense.const_data_ptr<float>(), y.data_ptr<float>(), Rows(dense), a.const_data_ptr<float>(),
                   b.const_data_ptr<float>(), fused.value_or(Act::kNone));
  if (!fused) apply_activation_(y, *act);
  return y;
}

void scale_shift_(at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, std::optional<Activation> act) {
  const auto fused = kernel_act(act);
  if (in_our_layout(x)) {
    const at::Tensor a = scale.contiguous(), b = shift.contiguous();
    run_scale_shift_(x, a.const_data_ptr<float>(), b.const_data_ptr<float>(), fused.value_or(Act::kNone));
    if (fused) return;
  } else {
    x.mul_(scale.reshape({1, -1, 1, 1})).add_(shift.reshape({1, -1, 1, 1}));
  }
  if (act) apply_activation_(x, *act);
}

namespace {

/// A 1x1 convolution by matrix products that autograd and autocast see. On a GPU, cuDNN would plan each new size of a
/// convolution for tens of milliseconds, and supernets have thousands of sizes.
at::Tensor pointwise(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  return at::linear(x.permute({0, 2, 3, 1}), weight.flatten(1), bias).permute({0, 3, 1, 2});
}

}  // namespace

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias, int stride,
                       int dilation, std::int64_t groups) {
  const bool depthwise = groups > 1 && groups == x.size(1) && groups == weight.size(0) && weight.size(2) % 2 == 1;
  if (depthwise && has_kernels(x)) {
    const at::Tensor y = DepthwiseConv::apply(x, weight, std::int64_t{stride}, std::int64_t{dilation});
    return bias ? y + bias->reshape({1, -1, 1, 1}) : y;
  }
  const std::int64_t k = weight.size(2), padding = k % 2 == 0 ? 0 : dilation * (k - 1) / 2;
  if (groups == 1 && k == 1 && weight.size(3) == 1) {
    // With strides the pixels are picked first: oneDNN's gradient of such weights
    // (jit_avx2_1x1_convolution_bwd_weights_t in LibTorch 2.11) writes beyond its output where there are fewer channels
    // than a vector has.
    const at::Tensor picked = stride == 1 ? x : x.slice(2, 0, x.size(2), stride).slice(3, 0, x.size(3), stride);
    return has_kernels(x) ? PointwiseConv::apply(picked, weight, bias) : pointwise(picked, weight, bias);
  }
  if (depthwise && dilation == 1 && x.is_cuda()) {
    // LibTorch's own kernels take contiguous images; others go to cuDNN.
    return at::conv2d(x.contiguous(), weight.contiguous(), bias, stride, padding, dilation, groups)
        .contiguous(at::MemoryFormat::ChannelsLast);
  }
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
