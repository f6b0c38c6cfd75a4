#pragma once

#include <cstdint>

/// Float32 loops over channels-last activations, the part of training on a CPU where general libraries leave most time:
/// batch norm with its activation, depthwise convolutions, squeeze-excite, mixes. Plain pointers, one thread;
/// layers.cpp splits the work. Compiled for several instruction sets; `table()` is the best one of this machine.
namespace frontier::kernels {

enum class Act { kNone, kReLU, kReLU6, kHSwish };

struct ConvShape {
  std::int64_t height, width;  ///< of the input
  std::int64_t out_height, out_width;
  std::int64_t channels;
  int kernel, stride, padding, dilation;
  /// From the first tap of a window to its last.
  int reach() const { return dilation * (kernel - 1); }
};

/// Side of a map with a frame of `padding` zeros and `spread` - 1 zeros between its pixels (and as many behind the
/// last: the input of a strided convolution may have positions that no window ends at).
inline std::int64_t framed_side(std::int64_t side, std::int64_t spread, std::int64_t padding) {
  return side * spread + 2 * padding;
}
inline std::int64_t scratch_size(const ConvShape& s) {
  const std::int64_t p = s.padding > s.reach() - s.padding ? s.padding : s.reach() - s.padding;
  const std::int64_t height = s.height > s.out_height * s.stride ? s.height : s.out_height * s.stride;
  const std::int64_t width = s.width > s.out_width * s.stride ? s.width : s.out_width * s.stride;
  return framed_side(height, 1, p) * framed_side(width, 1, p) * 29;  // frames of 16, 8, 4 and 1 channels
}

struct Table {
  const char* name;
  /// Sums over rows of (x - origin) and its square. @param x [rows, width].  @param sum, square_sum [width], added to.
  void (*moments)(const float* x, std::int64_t rows, std::int64_t width, const float* origin, double* sum,
                  double* square_sum);
  /// y = act(x * scale + shift). y may be x.
  void (*scale_shift)(const float* x, float* y, std::int64_t rows, std::int64_t width, const float* scale,
                      const float* shift, Act act);
  /// With g = dy * act'(x * scale + shift): sums over rows of g and of g * (x - mean). Added to.
  void (*norm_backward_sums)(const float* x, const float* dy, std::int64_t rows, std::int64_t width, const float* scale,
                             const float* shift, const float* mean, Act act, double* sum_g, double* sum_gx);
  /// dx = scale * g + by_x * x + constant, all [width].
  void (*norm_backward)(const float* x, const float* dy, float* dx, std::int64_t rows, std::int64_t width,
                        const float* scale, const float* shift, const float* by_x, const float* constant, Act act);

  /// Depthwise convolution of images [first, last). @param x [N, H, W, C].  @param w [k, k, C].  @param y [N, Ho, Wo,
  /// C].
  /// @param scratch scratch_size() floats, of any content.
  void (*depthwise)(const ConvShape& s, std::int64_t first, std::int64_t last, const float* x, const float* w, float* y,
                    float* scratch);
  /// Its gradient by x. @param flipped [k, k, C], the kernel turned by 180 degrees.
  void (*depthwise_backward_input)(const ConvShape& s, std::int64_t first, std::int64_t last, const float* dy,
                                   const float* flipped, float* dx, float* scratch);
  /// Its gradient by w, summed over images [first, last). @param dw [k, k, C], added to.
  void (*depthwise_backward_weight)(const ConvShape& s, std::int64_t first, std::int64_t last, const float* dy,
                                    const float* x, float* dw, float* scratch);

  /// One image of `pixels` rows: sums [c] over its pixels of x, or of x * y where y is not null. Written.
  void (*pixel_sums)(const float* x, const float* y, std::int64_t pixels, std::int64_t channels, float* sums);

  /// Numbers [first, last) of y = sum over i < n of weights[i] * x[i]. @param x n arrays.
  void (*weighted_sum)(const float* const* x, const float* weights, std::int64_t n, std::int64_t first,
                       std::int64_t last, float* y);
  /// Its gradients over numbers [first, last). @param x null: no dots.  @param dx n arrays, each written if not null.
  /// @param dots [n], sums of x[i] * dy, added to.
  void (*weighted_sum_backward)(const float* const* x, const float* weights, std::int64_t n, std::int64_t first,
                                std::int64_t last, const float* dy, float* const* dx, double* dots);

  /// Every row's sums over windows of columns: y[j] = after[j] * sum over i in [begin[j], end[j]) of before[i] * x[i].
  /// @param x [rows, in].  @param y [rows, out].
  void (*window_sums)(const float* x, float* y, std::int64_t rows, std::int64_t in, std::int64_t out,
                      const std::int64_t* begin, const std::int64_t* end, const float* before, const float* after);
};

const Table& table();

}  // namespace frontier::kernels
