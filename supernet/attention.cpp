#include "supernet/attention.h"

#include <torch/types.h>

#include <cmath>

#include "supernet/second_derivative.h"

namespace frontier {
namespace {

/// [N, C, H, W] as [N, H * W, C]; a view where x is channels-last.
at::Tensor to_tokens(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(1, 2); }

/// The way back.
at::Tensor to_pixels(const at::Tensor& tokens, std::int64_t height, std::int64_t width) {
  return tokens.reshape({tokens.size(0), height, width, tokens.size(2)}).permute({0, 3, 1, 2});
}

/// [N, C, H, W] as [N, heads, H * W, C / heads].
at::Tensor to_heads(const at::Tensor& x, std::int64_t heads) {
  return to_tokens(x).unflatten(2, {heads, x.size(1) / heads}).transpose(1, 2);
}

/// The way back.
at::Tensor from_heads(const at::Tensor& y, std::int64_t height, std::int64_t width) {
  return to_pixels(y.transpose(1, 2).flatten(2), height, width);
}

/// A table of offsets as a matrix of query and key tokens: [heads, H * W, H * W].
at::Tensor bias_of_pairs(const at::Tensor& table) {
  const std::int64_t height = (table.size(1) + 1) / 2, width = (table.size(2) + 1) / 2;
  // The keys' offsets from the query in the last row and column are a window at the table's start; each step back
  // moves it on by one.
  return table.unfold(1, height, 1)
      .unfold(2, width, 1)
      .flip({1, 2})
      .reshape({table.size(0), height * width, height * width});
}

/// Vectors of all pairs along one side of the grid: [queries, keys, channels].
at::Tensor vectors_of_pairs(const at::Tensor& table, std::int64_t side) {
  const std::int64_t farthest = table.size(0) / 2 - 1;
  const at::Tensor place = at::arange(side, table.options().dtype(at::kLong));
  const at::Tensor offset = (place.unsqueeze(0) - place.unsqueeze(1)).clamp(-farthest, farthest);
  return table.index_select(0, (offset + farthest + 1).flatten()).unflatten(0, {side, side});
}

/// A token is the class token or in a row and a column of the grid: [1 + height * width, 1 + height + width] of 0
/// and 1.
at::Tensor places(std::int64_t height, std::int64_t width, const at::TensorOptions& options) {
  const at::Tensor rows = at::eye(height, options).repeat_interleave(width, 0);
  const at::Tensor columns = at::eye(width, options).repeat({height, 1});
  return at::block_diag({at::ones({1, 1}, options), at::cat({rows, columns}, 1)});
}

/// The tokens behind the class token as a grid. @param x [N, heads, 1 + height * width, c].
at::Tensor grid_of(const at::Tensor& x, std::int64_t height, std::int64_t width) {
  return x.narrow(2, 1, height * width).unflatten(2, {height, width});
}

/// Products of every query with the vectors of each place a key may have: [N, heads, tokens, 1 + height + width].
at::Tensor products_by_place(const at::Tensor& query, const OffsetVectors& vectors, std::int64_t height,
                             std::int64_t width) {
  const at::Tensor grid = grid_of(query, height, width);
  const at::Tensor to_class = at::matmul(grid, (vectors.vertical[0] + vectors.horizontal[0]).unsqueeze(1));
  const at::Tensor to_rows = at::einsum("nhrcd,rkd->nhrck", {grid, vectors_of_pairs(vectors.vertical, height)});
  const at::Tensor to_columns = at::einsum("nhrcd,ckd->nhrck", {grid, vectors_of_pairs(vectors.horizontal, width)});
  const at::Tensor products = at::cat({to_class, to_rows, to_columns}, 4).flatten(2, 3);
  // The class token has one vector for all keys, which adds the same to all its logits and changes nothing: zeros.
  return at::constant_pad_nd(products, {0, 0, 1, 0});
}

/// The vectors of all keys together, weighed by the share of attention that each place got.
at::Tensor vectors_by_share(const at::Tensor& share, const OffsetVectors& vectors, std::int64_t height,
                            std::int64_t width) {
  const at::Tensor grid = grid_of(share, height, width);
  const at::Tensor of_class = vectors.vertical[0] + vectors.horizontal[0];
  const at::Tensor sum =
      grid.narrow(4, 0, 1) * of_class +
      at::einsum("nhrck,rkd->nhrcd", {grid.narrow(4, 1, height), vectors_of_pairs(vectors.vertical, height)}) +
      at::einsum("nhrck,ckd->nhrcd", {grid.narrow(4, 1 + height, width), vectors_of_pairs(vectors.horizontal, width)});
  return at::cat({of_class.expand({share.size(0), share.size(1), 1, -1}), sum.flatten(2, 3)}, 2);
}

double scale_of(const at::Tensor& query) { return 1 / std::sqrt(static_cast<double>(query.size(3))); }

/// softmax(scale q k^T + added) v. @param added [1, heads, queries, keys].
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, double scale,
                  const std::optional<at::Tensor>& added = std::nullopt) {
  // On the CPU ATen's fused attention wants equal channels and nothing to train in `added`; else it is slower than the
  // formula. Its gradients have none.
  const bool fused = query.size(3) == value.size(3) && !(added && added->requires_grad());
  if ((fused || !query.is_cpu()) && !DifferentiableTwice::is_on()) {
    const auto once = [](const at::Tensor& x) { return once_differentiable(x, "attention"); };
    return at::scaled_dot_product_attention(once(query), once(key), once(value), added, /*dropout_p=*/0,
                                            /*is_causal=*/false, scale);
  }
  at::Tensor logits = at::matmul(query * scale, key.transpose(2, 3));
  if (added) logits.add_(*added);
  return at::matmul(at::softmax(logits, 3), value);
}

}  // namespace

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta) {
  return at::layer_norm(x.permute({0, 2, 3, 1}), gamma.sizes(), gamma, beta, kLayerNormEpsilon).permute({0, 3, 1, 2});
}

