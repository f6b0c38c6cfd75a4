#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "supernet/kernels/kernels.h"

namespace frontier {

/// What the layers with loops of our own share: channels-last float32 activations on the CPU, in pieces, with one
/// buffer a thread.

/// Whether x is for our own loops; everything else goes to ATen, which gives the same numbers, and can be
/// differentiated twice.
bool has_kernels(const at::Tensor& x);

at::Tensor channels_last(const at::Tensor& x);
at::Tensor empty_channels_last(at::IntArrayRef shape, const at::Tensor& like);

/// This thread's memory for what lives no longer than one pass of a layer, kept from call to call. Holds whatever it
/// held; valid until this thread asks again.
struct Scratch {
  double* doubles;
  float* floats;  ///< behind the doubles
};
Scratch scratch(std::int64_t num_doubles, std::int64_t num_floats);

/// [0, n) in pieces that depend on n alone, so that sums over pieces are equal at any number of threads.
constexpr std::int64_t kPieces = 16;
inline std::int64_t num_pieces(std::int64_t n, std::int64_t smallest_piece) {
  return std::clamp<std::int64_t>(n / std::max<std::int64_t>(1, smallest_piece), 1, kPieces);
}
/// body(piece, first, last).
template <class Body>
void in_pieces(std::int64_t n, std::int64_t smallest_piece, const Body& body) {
  const std::int64_t pieces = num_pieces(n, smallest_piece);
  at::parallel_for(0, pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) body(piece, n * piece / pieces, n * (piece + 1) / pieces);
  });
}

/// Work below which a second thread costs more than it gives, in numbers read.
constexpr std::int64_t kSmallestPiece = 32768;
inline std::int64_t piece_rows(std::int64_t width) { return std::max<std::int64_t>(1, kSmallestPiece / width); }

/// A channels-last activation as a matrix [rows, width] of `fold` pixels a row, so that few channels still fill vector
/// registers.
struct Rows {
  std::int64_t channels, fold, rows, width;
  explicit Rows(const at::Tensor& x);
  std::int64_t pixels() const { return rows * fold; }
  /// [channels] to [width], once a pixel of a row.
  void repeat(const float* per_channel, float* wide) const;
};

/// y = act(x * scale + shift). @param scale, shift [C]; null: 1, 0.  @param y may be x.
void scale_shift_rows(const float* x, float* y, const Rows& shape, const float* scale, const float* shift,
                      kernels::Act act);

/// Two sums a channel over all pixels, gathered in pieces: work(first_row, rows, first sums, second sums), the sums
/// [width] to be added to.
/// @param memory channel_sums_size() numbers.  @returns [2, channels], in `memory`.
inline std::int64_t channel_sums_size(const Rows& shape) {
  return 2 * (shape.channels + shape.width * num_pieces(shape.rows, piece_rows(shape.width)));
}
template <class Work>
const double* channel_sums(const Rows& shape, double* memory, const Work& work) {
  std::fill_n(memory, channel_sums_size(shape), 0.0);
  double* partial = memory + 2 * shape.channels;
  in_pieces(shape.rows, piece_rows(shape.width), [&](std::int64_t piece, std::int64_t first, std::int64_t last) {
    double* sums = partial + 2 * shape.width * piece;
    work(first, last - first, sums, sums + shape.width);
  });
  const std::int64_t pieces = num_pieces(shape.rows, piece_rows(shape.width));
  for (std::int64_t row = 0; row < 2 * pieces * shape.fold; ++row) {
    double* total = memory + (row / shape.fold % 2) * shape.channels;
    for (std::int64_t c = 0; c < shape.channels; ++c) total[c] += partial[row * shape.channels + c];
  }
  return memory;
}

}  // namespace frontier
