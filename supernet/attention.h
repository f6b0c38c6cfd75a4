#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace frontier {

/// Layers over tokens: the pixels of an activation [N, C, H, W] in rows, channels-last in memory, so that a token's
/// channels lie together. None of them copies an activation to bring it into another order.

/// Every pixel normalised over its channels. @param gamma, beta [C].
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta);
/// The same where channels are there in part: mean and variance are those of channels that count `mask` times each.
/// What comes out where the mask is 0 has no meaning.
/// @param mask [C], of a sum greater than 0.
at::Tensor masked_layer_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                             const at::Tensor& mask);

/// The epsilon of every layer norm.
inline constexpr double kLayerNormEpsilon = 1e-5;

/// A class token, then the pixels of x, plus positions: [N, C, 1 + H * W, 1].
/// @param class_token [C].  @param position [C, 1 + H * W].
at::Tensor with_class_token(const at::Tensor& x, const at::Tensor& class_token, const at::Tensor& position);

/// softmax(q k^T / sqrt(channels a head) + bias) v. Heads are equal parts of the channels, in order.
/// @param q, k [N, Cq, H, W].  @param v [N, Cv, H, W].  @returns [N, Cv, H, W].
/// @param bias [heads, 2 H - 1, 2 W - 1], a number an offset of key from query: Position::kBias.
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t heads,
                     const std::optional<at::Tensor>& bias = std::nullopt);

/// Vectors of offsets, the sum of a vertical and a horizontal one: [2 max_distance + 2, channels a head] each. Row 0 is
/// for pairs with the class token, row d + max_distance + 1 for offset d of key from query.
struct OffsetVectors {
  at::Tensor vertical;
  at::Tensor horizontal;
};
/// Attention over a class token and a grid of tokens, with a vector an offset added to keys and to values:
/// Position::kRelative.
at::Tensor relative_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t heads,
                              const OffsetVectors& keys, const OffsetVectors& values, std::int64_t grid_height,
                              std::int64_t grid_width);

}  // namespace frontier
