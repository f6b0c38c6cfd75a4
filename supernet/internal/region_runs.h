#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "supernet/parameter_store.h"

namespace frontier::internal {

/// Where the region begins in the flat buffers.
inline std::int64_t region_offset(const Parameter& parameter, const Region& region) {
  std::int64_t offset = parameter.offset;
  for (std::size_t d = 0; d < parameter.shape.size(); ++d) offset += region.begin[d] * parameter.strides[d];
  return offset;
}

/// Calls run(offset, length) for the longest contiguous pieces of a region that are equally long; no scalar is in two.
template <class Run>
void for_each_run(const Parameter& parameter, const Region& region, const Run& run) {
  struct Extent {
    std::int64_t stride = 0, size = 1;
  };
  std::array<Extent, kMaxRank> extents{};
  std::size_t rank = 0;
  for (std::size_t d = 0; d < parameter.shape.size(); ++d)
    if (region.size[d] > 1) extents[rank++] = {parameter.strides[d], region.size[d]};
  std::sort(extents.begin(), extents.begin() + static_cast<std::ptrdiff_t>(rank),
            [](const Extent& a, const Extent& b) { return a.stride < b.stride; });
  std::int64_t length = 1;
  for (std::size_t d = 0; d < rank && extents[d].stride == length; ++d) {
    length *= extents[d].size;
    extents[d].size = 1;
  }
  const auto& [x, y, z, w] = extents;
  const std::int64_t offset = region_offset(parameter, region);
  for (std::int64_t l = 0; l < w.size; ++l)
    for (std::int64_t k = 0; k < z.size; ++k)
      for (std::int64_t j = 0; j < y.size; ++j)
        for (std::int64_t i = 0; i < x.size; ++i)
          run(offset + i * x.stride + j * y.stride + k * z.stride + l * w.stride, length);
}

}  // namespace frontier::internal
