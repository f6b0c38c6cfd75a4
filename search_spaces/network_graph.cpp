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
    case LayerKind::kLayerNorm: return "layer_norm";
    case LayerKind::kAttention: return "attention";
    case LayerKind::kTokens: return "tokens";
    case LayerKind::kGlobalPool: return "global_pool";
    case LayerKind::kAveragePool: return "average_pool";
    case LayerKind::kMaxPool: return "max_pool";
    case LayerKind::kResize: return "resize";
    case LayerKind::kShift: return "shift";
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
    case Activation::kGELU: return "gelu";
  }
  return "?";
}

std::string_view to_string(Position position) {
  switch (position) {
    case Position::kNone: return "none";
    case Position::kBias: return "bias";
    case Position::kRelative: return "relative";
  }
  return "?";
}

bool has_weights(const Layer& layer) {
  switch (layer.kind) {
    case LayerKind::kConv:
    case LayerKind::kBatchNorm:
    case LayerKind::kLinear:
    case LayerKind::kLayerNorm:
    case LayerKind::kTokens: return true;
    case LayerKind::kAttention: return layer.position != Position::kNone;
    default: return false;
  }
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

namespace {

/// What a layer is, with the one number that tells it from others of its kind.
std::string label_of(const Layer& layer) {
  const std::string kind(to_string(layer.kind));
  const auto with_kernel = [&] {
    const std::string k = std::to_string(layer.kernel.max());
    return kind + " " + k + "x" + k;
  };
  switch (layer.kind) {
    case LayerKind::kActivation: return std::string(to_string(layer.activation));
    case LayerKind::kConv: return with_kernel() + (layer.groups.max() > 1 ? " depthwise" : "");
    case LayerKind::kAveragePool:
    case LayerKind::kMaxPool: return with_kernel();
    case LayerKind::kAttention: {
      const std::string text = kind + " h" + std::to_string(layer.heads.max());
      return layer.position == Position::kNone ? text : text + " " + std::string(to_string(layer.position));
    }
    default: return kind;
  }
}

}  // namespace

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
    dot += "  n" + std::to_string(v) + " [" + (layer.training_only ? "style=dashed, " : "") + "label=\"" +
           quoted(label_of(layer)) + "\\n" + quoted(layer.name) + "\\n" + std::to_string(layer.output.channels.max()) +
           "x" + std::to_string(layer.output.height.max()) + "x" + std::to_string(layer.output.width.max()) + "\"];\n";
    for (const auto input : graph.inputs(v)) dot += "  n" + std::to_string(input) + " -> n" + std::to_string(v) + ";\n";
  }
  return dot + "}\n";
}

}  // namespace frontier
