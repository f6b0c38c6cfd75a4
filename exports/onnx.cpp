#include "exports/onnx.h"

#include <torch/types.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"
#include "exports/internal/onnx_graph.h"

namespace frontier {
namespace {

constexpr std::size_t kMostBytes = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kHighestRank = 8;
constexpr const char* kReferences[] = {"reference.input", "reference.output"};

/// A tensor as text, which is all that metadata may hold: {"dtype", "shape", "data" in base64}.
std::string to_text(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  const auto* bytes = static_cast<const char*>(dense.const_data_ptr());
  const nlohmann::ordered_json json = {{"dtype", dense.scalar_type() == at::kByte ? "uint8" : "float32"},
                                       {"shape", dense.sizes().vec()},
                                       {"data", base64({bytes, dense.nbytes()})}};
  return json.dump();
}

at::Tensor tensor_of(const std::string& bytes, const std::vector<std::int64_t>& shape, at::ScalarType type,
                     const std::string& what) {
  std::size_t size = c10::elementSize(type);
  for (const std::int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && size > kMostBytes / static_cast<std::size_t>(extent)))
      throw UsageError(what + " has an extent of " + std::to_string(extent));
    size *= static_cast<std::size_t>(extent);
  }
  if (shape.size() > kHighestRank || size != bytes.size())
    throw UsageError(what + " has " + std::to_string(bytes.size()) + " bytes where its shape needs " +
                     std::to_string(size));
  at::Tensor tensor = at::empty(shape, type);
  std::copy(bytes.begin(), bytes.end(), static_cast<char*>(tensor.data_ptr()));
  return tensor;
}

at::Tensor from_text(const std::string& text, const std::string& what) {
  const auto json = parse_json(text, what);
  struct Described {
    std::string dtype, data;
    std::vector<std::int64_t> shape;
  } tensor;
  OptionsReader reader(json, what);
  reader("dtype", tensor.dtype, {"float32", "uint8"});
  reader("shape", tensor.shape);
  reader("data", tensor.data);
  reader.finish();
  const auto bytes = from_base64(tensor.data);
  if (!bytes) throw UsageError(what + " is not written in base64");
  return tensor_of(*bytes, tensor.shape, tensor.dtype == "uint8" ? at::kByte : at::kFloat, what);
}

}  // namespace

std::string to_onnx(const Model& model) {
  const StoredModel parts = stored(model);
  OnnxFile file = OnnxGraph(model).take();
  file.program_version = model.info.program.substr(model.info.program.find(' ') + 1);
  file.metadata = parts.texts;
  for (const char* name : kReferences) file.metadata.emplace(name, to_text(parts.tensors.at(name)));
  return to_bytes(file);
}

StoredModel from_onnx(std::string_view bytes, std::string_view source) {
  const OnnxFile file = onnx_from_bytes(bytes, source);
  StoredModel parts{file.metadata, {}};
  for (const auto& tensor : file.initialisers)
    parts.tensors.emplace(tensor.name, tensor_of(tensor.data, tensor.shape, at::kFloat,
                                                 std::string(source) + ": '" + printable(tensor.name) + "'"));
  for (const char* name : kReferences) {
    const auto text = parts.texts.find(name);
    if (text == parts.texts.end())
      throw UsageError(std::string(source) + " has no reference in its metadata: frontier export did not write it");
    parts.tensors.emplace(name, from_text(text->second, std::string(source) + " (" + name + ")"));
  }
  return parts;
}

}  // namespace frontier
