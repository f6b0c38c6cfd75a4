#pragma once

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <vector>

#include "supernet/attention.h"

namespace frontier::testing_support {

/// [N, C, H, W] as [N, heads, H * W, C / heads].
inline at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.flatten(2).reshape({x.size(0), heads, x.size(1) / heads, -1}).transpose(2, 3);
}

/// The table's entries of every pair of tokens of a grid, one by one: [heads, tokens, tokens].
inline at::Tensor bias_matrix(const at::Tensor& table, std::int64_t height, std::int64_t width) {
  std::vector<at::Tensor> entries;
  for (std::int64_t query = 0; query < height * width; ++query)
    for (std::int64_t key = 0; key < height * width; ++key)
      entries.push_back(
          table.select(1, key / width - query / width + height - 1).select(1, key % width - query % width + width - 1));
  return at::stack(entries, 1).reshape({table.size(0), height * width, height * width});
}

/// The vector of every pair of tokens, the class token first: [tokens, tokens, channels].
inline at::Tensor pair_vectors(const OffsetVectors& vectors, std::int64_t height, std::int64_t width) {
  const std::int64_t tokens = 1 + height * width, farthest = vectors.vertical.size(0) / 2 - 1;
  const auto row = [&](std::int64_t offset) { return std::clamp(offset, -farthest, farthest) + farthest + 1; };
  std::vector<at::Tensor> pairs;
  for (std::int64_t query = 0; query < tokens; ++query) {
    for (std::int64_t key = 0; key < tokens; ++key) {
      const bool with_class = query == 0 || key == 0;
      const std::int64_t i = with_class ? 0 : row((key - 1) / width - (query - 1) / width);
      const std::int64_t j = with_class ? 0 : row((key - 1) % width - (query - 1) % width);
      pairs.push_back(vectors.vertical[i] + vectors.horizontal[j]);
    }
  }
  return at::stack(pairs).reshape({tokens, tokens, -1});
}

/// Attention as its formula says, every pair written out.
/// @param keys, values [tokens, tokens, channels a head], undefined for none.
inline at::Tensor attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t heads,
                                      const at::Tensor& bias = {}, const at::Tensor& keys = {},
                                      const at::Tensor& values = {}) {
  const at::Tensor query = split_heads(q, heads), key = split_heads(k, heads), value = split_heads(v, heads);
  at::Tensor logits = (query.unsqueeze(3) * key.unsqueeze(2)).sum(4);
  if (keys.defined()) logits = logits + (query.unsqueeze(3) * keys).sum(4);
  logits = logits / std::sqrt(static_cast<double>(query.size(3)));
  if (bias.defined()) logits = logits + bias;
  const at::Tensor share = logits.exp() / logits.exp().sum(3, /*keepdim=*/true);
  at::Tensor y = (share.unsqueeze(4) * value.unsqueeze(2)).sum(3);
  if (values.defined()) y = y + (share.unsqueeze(4) * values).sum(3);
  return y.transpose(2, 3).reshape(v.sizes());
}

/// Weights [to, from] of Keys' cubic convolution (a = -0.75) between pixel centres, edges repeated.
inline at::Tensor cubic_weights(std::int64_t from, std::int64_t to) {
  const auto kernel = [](double x) {
    const double a = -0.75, t = std::abs(x);
    if (t <= 1) return (a + 2) * t * t * t - (a + 3) * t * t + 1;
    return t < 2 ? a * (t * t * t - 5 * t * t + 8 * t - 4) : 0.0;
  };
  at::Tensor weights = at::zeros({to, from}, at::kDouble);
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    const auto first = static_cast<std::int64_t>(std::floor(centre)) - 1;
    for (std::int64_t j = first; j < first + 4; ++j)
      weights[i][std::clamp<std::int64_t>(j, 0, from - 1)] += kernel(centre - static_cast<double>(j));
  }
  return weights;
}

inline at::Tensor resize_reference(const at::Tensor& x, std::int64_t height, std::int64_t width) {
  return at::einsum("nchw,yh,xw->ncyx", {x, cubic_weights(x.size(2), height).to(x.scalar_type()),
                                         cubic_weights(x.size(3), width).to(x.scalar_type())});
}

/// A pool over windows that start (k - 1) / 2 before every stride-th pixel, of the pixels that are there.
inline at::Tensor pool_reference(const at::Tensor& x, std::int64_t k, std::int64_t stride, bool average) {
  const auto windows = [&](std::int64_t d, std::int64_t i) {
    const std::int64_t first = i * stride - (k - 1) / 2;
    const std::int64_t begin = std::max<std::int64_t>(first, 0);
    return std::pair(begin, std::min(first + k, x.size(d)) - begin);
  };
  std::vector<at::Tensor> rows;
  for (std::int64_t i = 0; i < (x.size(2) + stride - 1) / stride; ++i) {
    std::vector<at::Tensor> row;
    for (std::int64_t j = 0; j < (x.size(3) + stride - 1) / stride; ++j) {
      const auto [top, height] = windows(2, i);
      const auto [left, width] = windows(3, j);
      const at::Tensor window = x.narrow(2, top, height).narrow(3, left, width);
      row.push_back(average ? window.mean(at::IntArrayRef{2, 3}) : window.amax(at::IntArrayRef{2, 3}));
    }
    rows.push_back(at::stack(row, 2));
  }
  return at::stack(rows, 2);
}

}  // namespace frontier::testing_support
