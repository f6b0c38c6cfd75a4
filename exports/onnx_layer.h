#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "exports/onnx_file.h"
#include "search_spaces/network_graph.h"

namespace frontier {

class OnnxGraph;
struct ModelInfo;

/// One layer on its way into an ONNX graph: what its writer (exports/layer_writer.h) asks and adds. A value is named by
/// a text, as in ONNX. Values of layers are [N, C, H, W], those of linear layers and what follows element by element
/// [N, C].
class OnnxLayer {
 public:
  using Names = std::vector<std::string>;
  using Attributes = std::vector<OnnxFile::Attribute>;

  OnnxLayer(OnnxGraph& onnx, const NetworkGraph& graph, NetworkGraph::Vertex vertex);

  const Layer& layer() const { return layer_; }
  InputShapes shapes() const { return shapes_; }  ///< of the inputs, by slot
  std::size_t num_inputs() const { return inputs_.size(); }
  const ModelInfo& info() const;

  /// The value of an input as [N, C, H, W].
  std::string input(std::size_t slot = 0);
  /// The value of an input as [N, C * H * W].
  std::string flat_input();
  /// The value of an input as it is; what the layer gives is then alike.
  std::string any_input(std::size_t slot = 0);

  /// The layer's parameter, or "mean" and "variance" of a batch norm.
  std::string weight(std::string_view name) const;
  /// Constants; equal ones stand there once.
  std::string integers(const std::vector<std::int64_t>& values);
  std::string matrix(const std::vector<std::int64_t>& values, std::int64_t columns);
  std::string number(double value);
  std::string numbers(const std::vector<double>& values, const std::vector<std::int64_t>& shape);

  /// Adds a node within the layer. @param part what tells its value from others of the layer.
  std::string node(const std::string& operation, const Names& inputs, const std::string& part,
                   const Attributes& attributes = {});
  /// Adds the node that gives the layer's value.
  void result(const std::string& operation, const Names& inputs, const Attributes& attributes = {});
  /// The same of a linear layer: its value is [N, C].
  void flat_result(const std::string& operation, const Names& inputs, const Attributes& attributes = {});
  /// The layer's value is another one.
  void same_as(const std::string& value);

 private:
  OnnxGraph& onnx_;
  const Layer& layer_;
  std::vector<NetworkGraph::Vertex> inputs_;
  std::vector<const Shape*> shapes_;
  bool is_flat_ = false;
  NetworkGraph::Vertex vertex_;
};

}  // namespace frontier