at::Tensor masked_layer_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                             const at::Tensor& mask) {
  const at::Tensor channels = x.permute({0, 2, 3, 1}), share = (mask / mask.sum()).to(x.scalar_type());
  const at::Tensor centred = channels - at::matmul(channels, share).unsqueeze(3);
  const at::Tensor variance = at::matmul(centred * centred, share).unsqueeze(3);
  return (centred * at::rsqrt(variance + kLayerNormEpsilon) * gamma + beta).permute({0, 3, 1, 2});
}

at::Tensor with_class_token(const at::Tensor& x, const at::Tensor& class_token, const at::Tensor& position) {
  const at::Tensor tokens = at::cat({class_token.expand({x.size(0), 1, -1}), to_tokens(x)}, 1);
  return to_pixels(tokens + position.t(), tokens.size(1), 1);
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t heads,
                     const std::optional<at::Tensor>& bias) {
  const at::Tensor query = to_heads(q, heads);
  std::optional<at::Tensor> added;
  if (bias) added = bias_of_pairs(*bias).unsqueeze(0);
  return from_heads(attend(query, to_heads(k, heads), to_heads(v, heads), scale_of(query), added), q.size(2),
                    q.size(3));
}

at::Tensor relative_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t heads,
                              const OffsetVectors& keys, const OffsetVectors& values, std::int64_t grid_height,
                              std::int64_t grid_width) {
  // A pair's vector depends on the key by its row and its column alone. So with a few more channels, the products of a
  // query with each place's vectors and the places of a key as 0 and 1, relative attention is attention; and its output
  // in channels that hold the places is how much of the attention each place got.
  const at::Tensor query = to_heads(q, heads), value = to_heads(v, heads);
  const at::Tensor products = products_by_place(query, keys, grid_height, grid_width);
  const at::Tensor place =
      places(grid_height, grid_width, q.options()).expand({query.size(0), heads, query.size(2), -1});
  const at::Tensor y = attend(at::cat({query, products}, 3), at::cat({to_heads(k, heads), place}, 3),
                              at::cat({value, place}, 3), scale_of(query));
  const at::Tensor share = y.narrow(3, value.size(3), place.size(3));
  const at::Tensor from_values = y.narrow(3, 0, value.size(3));
  return from_heads(from_values + vectors_by_share(share, values, grid_height, grid_width), q.size(2), q.size(3));
}

}  // namespace frontier
