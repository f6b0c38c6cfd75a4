#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

namespace frontier {

/// The safetensors format: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}}, the
/// data. Written: contiguous row-major tensors of float32, float64, bfloat16, float16, int64, int32, uint8 and bool, in
/// order of their names.
/// @param metadata texts in UTF-8 that go into the header, under "__metadata__".
std::string to_safetensors(const std::map<std::string, at::Tensor>& tensors,
                           const std::map<std::string, std::string>& metadata = {});

/// @param source names the file in messages.
/// @throws UsageError for anything that is not a complete, consistent safetensors file; nothing is allocated before it
/// is checked.
std::map<std::string, at::Tensor> from_safetensors(std::string_view bytes, std::string_view source);

/// The texts of the header; none where it has none. @throws UsageError as from_safetensors() for a header that is
/// wrong.
std::map<std::string, std::string> safetensors_metadata(std::string_view bytes, std::string_view source);

}  // namespace frontier
