#include "exports/internal/onnx_graph.h"

#include <torch/types.h>

#include "exports/layer_writer.h"
#include "exports/onnx.h"

namespace frontier {
namespace {

constexpr const char *kImages = "images", *kLogits = "logits";

template <class Scalar>
OnnxFile::Tensor tensor_of(OnnxFile::Type type, const std::vector<Scalar>& values, std::vector<std::int64_t> shape) {
  const auto* bytes = reinterpret_cast<const char*>(values.data());
  return {.type = type, .shape = std::move(shape), .data = std::string(bytes, values.size() * sizeof(Scalar))};
}

/// [C, H, W], or [C].
OnnxFile::Value value_of(const std::string& name, const Shape& shape, bool flat,
                         OnnxFile::Type type = OnnxFile::Type::kFloat) {
  OnnxFile::Value value{name, type, {shape.channels.value()}};
  if (!flat) value.shape.insert(value.shape.end(), {shape.height.value(), shape.width.value()});
  return value;
}

bool is_pixel(const Shape& shape) { return shape.height.value() == 1 && shape.width.value() == 1; }

}  // namespace

OnnxGraph::OnnxGraph(const Model& model)
    : model_(model), graph_(model.network.graph()), values_(graph_.size()), flat_(graph_.size()) {
  file_.opset = kOnnxOpset;
  file_.text = model.info.space + ": " + model.info.arch;
  file_.input = value_of(kImages, graph_[0].output, false,
                         info().input == kBytes ? OnnxFile::Type::kUint8 : OnnxFile::Type::kFloat);
  add_initialisers();
  for (NetworkGraph::Vertex v = 0; v < graph_.size(); ++v) add_layer(v);
  add_output();
}

void OnnxGraph::add_initialisers() {
  TensorMap tensors = model_.network.weights().tensors();
  tensors.merge(model_.network.statistics());
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor dense = tensor.contiguous();
    file_.initialisers.push_back(
        {.name = name,
         .shape = dense.sizes().vec(),
         .data = std::string(static_cast<const char*>(dense.const_data_ptr()), dense.nbytes())});
  }
}

void OnnxGraph::add_layer(NetworkGraph::Vertex v) {
  OnnxLayer layer(*this, graph_, v);
  layer_writer(*graph_[v].kind).onnx(layer);
  if (values_[v] != kImages && values_[v] != kLogits)
    file_.values.push_back(value_of(values_[v], graph_[v].output, flat_[v]));
}

void OnnxGraph::add_output() {
  const NetworkGraph::Vertex output = graph_.output();
  const Shape& shape = graph_[output].output;
  if (values_[output] != kLogits) {
    const bool flattens = !flat_[output] && is_pixel(shape);
    add_node(flattens ? "Flatten" : "Identity", {values_[output]}, kLogits, {});
  }
  file_.output = value_of(kLogits, shape, is_pixel(shape));
}

void OnnxGraph::set_value(NetworkGraph::Vertex v, const std::string& value, bool flat) {
  values_[v] = value;
  flat_[v] = flat;
}

std::string OnnxGraph::name_of_value(NetworkGraph::Vertex v, bool flat) const {
  const bool is_logits = v == graph_.output() && flat == is_pixel(graph_[v].output);
  return is_logits ? kLogits : graph_[v].name;
}

std::string OnnxGraph::add_node(const std::string& operation, const OnnxLayer::Names& inputs, const std::string& output,
                                const OnnxLayer::Attributes& attributes) {
  file_.nodes.push_back({operation, inputs, output, attributes});
  return output;
}

std::string OnnxGraph::add_constant(OnnxFile::Tensor tensor) {
  std::string key = std::to_string(static_cast<int>(tensor.type));
  for (const std::int64_t extent : tensor.shape) key += "x" + std::to_string(extent);
  const auto [entry, is_new] =
      constants_.emplace(key + ":" + tensor.data, "constant_" + std::to_string(constants_.size()));
  if (is_new) add_node("Constant", {}, entry->second, {{"value", std::move(tensor)}});
  return entry->second;
}

OnnxLayer::OnnxLayer(OnnxGraph& onnx, const NetworkGraph& graph, NetworkGraph::Vertex vertex)
    : onnx_(onnx),
      layer_(graph[vertex]),
      inputs_(graph.inputs(vertex)),
      shapes_(graph.input_shapes(vertex)),
      vertex_(vertex) {}

const ModelInfo& OnnxLayer::info() const { return onnx_.info(); }

std::string OnnxLayer::input(std::size_t slot) {
  const std::string& value = onnx_.value(inputs_[slot]);
  if (!onnx_.is_flat(inputs_[slot])) return value;
  return onnx_.add_node("Unsqueeze", {value, integers({2, 3})}, layer_.name + "/pixel" + std::to_string(slot), {});
}

std::string OnnxLayer::flat_input() {
  const std::string& value = onnx_.value(inputs_[0]);
  return onnx_.is_flat(inputs_[0]) ? value : node("Flatten", {value}, "flat");
}

std::string OnnxLayer::any_input(std::size_t slot) {
  is_flat_ = onnx_.is_flat(inputs_[slot]);
  return onnx_.value(inputs_[slot]);
}

std::string OnnxLayer::weight(std::string_view name) const { return layer_.name + "." + std::string(name); }

std::string OnnxLayer::integers(const std::vector<std::int64_t>& values) {
  return onnx_.add_constant(tensor_of(OnnxFile::Type::kInt64, values, {static_cast<std::int64_t>(values.size())}));
}

std::string OnnxLayer::matrix(const std::vector<std::int64_t>& values, std::int64_t columns) {
  return onnx_.add_constant(
      tensor_of(OnnxFile::Type::kInt64, values, {static_cast<std::int64_t>(values.size()) / columns, columns}));
}

std::string OnnxLayer::number(double value) { return numbers({value}, {}); }

std::string OnnxLayer::numbers(const std::vector<double>& values, const std::vector<std::int64_t>& shape) {
  return onnx_.add_constant(tensor_of(OnnxFile::Type::kFloat, std::vector<float>(values.begin(), values.end()), shape));
}

std::string OnnxLayer::node(const std::string& operation, const Names& inputs, const std::string& part,
                            const Attributes& attributes) {
  return onnx_.add_node(operation, inputs, layer_.name + "/" + part, attributes);
}

void OnnxLayer::result(const std::string& operation, const Names& inputs, const Attributes& attributes) {
  onnx_.set_value(vertex_, onnx_.add_node(operation, inputs, onnx_.name_of_value(vertex_, is_flat_), attributes),
                  is_flat_);
}

void OnnxLayer::flat_result(const std::string& operation, const Names& inputs, const Attributes& attributes) {
  is_flat_ = true;
  result(operation, inputs, attributes);
}

void OnnxLayer::same_as(const std::string& value) { onnx_.set_value(vertex_, value, is_flat_); }

}  // namespace frontier
