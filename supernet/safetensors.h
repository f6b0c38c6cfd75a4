#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

namespace frontier {

/// The safetensors format: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}}, the
/// data. Written: contiguous row-major tensors of float32, float64, bfloat16, float16, int64, int32, uint8 and bool, in
/// order of their names.
std::string to_safetensors(const std::map<std::string, at::Tensor>& tensors);

/// @param source names the file in messages.
/// @throws UsageError for anything that is not a complete, consistent safetensors file; nothing is allocated before it
/// is checked.
std::map<std::string, at::Tensor> from_safetensors(std::string_view bytes, std::string_view source);

}  // namespace frontier
