#include "search_spaces/network_graph.h"

#include <algorithm>
#include <array>
#include <stdexcept>

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

const Dim& Attributes::operator[](std::string_view name) const {
  for (const Entry& entry : entries_)
    if (entry.name == name) return entry.value;
  throw std::logic_error("a layer has no attribute '" + std::string(name) + "'");
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

std::vector<const Shape*> NetworkGraph::input_shapes(Vertex vertex) const {
  std::vector<const Shape*> shapes;
  for (const Vertex input : inputs(vertex)) shapes.push_back(&(*graph_)[input].output);
  return shapes;
}

std::vector<Site> sites_of(const NetworkGraph& graph) {
  std::vector<Site> sites;
  for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v) {
    const Site& site = graph[v].site;
    if (!site.name.empty() && std::find(sites.begin(), sites.end(), site) == sites.end()) sites.push_back(site);
  }
  return sites;
}

std::vector<ParameterSpec> parameters_of(const NetworkGraph& graph, NetworkGraph::Vertex vertex) {
  const Layer& layer = graph[vertex];
  if (layer.kind->parameters == nullptr) return {};
  return layer.kind->parameters(layer, graph.input_shapes(vertex));
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
    dot += "  n" + std::to_string(v) + " [" + (layer.training_only ? "style=dashed, " : "") + "label=\"" +
           quoted(layer.kind->label ? layer.kind->label(layer) : std::string(layer.kind->name)) + "\\n" +
           quoted(layer.name) + "\\n" + std::to_string(layer.output.channels.max()) + "x" +
           std::to_string(layer.output.height.max()) + "x" + std::to_string(layer.output.width.max()) + "\"];\n";
    for (const auto input : graph.inputs(v)) dot += "  n" + std::to_string(input) + " -> n" + std::to_string(v) + ";\n";
  }
  return dot + "}\n";
}

}  // namespace frontier
