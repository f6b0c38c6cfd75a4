#pragma once

// Draws by class that depend on the images, not on their order.

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "common/rng.h"
#include "datasets/dataset.h"
#include "datasets/internal/image_store.h"
#include "datasets/internal/readers.h"

namespace frontier {

/// An image and its place in a random order.
struct Ranked {
  std::uint64_t rank;
  std::int64_t index;
  auto operator<=>(const Ranked&) const = default;
};

/// By class.
using RankedImages = std::vector<std::vector<Ranked>>;

/// The images of each class in a random order that depends on the images and `rng` alone: however a file is sorted, the
/// same images come first. @param labels of them, [N] int64.
RankedImages rank_by_class(const PixelSource& source, const at::Tensor& labels, int classes, Rng rng);

/// Removes and gives the first of each class, so many as `quota` says, in the random order of all.
std::vector<Ranked> take(RankedImages& members, const std::vector<std::int64_t>& quota);
/// The first `wanted`, balanced by class.
std::vector<Ranked> take(RankedImages& members, std::int64_t wanted);

std::vector<std::int64_t> indices_of(std::span<const Ranked> ranked);

/// Leaves the images at `indices`, in that order. @param from a data set or a part of one.
template <class Set>
void select(Set& from, std::span<const std::int64_t> indices) {
  const auto count = static_cast<std::int64_t>(indices.size());
  at::Tensor index = empty_labels(count);
  std::copy(indices.begin(), indices.end(), index.template mutable_data_ptr<std::int64_t>());
  for (at::Tensor* each : {&from.images, &from.rows, &from.labels})
    if (each->defined()) *each = each->index_select(0, index);
}

/// @throws UsageError naming `key` unless 1 <= value <= most.
std::int64_t within(const char* key, std::int64_t value, std::int64_t most, const char* of_what);

}  // namespace frontier
