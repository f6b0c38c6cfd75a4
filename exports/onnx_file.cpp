#include "exports/onnx_file.h"

#include <onnx/onnx_pb.h>

#include <limits>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr int kIrVersion = 8;
constexpr std::size_t kMostBytes = std::numeric_limits<std::int32_t>::max();  // protobuf's limit

void set_tensor(onnx::TensorProto& proto, const OnnxFile::Tensor& tensor) {
  if (!tensor.name.empty()) proto.set_name(tensor.name);
  proto.set_data_type(static_cast<int>(tensor.type));
  for (const std::int64_t extent : tensor.shape) proto.add_dims(extent);
  proto.set_raw_data(tensor.data);
}

struct SetValue {
  onnx::AttributeProto& proto;

  void operator()(std::int64_t value) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(value);
  }
  void operator()(double value) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(static_cast<float>(value));
  }
  void operator()(const std::string& value) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(value);
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) proto.add_ints(value);
  }
  void operator()(const OnnxFile::Tensor& tensor) const {
    proto.set_type(onnx::AttributeProto::TENSOR);
    set_tensor(*proto.mutable_t(), tensor);
  }
};

void set_node(onnx::NodeProto& proto, const OnnxFile::Node& node) {
  proto.set_op_type(node.operation);
  proto.set_name(node.output);
  for (const auto& input : node.inputs) proto.add_input(input);
  proto.add_output(node.output);
  for (const auto& attribute : node.attributes) {
    auto& entry = *proto.add_attribute();
    entry.set_name(attribute.name);
    std::visit(SetValue{entry}, attribute.value);
  }
}

void set_value(onnx::ValueInfoProto& proto, const OnnxFile::Value& value) {
  proto.set_name(value.name);
  auto& tensor = *proto.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(static_cast<int>(value.type));
  tensor.mutable_shape()->add_dim()->set_dim_param("N");
  for (const std::int64_t extent : value.shape) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
}

void set_graph(onnx::GraphProto& proto, const OnnxFile& file) {
  proto.set_name("network");
  proto.set_doc_string(file.text);
  set_value(*proto.add_input(), file.input);
  set_value(*proto.add_output(), file.output);
  for (const auto& node : file.nodes) set_node(*proto.add_node(), node);
  for (const auto& tensor : file.initialisers) set_tensor(*proto.add_initializer(), tensor);
  for (const auto& value : file.values) set_value(*proto.add_value_info(), value);
}

OnnxFile::Tensor tensor_of(onnx::TensorProto& proto, std::string_view source) {
  if (proto.data_type() != onnx::TensorProto::FLOAT || !proto.has_raw_data())
    throw UsageError(std::string(source) + ": initialiser '" + printable(proto.name()) +
                     "' is no tensor of float32 with its data in one piece; frontier export did not write it");
  return {.name = proto.name(),
          .shape = {proto.dims().begin(), proto.dims().end()},
          .data = std::move(*proto.mutable_raw_data())};
}

}  // namespace

std::string to_bytes(const OnnxFile& file) {
  onnx::ModelProto proto;
  proto.set_ir_version(kIrVersion);
  proto.set_producer_name("frontier");
  proto.set_producer_version(file.program_version);
  proto.add_opset_import()->set_version(file.opset);
  set_graph(*proto.mutable_graph(), file);
  for (const auto& [key, value] : file.metadata) {
    auto& entry = *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  std::string bytes;
  if (proto.ByteSizeLong() > kMostBytes || !proto.SerializeToString(&bytes))
    throw Error("the ONNX file would have " + std::to_string(proto.ByteSizeLong()) + " bytes, and the format allows " +
                std::to_string(kMostBytes) + "; --format safetensors has no such limit");
  return bytes;
}

OnnxFile onnx_from_bytes(std::string_view bytes, std::string_view source) {
  onnx::ModelProto proto;
  if (bytes.size() > kMostBytes || !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !proto.has_graph())
    throw UsageError(std::string(source) + " is neither a safetensors nor an ONNX file, or it is damaged");
  OnnxFile file;
  for (const auto& entry : proto.metadata_props()) file.metadata.emplace(entry.key(), entry.value());
  for (auto& initialiser : *proto.mutable_graph()->mutable_initializer())
    file.initialisers.push_back(tensor_of(initialiser, source));
  return file;
}

}  // namespace frontier
