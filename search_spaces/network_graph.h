#pragma once

#include <boost/graph/adjacency_list.hpp>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "search_spaces/dim.h"
#include "search_spaces/layer_kind.h"

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

/// What tells two layers of one kind apart: named numbers, of which some depend on decisions ("kernel", "out"). What
/// they mean is said in the kind's file (search_spaces/ops/).
class Attributes {
 public:
  struct Entry {
    std::string_view name;  ///< of static storage
    Dim value;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  Attributes() = default;
  Attributes(std::initializer_list<Entry> entries) : entries_(entries) {}
  explicit Attributes(std::vector<Entry> entries) : entries_(std::move(entries)) {}
  /// @throws std::logic_error if there is none of that name.
  const Dim& operator[](std::string_view name) const;
  std::span<const Entry> entries() const { return entries_; }
  friend bool operator==(const Attributes&, const Attributes&) = default;

 private:
  std::vector<Entry> entries_;
};

/// A place where decisions choose between signals or signals are added, by whose name gates may weigh them (Gates). As
/// decisions, sites of several layers may have one name; they then share weights.
struct Site {
  std::string name;        ///< the decision's where one is made there; empty: none
  std::size_t inputs = 0;  ///< of the whole space, in the order of branches, terms or depths
  bool operator==(const Site&) const = default;
};

/// One primitive layer: a node of the graph. `name` is the weight-sharing key: layers of two subnets with the same name
/// use slices of the same parameters.
struct Layer {
  const LayerKind* kind = nullptr;  ///< what it is; lives as long as the program
  std::string name;
  Shape output;
  Attributes attributes;
  /// Where decisions choose between its inputs or count them: by slot 1 where the input takes part, 0 where not. A soft
  /// network weighs each input by the expectation of its indicator. Empty: every input as it is.
  std::vector<Dim> indicators = {};
  Site site = {};                               ///< of a layer with indicators
  std::vector<std::uint16_t> site_inputs = {};  ///< by slot: which of the site's inputs it is
  Dim exists = 1;              ///< 1 where the decisions keep this layer, 0 where not; always 1 under a hard selection
  bool training_only = false;  ///< leads to an auxiliary output: costs nothing, is no part of the finished network
  bool may_drop = false;       ///< stochastic depth: what it gives may be left out of some images in training

  bool is(std::string_view kind_name) const { return kind->name == kind_name; }
  const Dim& operator[](std::string_view attribute) const { return attributes[attribute]; }
  /// An attribute that is decided. @throws std::logic_error if it depends on a decision.
  std::int64_t number(std::string_view attribute) const { return attributes[attribute].value(); }
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
  void let_drop(Vertex vertex) { (*graph_)[vertex].may_drop = true; }

  const Layer& operator[](Vertex vertex) const { return (*graph_)[vertex]; }
  std::size_t size() const { return boost::num_vertices(*graph_); }
  std::vector<Vertex> inputs(Vertex vertex) const;
  /// Outputs of inputs(vertex).
  std::vector<const Shape*> input_shapes(Vertex vertex) const;
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

/// All sites of a network, by first use, each once. Those of a space: of build_everything()'s graph.
std::vector<Site> sites_of(const NetworkGraph& graph);

/// The parameters of a layer. @throws std::out_of_range if there is no such vertex.
std::vector<ParameterSpec> parameters_of(const NetworkGraph& graph, NetworkGraph::Vertex vertex);

/// Graphviz text of the network: one box a layer with kind, name and output shape.
std::string to_dot(const NetworkGraph& graph, std::string_view title);

}  // namespace frontier
