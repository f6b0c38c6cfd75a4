#pragma once

#include <boost/graph/adjacency_list.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "search_spaces/dim.h"

namespace frontier {

/// What one image is and how many classes it may have: what a network is built for.
struct InputShape {
  std::int64_t channels = 3;
  std::int64_t height = 32;
  std::int64_t width = 32;
  std::int64_t classes = 10;
  bool operator==(const InputShape&) const = default;
};

/// "1x28x28/10": stored with every cost that depends on it.
std::string to_string(const InputShape& input);
/// Reads "3x32x32"; classes stay as given. @throws UsageError.
InputShape parse_input_shape(std::string_view text, std::int64_t classes);

/// Output of a layer for one image. After global pooling height and width are 1.
struct Shape {
  Dim channels;
  Dim height;
  Dim width;
  friend bool operator==(const Shape&, const Shape&) = default;
};

enum class LayerKind {
  kInput,
  kConv,         ///< weight [out, in / groups, k, k], optional bias [out]; padding dilation * (k - 1) / 2
  kBatchNorm,    ///< weight [c], bias [c]; statistics are not parameters
  kActivation,   ///< see Activation
  kLinear,       ///< weight [out, in], optional bias [out]; input flattened to [N, in]
  kGlobalPool,   ///< mean over height and width
  kAveragePool,  ///< kernel, stride, padding k / 2, padding not counted
  kMaxPool,
  kAdd,
  kMultiply,  ///< input 0 times input 1; a 1x1 input 1 is broadcast (squeeze-excite)
  kConcat,    ///< along channels
  kTruncate,  ///< the first channels of its input
  kZero,      ///< zeros of the output shape
  kMix,       ///< sum of its inputs weighed by the selection weights of `decision`
};
std::string_view to_string(LayerKind kind);

enum class Activation { kReLU, kReLU6, kHSwish, kHSigmoid, kSigmoid };
std::string_view to_string(Activation activation);

/// One primitive layer: a node of the graph. `name` is the weight-sharing key: layers of two subnets with the same name
/// use slices of the same parameters.
struct Layer {
  LayerKind kind = LayerKind::kInput;
  std::string name;
  Shape output;
  Dim kernel = 1;
  Dim groups = 1;
  int stride = 1;
  int dilation = 1;
  bool bias = false;
  Activation activation = Activation::kReLU;
  int decision = -1;  ///< of a kMix: whose weights
  Dim exists = 1;     ///< 1 where the decisions keep this layer, 0 where not; always 1 under a hard selection
};

/// A DAG of primitive layers with inferred shapes. Vertices are in topological order (a layer follows its inputs);
/// vertex 0 is the input. An edge's property is the input slot. Moves, does not copy.
class NetworkGraph {
 public:
  using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, Layer, int>;
  using Vertex = std::size_t;

  /// @param inputs vertices already in the graph, in slot order.
  Vertex add(Layer layer, const std::vector<Vertex>& inputs);
  void set_output(Vertex vertex) { output_ = vertex; }

  const Layer& operator[](Vertex vertex) const { return (*graph_)[vertex]; }
  std::size_t size() const { return boost::num_vertices(*graph_); }
  std::vector<Vertex> inputs(Vertex vertex) const;
  std::size_t num_consumers(Vertex vertex) const { return boost::out_degree(vertex, *graph_); }
  Vertex output() const { return output_; }
  const Graph& graph() const { return *graph_; }

 private:
  std::unique_ptr<Graph> graph_ = std::make_unique<Graph>();  // Boost's graph copies where it should move
  Vertex output_ = 0;
};

/// Graphviz text of the network: one box a layer with kind, name and output shape.
std::string to_dot(const NetworkGraph& graph, std::string_view title);

}  // namespace frontier
