#include "supernet/mixing.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "supernet/internal/channels_last.h"
#include "supernet/second_derivative.h"

namespace frontier {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::vector<const float*> pointers(at::TensorList tensors) {
  std::vector<const float*> result;
  for (const auto& t : tensors) result.push_back(t.const_data_ptr<float>());
  return result;
}

class WeightedSum : public torch::autograd::Function<WeightedSum> {
 public:
  static at::Tensor forward(AutogradContext* context, at::TensorList inputs, const at::Tensor& weights) {
    variable_list dense;
    for (const auto& input : inputs) dense.push_back(channels_last(input));
    const at::Tensor w = weights.contiguous();
    const auto n = static_cast<std::int64_t>(dense.size());
    at::Tensor y = empty_channels_last(inputs[0].sizes(), inputs[0]);
    const auto x = pointers(dense);
    in_pieces(y.numel(), kSmallestPiece,
              [&, factors = w.const_data_ptr<float>(), out = y.data_ptr<float>()](std::int64_t, std::int64_t first,
                                                                                  std::int64_t last) {
                kernels::table().weighted_sum(x.data(), factors, n, first, last, out);
              });
    context->saved_data["inputs"] = n;
    // Only the gradient of the weights needs the inputs.
    if (!weights.requires_grad()) dense.clear();
    dense.push_back(w);
    context->save_for_backward(std::move(dense));
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &w = saved.back(), dy = channels_last(gradients[0]);
    const auto n = static_cast<std::size_t>(context->saved_data["inputs"].toInt());
    variable_list results(n + 1);
    std::vector<float*> dx(n);
    for (std::size_t i = 0; i < n; ++i) {
      if (!context->needs_input_grad(i)) continue;
      results[i] = empty_channels_last(dy.sizes(), dy);
      dx[i] = results[i].data_ptr<float>();
    }
    std::vector<const float*> x;
    if (context->needs_input_grad(n)) x = pointers(at::TensorList(saved.data(), n));
    const std::vector<double> dots = run_backward(x, w.const_data_ptr<float>(), dy, dx);
    if (!x.empty()) {
      results[n] = at::empty({static_cast<std::int64_t>(n)}, at::kFloat);
      std::transform(dots.begin(), dots.end(), results[n].data_ptr<float>(),
                     [](double dot) { return static_cast<float>(dot); });
    }
    return once_differentiable(std::move(results), gradients, "a weighted sum");
  }

 private:
  /// Writes dx and gives the sums of x[i] * dy; zeros where x is empty.
  static std::vector<double> run_backward(const std::vector<const float*>& x, const float* weights,
                                          const at::Tensor& dy, const std::vector<float*>& dx) {
    const std::size_t n = dx.size();
    std::vector<double> partial(n * kPieces, 0.0), dots(n, 0.0);
    const float* gradient = dy.const_data_ptr<float>();
    in_pieces(dy.numel(), kSmallestPiece, [&](std::int64_t piece, std::int64_t first, std::int64_t last) {
      kernels::table().weighted_sum_backward(x.empty() ? nullptr : x.data(), weights, static_cast<std::int64_t>(n),
                                             first, last, gradient, dx.data(),
                                             partial.data() + static_cast<std::size_t>(piece) * n);
    });
    for (std::size_t i = 0; i < partial.size(); ++i) dots[i % n] += partial[i];
    return dots;
  }
};

class Masked : public torch::autograd::Function<Masked> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& mask_input) {
    const at::Tensor x = channels_last(input), mask = mask_input.contiguous();
    at::Tensor y = empty_channels_last(x.sizes(), x);
    scale_shift_rows(x.const_data_ptr<float>(), y.data_ptr<float>(), Rows(x), mask.const_data_ptr<float>(), nullptr,
                     kernels::Act::kNone);
    // Only the gradient of the mask needs x.
    context->save_for_backward({mask, mask_input.requires_grad() ? x : at::Tensor()});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor dy = channels_last(gradients[0]);
    const Rows shape(dy);
    at::Tensor dx, dmask;
    if (context->needs_input_grad(0)) {
      dx = empty_channels_last(dy.sizes(), dy);
      scale_shift_rows(dy.const_data_ptr<float>(), dx.data_ptr<float>(), shape, saved[0].const_data_ptr<float>(),
                       nullptr, kernels::Act::kNone);
    }
    if (context->needs_input_grad(1)) dmask = products(shape, saved[1], dy);
    return once_differentiable({dx, dmask}, gradients, "a channel mask");
  }

 private:
  /// Sums over all pixels of x * dy: [C].
  static at::Tensor products(const Rows& shape, const at::Tensor& x, const at::Tensor& dy) {
    const Scratch memory = scratch(channel_sums_size(shape), shape.width);
    std::fill_n(memory.floats, shape.width, 0.0F);
    const float *in = x.const_data_ptr<float>(), *gradient = dy.const_data_ptr<float>(), *zeros = memory.floats;
    const double* sums =
        channel_sums(shape, memory.doubles, [&](std::int64_t first, std::int64_t rows, double* a, double* b) {
          const std::int64_t at = first * shape.width;
          kernels::table().norm_backward_sums(in + at, gradient + at, rows, shape.width, zeros, zeros, zeros,
                                              kernels::Act::kNone, a, b);
        });
    at::Tensor result = at::empty({shape.channels}, at::kFloat);
    std::transform(sums + shape.channels, sums + 2 * shape.channels, result.data_ptr<float>(),
                   [](double sum) { return static_cast<float>(sum); });
    return result;
  }
};

