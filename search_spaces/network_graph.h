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

/// Output of a layer for one image. After global pooling height and width are 1. A sequence of tokens is an activation
/// like any other: a token a pixel; behind a class token it is [C, 1 + H * W, 1].
struct Shape {
  Dim channels;
  Dim height;
  Dim width;
  friend bool operator==(const Shape&, const Shape&) = default;
};

enum class LayerKind {
  kInput,
  kConv,  ///< weight [out, in / groups, k, k], optional bias [out]; padding dilation * (k - 1) / 2, none for even k
  kBatchNorm,    ///< weight [c], bias [c]; statistics are not parameters
  kActivation,   ///< see Activation
  kLinear,       ///< weight [out, in], optional bias [out]; input flattened to [N, in]
  kLayerNorm,    ///< over the channels of each pixel; weight [c], bias [c]
  kAttention,    ///< of every pixel to all; inputs queries, keys, values; parameters: see Position
  kTokens,       ///< class_token [c] before all pixels, position [c, 1 + h * w] added to them
  kGlobalPool,   ///< mean over height and width, the first `skip_tokens` rows left out
  kAveragePool,  ///< kernel, stride, padding (k - 1) / 2 and one more behind if k is even; padding not counted
  kMaxPool,
  kResize,  ///< bicubic, to the output's sides
  kShift,   ///< y[h][w] = x[h + 1][w + 1], zeros in the last row and column
  kAdd,
  kMultiply,  ///< input 0 times input 1; a 1x1 input 1 is broadcast (squeeze-excite)
  kConcat,    ///< along channels
  kTruncate,  ///< the first channels of its input
  kZero,      ///< zeros of the output shape
  kMix,       ///< sum of its options weighed by the selection weights of `decision`; see Layer::members
};
std::string_view to_string(LayerKind kind);

enum class Activation { kReLU, kReLU6, kHSwish, kHSigmoid, kSigmoid, kGELU };
std::string_view to_string(Activation activation);

/// How attention knows where tokens are.
enum class Position {
  kNone,
  /// A number a head and offset of key from query, added to the logits: position_bias [heads, 2h - 1, 2w - 1] for a
  /// grid of h x w tokens. A smaller grid uses the centre.
  kBias,
  /// A vector an offset, added to keys and to values (Shaw et al. 2018, arXiv 1803.02155), as the sum of a vertical and
  /// a horizontal one: relative_{key,value}_{vertical,horizontal} [2 max_distance + 2, channels a head]. Row 0 is for
  /// pairs with the class token, which is the first token; offsets are clipped. As in AutoFormer (Chen et al. 2021,
  /// arXiv 2107.00651).
  kRelative,
};
std::string_view to_string(Position position);

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
  Dim heads = 1;  ///< of attention
  Position position = Position::kNone;
  Dim grid_height = 0;  ///< of relative attention: the sides of the grid of tokens behind the class token
  Dim grid_width = 0;
  int max_distance = 0;  ///< of relative attention
  int skip_tokens = 0;   ///< of a kGlobalPool
  int decision = -1;     ///< of a kMix: whose weights
  /// Of a kMix: per option the input slots whose sum it is. Empty: each input is one option.
  std::vector<std::vector<int>> members = {};
  Dim exists = 1;              ///< 1 where the decisions keep this layer, 0 where not; always 1 under a hard selection
  bool training_only = false;  ///< leads to an auxiliary output: costs nothing, is no part of the finished network
};

/// Whether a layer has parameters, and so a name that no other layer may have.
bool has_weights(const Layer& layer);

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

  /// A further classifier that training looks at, and how much its loss counts.
  struct Auxiliary {
    Vertex vertex = 0;
    double weight = 0;
  };
  void add_auxiliary(Vertex vertex, double weight) { auxiliaries_.push_back({vertex, weight}); }
  const std::vector<Auxiliary>& auxiliaries() const { return auxiliaries_; }

  const Graph& graph() const { return *graph_; }

 private:
  std::unique_ptr<Graph> graph_ = std::make_unique<Graph>();  // Boost's graph copies where it should move
  Vertex output_ = 0;
  std::vector<Auxiliary> auxiliaries_;
};

/// Graphviz text of the network: one box a layer with kind, name and output shape.
std::string to_dot(const NetworkGraph& graph, std::string_view title);

}  // namespace frontier
