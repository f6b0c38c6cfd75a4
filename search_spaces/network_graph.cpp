#include "search_spaces/network_graph.h"

#include <array>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {

std::string to_string(const InputShape& input) {
  return std::to_string(input.channels) + "x" + std::to_string(input.height) + "x" + std::to_string(input.width) + "/" +
         std::to_string(input.classes);
}

InputShape parse_input_shape(std::string_view text, std::int64_t classes) {
  const auto parts = split(text, 'x');
  if (parts.size() != 3)
    throw UsageError("input shape '" + printable(text) + "': write channels x height x width, e.g. 3x32x32");
  std::array<std::int64_t, 3> values{};
  for (std::size_t i = 0; i < 3; ++i) {
    values[i] = parse_integer(parts[i], "input shape '" + printable(text) + "'");
    if (values[i] < 1 || values[i] > 65536)
      throw UsageError("input shape '" + printable(text) + "': each number must be 1 to 65536");
  }
  if (classes < 2 || classes > 1'000'000)
    throw UsageError("classes = " + std::to_string(classes) + "; allowed: 2 to 1000000");
  return {values[0], values[1], values[2], classes};
}

std::string_view to_string(LayerKind kind) {
  switch (kind) {
    case LayerKind::kInput: return "input";
    case LayerKind::kConv: return "conv";
    case LayerKind::kBatchNorm: return "batch_norm";
    case LayerKind::kActivation: return "activation";
    case LayerKind::kLinear: return "linear";
    case LayerKind::kGlobalPool: return "global_pool";
    case LayerKind::kAveragePool: return "average_pool";
    case LayerKind::kMaxPool: return "max_pool";
    case LayerKind::kAdd: return "add";
    case LayerKind::kMultiply: return "multiply";
    case LayerKind::kConcat: return "concat";
    case LayerKind::kTruncate: return "truncate";
    case LayerKind::kZero: return "zero";
    case LayerKind::kMix: return "mix";
  }
  return "?";
}

std::string_view to_string(Activation activation) {
  switch (activation) {
    case Activation::kReLU: return "relu";
    case Activation::kReLU6: return "relu6";
    case Activation::kHSwish: return "hswish";
    case Activation::kHSigmoid: return "hsigmoid";
    case Activation::kSigmoid: return "sigmoid";
  }
  return "?";
}

NetworkGraph::Vertex NetworkGraph::add(Layer layer, const std::vector<Vertex>& inputs) {
  const Vertex vertex = boost::add_vertex(std::move(layer), *graph_);
  int slot = 0;
  for (const Vertex input : inputs) boost::add_edge(input, vertex, slot++, *graph_);
  output_ = vertex;
  return vertex;
}

std::vector<NetworkGraph::Vertex> NetworkGraph::inputs(Vertex vertex) const {
  std::vector<Vertex> result(boost::in_degree(vertex, *graph_));
  for (auto [edge, end] = boost::in_edges(vertex, *graph_); edge != end; ++edge)
    result[static_cast<std::size_t>((*graph_)[*edge])] = boost::source(*edge, *graph_);
  return result;
}

std::string to_dot(const NetworkGraph& graph, std::string_view title) {
  const auto quoted = [](std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  };
  std::string dot = "digraph \"" + quoted(title) + "\" {\n  node [shape=box, fontname=Helvetica];\n";
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const Layer& layer = graph[v];
    std::string label(layer.kind == LayerKind::kActivation ? to_string(layer.activation) : to_string(layer.kind));
    if (layer.kind == LayerKind::kConv)
      label += " " + std::to_string(layer.kernel.max()) + "x" + std::to_string(layer.kernel.max()) +
               (layer.groups.max() > 1 ? " depthwise" : "");
    dot += "  n" + std::to_string(v) + " [label=\"" + quoted(label) + "\\n" + quoted(layer.name) + "\\n" +
           std::to_string(layer.output.channels.max()) + "x" + std::to_string(layer.output.height.max()) + "x" +
           std::to_string(layer.output.width.max()) + "\"];\n";
    for (const auto input : graph.inputs(v)) dot += "  n" + std::to_string(input) + " -> n" + std::to_string(v) + ";\n";
  }
  return dot + "}\n";
}

}  // namespace frontier