/// Which input channels an output channel is the mean of, and which output channels an input channel has a part in.
struct Windows {
  std::vector<std::int64_t> begin, end, back_begin, back_end;
  std::vector<float> share;  ///< [out]: 1 / (end - begin)
  std::vector<float> ones;   ///< [in]

  Windows(std::int64_t in, std::int64_t out) : ones(static_cast<std::size_t>(in), 1.0F) {
    for (std::int64_t t = 0; t < out; ++t) {
      begin.push_back(t * in / out);
      end.push_back(((t + 1) * in + out - 1) / out);
      share.push_back(1.0F / static_cast<float>(end.back() - begin.back()));
    }
    for (std::int64_t c = 0; c < in; ++c) {
      // Both ends rise with t, so that a channel's windows follow one another.
      back_begin.push_back(std::upper_bound(end.begin(), end.end(), c) - end.begin());
      back_end.push_back(std::upper_bound(begin.begin(), begin.end(), c) - begin.begin());
    }
  }
};

void run_window_sums(const at::Tensor& x, at::Tensor& y, const std::vector<std::int64_t>& begin,
                     const std::vector<std::int64_t>& end, const std::vector<float>& before,
                     const std::vector<float>& after) {
  const std::int64_t in = x.size(1), out = y.size(1), rows = x.numel() / in;
  const float* from = x.const_data_ptr<float>();
  float* to = y.data_ptr<float>();
  in_pieces(rows, piece_rows(std::max(in, out)), [&](std::int64_t, std::int64_t first, std::int64_t last) {
    kernels::table().window_sums(from + first * in, to + first * out, last - first, in, out, begin.data(), end.data(),
                                 before.data(), after.data());
  });
}

class InterpolateChannels : public torch::autograd::Function<InterpolateChannels> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, std::int64_t out_channels) {
    const at::Tensor x = channels_last(input);
    const Windows w(x.size(1), out_channels);
    at::Tensor y = empty_channels_last({x.size(0), out_channels, x.size(2), x.size(3)}, x);
    run_window_sums(x, y, w.begin, w.end, w.ones, w.share);
    context->saved_data["channels"] = x.size(1);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor dy = channels_last(gradients[0]);
    const std::int64_t channels = context->saved_data["channels"].toInt();
    const Windows w(channels, dy.size(1));
    at::Tensor dx = empty_channels_last({dy.size(0), channels, dy.size(2), dy.size(3)}, dy);
    run_window_sums(dy, dx, w.back_begin, w.back_end, w.share, w.ones);
    return once_differentiable({dx, at::Tensor()}, gradients, "a channel interpolation");
  }
};

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

void check_mix(std::span<const at::Tensor> inputs, const at::Tensor& weights) {
  if (inputs.empty()) refuse("a weighted sum needs at least one input");
  if (weights.dim() != 1 || weights.size(0) != static_cast<std::int64_t>(inputs.size()))
    refuse("a weighted sum of ", inputs.size(), " inputs needs weights [", inputs.size(), "], not ", weights.sizes());
  for (std::size_t i = 1; i < inputs.size(); ++i)
    if (inputs[i].sizes() != inputs[0].sizes())
      refuse("a weighted sum needs inputs of one shape; input 0 is ", inputs[0].sizes(), ", input ", i, " is ",
             inputs[i].sizes(), ": mask or interpolate their channels first");
}

}  // namespace

at::Tensor weighted_sum(std::span<const at::Tensor> inputs, const at::Tensor& weights) {
  check_mix(inputs, weights);
  const bool ours =
      std::all_of(inputs.begin(), inputs.end(), has_kernels) && weights.is_cpu() && weights.scalar_type() == at::kFloat;
  if (ours) return WeightedSum::apply(at::TensorList(inputs.data(), inputs.size()), weights);
  at::Tensor sum = inputs[0] * weights[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) sum = sum + inputs[i] * weights[static_cast<std::int64_t>(i)];
  return sum;
}

at::Tensor masked(const at::Tensor& x, const at::Tensor& mask) {
  if (mask.dim() != 1 || mask.size(0) != x.size(1))
    refuse("a channel mask for an activation ", x.sizes(), " has shape [", x.size(1), "], not ", mask.sizes());
  if (has_kernels(x) && mask.is_cpu() && mask.scalar_type() == at::kFloat) return Masked::apply(x, mask);
  return x * mask.to(x.scalar_type()).reshape({1, -1, 1, 1});
}

at::Tensor interpolate_channels(const at::Tensor& x, std::int64_t out_channels) {
  if (out_channels < 1) refuse("channels cannot be interpolated to ", out_channels, " of them; at least 1 is needed");
  if (out_channels == x.size(1)) return x;
  if (has_kernels(x)) return InterpolateChannels::apply(x, out_channels);
  return at::adaptive_avg_pool1d(x.permute({0, 2, 3, 1}).flatten(1, 2), out_channels)
      .unflatten(1, {x.size(2), x.size(3)})
      .permute({0, 3, 1, 2});
}

}  // namespace frontier
