#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace frontier {

/// Tensors by name, as checkpoints hold them.
using TensorMap = std::map<std::string, at::Tensor>;

/// The tensors under names that start with `prefix`.
inline TensorMap with_prefix(const std::string& prefix, const TensorMap& tensors) {
  TensorMap result;
  for (const auto& [name, tensor] : tensors) result.emplace(prefix + name, tensor);
  return result;
}

/// Those whose names start with `prefix`, without it.
inline TensorMap part_of(const std::string& prefix, const TensorMap& tensors) {
  TensorMap result;
  for (auto it = tensors.lower_bound(prefix); it != tensors.end() && it->first.starts_with(prefix); ++it)
    result.emplace(it->first.substr(prefix.size()), it->second);
  return result;
}

}  // namespace frontier
