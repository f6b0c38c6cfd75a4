#pragma once

#include <map>
#include <string>
#include <vector>

#include "exports/model.h"
#include "exports/onnx_file.h"
#include "exports/onnx_layer.h"

namespace frontier {

/// The nodes of a model's ONNX file while they are made.
class OnnxGraph {
 public:
  explicit OnnxGraph(const Model& model);

  const ModelInfo& info() const { return model_.info; }
  const std::string& value(NetworkGraph::Vertex v) const { return values_[v]; }
  bool is_flat(NetworkGraph::Vertex v) const { return flat_[v]; }
  void set_value(NetworkGraph::Vertex v, const std::string& value, bool flat);
  /// "logits" where it is the output as it stands, else the layer's name.
  std::string name_of_value(NetworkGraph::Vertex v, bool flat) const;

  /// @returns the name of its output.
  std::string add_node(const std::string& operation, const OnnxLayer::Names& inputs, const std::string& output,
                       const OnnxLayer::Attributes& attributes);
  /// A node "Constant"; equal ones once. @returns its value's name.
  std::string add_constant(OnnxFile::Tensor tensor);

  OnnxFile take() { return std::move(file_); }

 private:
  void add_initialisers();
  void add_layer(NetworkGraph::Vertex v);
  void add_output();

  const Model& model_;
  const NetworkGraph& graph_;
  OnnxFile file_;
  std::vector<std::string> values_;               ///< by vertex
  std::vector<bool> flat_;                        ///< by vertex: [N, C]
  std::map<std::string, std::string> constants_;  ///< names by shape and data
};

}  // namespace frontier
