#pragma once

#include <cstddef>
#include <vector>

namespace frontier {

/// `limit` of the items at even distances, first and last among them. @param limit 2 or more.
template <class T>
std::vector<T> thinned(const std::vector<T>& items, std::size_t limit) {
  if (items.size() <= limit) return items;
  std::vector<T> kept;
  for (std::size_t i = 0; i < limit; ++i) kept.push_back(items[i * (items.size() - 1) / (limit - 1)]);
  return kept;
}

}  // namespace frontier
