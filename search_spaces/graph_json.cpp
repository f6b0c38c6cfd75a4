#include "search_spaces/graph_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/cost.h"

namespace frontier {
namespace {

using Vertex = NetworkGraph::Vertex;
using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kMostLayers = 100'000;
constexpr std::size_t kLongestName = 1000;
constexpr std::int64_t kMostActivations = std::int64_t{1} << 28;  // of one layer
constexpr std::int64_t kMostScalars = std::int64_t{1} << 32;      // of one layer's parameters
constexpr std::int64_t kMostMacs = std::int64_t{1} << 42;

void require_finished(const Layer& layer) {
  const auto refuse = [&](const std::string& why) {
    throw UsageError(std::string(layer.kind->name) + " '" + printable(layer.name) + "' " + why +
                     "; only networks of one architecture are taken away");
  };
  if (layer.kind->soft_only) refuse("is a layer of soft networks");
  if (!layer.indicators.empty()) refuse("weighs its inputs, as soft networks do");
  for (const auto& attribute : layer.attributes.entries())
    if (!attribute.value.is_constant()) refuse("depends on a decision in '" + std::string(attribute.name) + "'");
}

/// Gives names that nobody has.
class Names {
 public:
  explicit Names(const NetworkGraph& graph) {
    for (Vertex v = 0; v < graph.size(); ++v)
      if (!parameters_of(graph, v).empty()) taken_.insert(graph[v].name);
  }
  std::string take(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 2; !taken_.insert(name).second; ++i) name = wanted + "_" + std::to_string(i);
    return name;
  }

 private:
  std::unordered_set<std::string> taken_;
};

/// "relu6" of an activation, "max_pool" of "max_pool 3x3".
std::string plain_label(const Layer& layer) {
  const std::string label = layer.kind->label ? layer.kind->label(layer) : std::string(layer.kind->name);
  return label.substr(0, label.find(' '));
}

std::vector<bool> needed_layers(const NetworkGraph& graph) {
  std::vector<bool> needed(graph.size());
  needed[graph.output()] = true;
  for (Vertex v = graph.size(); v-- > 0;)
    if (needed[v])
      for (const Vertex input : graph.inputs(v)) needed[input] = true;
  needed[0] = true;
  return needed;
}

std::string block_of(const std::unordered_set<std::string>& layers, std::string name) {
  do {
    const auto dot = name.rfind('.');
    name.resize(dot == std::string::npos ? 0 : dot);
  } while (!name.empty() && layers.contains(name));
  return name;
}

std::unordered_set<std::string> layer_names(const NetworkGraph& graph) {
  std::unordered_set<std::string> names;
  for (Vertex v = 0; v < graph.size(); ++v) names.insert(graph[v].name);
  return names;
}

Json shape_json(const Shape& shape) { return {shape.channels.value(), shape.height.value(), shape.width.value()}; }

nlohmann::ordered_json layer_json(const NetworkGraph& graph, Vertex v) {
  const Layer& layer = graph[v];
  nlohmann::ordered_json json = {{"name", layer.name}, {"kind", layer.kind->name}};
  for (const Vertex input : graph.inputs(v)) json["inputs"].push_back(graph[input].name);
  for (const AttributeRange& range : layer.kind->attributes) {
    const std::int64_t value = layer.number(range.name);
    auto& entry = json["attributes"][std::string(range.name)];
    if (range.names.empty()) {
      entry = value;
    } else {
      entry = range.names.at(static_cast<std::size_t>(value));
    }
  }
  json["output"] = shape_json(layer.output);
  for (const ParameterSpec& spec : parameters_of(graph, v))
    for (const Dim& extent : spec.shape) json["parameters"][spec.name].push_back(extent.value());
  return json;
}

/// Builds the graph layer by layer; every refusal names the place.
class Reader {
 public:
  explicit Reader(std::string_view source) : source_(source) {}

  NetworkGraph read(const Json& json) {
    place_ = "the graph";
    if (!json.is_object()) refuse("is no JSON object");
    only(json, {"format", "layers", "output"});
    if (json.value("format", Json()) != kFormat)
      refuse("has format " + shown(json.value("format", Json())) + "; this program reads format " +
             std::to_string(kFormat));
    const Json& layers = member(json, "layers", Json::value_t::array);
    if (layers.empty() || layers.size() > kMostLayers)
      refuse("has " + std::to_string(layers.size()) + " layers; allowed: 1 to " + std::to_string(kMostLayers));
    for (const Json& layer : layers) add(layer);
    place_ = "the graph";
    graph_.set_output(vertex(member(json, "output", Json::value_t::string)));
    return std::move(graph_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw UsageError(std::string(source_) + ": " + place_ + " " + what);
  }
  static std::string shown(const Json& value) {
    return printable(value.dump(-1, ' ', true, Json::error_handler_t::replace));
  }

  void only(const Json& object, const std::vector<std::string>& known) const {
    for (const auto& [key, value] : object.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        refuse("has an " + unknown_name("entry", key, known));
  }

  const Json& member(const Json& object, const char* key, Json::value_t type) const {
    const auto found = object.find(key);
    if (found == object.end() || found->type() != type)
      refuse("lacks '" + std::string(key) + "', which must be " +
             (type == Json::value_t::string  ? "a text"
              : type == Json::value_t::array ? "a list"
                                             : "an object"));
    return *found;
  }

  Vertex vertex(const Json& name) const {
    const auto found = name.is_string() ? vertices_.find(name.get_ref<const std::string&>()) : vertices_.end();
    if (found == vertices_.end()) refuse("reads the unknown layer " + shown(name) + "; layers follow their inputs");
    return found->second;
  }

  void add(const Json& json) {
    place_ = "layer " + std::to_string(graph_.size());
    if (!json.is_object()) refuse("is no JSON object");
    only(json, {"name", "kind", "inputs", "attributes", "output", "parameters"});
    Layer layer;
    layer.name = member(json, "name", Json::value_t::string).get<std::string>();
    if (layer.name.empty() || layer.name.size() > kLongestName)
      refuse("has a name of " + std::to_string(layer.name.size()) + " bytes; allowed: 1 to " +
             std::to_string(kLongestName));
    place_ = "layer '" + printable(layer.name) + "'";
    layer.kind = &kind_of(member(json, "kind", Json::value_t::string).get<std::string>());
    place_ += " (" + std::string(layer.kind->name) + ")";
    const std::vector<Vertex> inputs = inputs_of(json, *layer.kind);
    layer.attributes = attributes_of(json, *layer.kind);
    std::vector<const Shape*> shapes;
    for (const Vertex input : inputs) shapes.push_back(&graph_[input].output);
    try {
      layer.output = layer.kind->output(layer, shapes);
    } catch (const std::logic_error& error) {
      refuse(std::string("does not fit: ") + error.what());
    }
    check_output(json, layer);
    const Vertex v = graph_.add(std::move(layer), inputs);
    if (!vertices_.emplace(graph_[v].name, v).second) refuse("stands there twice");
    check_parameters(json, v);
    check_macs(v);
  }

  const LayerKind& kind_of(const std::string& name) const {
    std::vector<std::string> names;
    for (const LayerKind* kind : layer_kinds()) {
      if (kind->soft_only) continue;
      if (kind->name == name) return *kind;
      names.emplace_back(kind->name);
    }
    refuse("has an " + unknown_name("kind", name, names));
  }

  std::vector<Vertex> inputs_of(const Json& json, const LayerKind& kind) const {
    if ((kind.num_inputs == 0) != (graph_.size() == 0))
      refuse(kind.num_inputs == 0 ? "is a second input" : "comes before the input");
    std::vector<Vertex> inputs;
    if (json.contains("inputs"))
      for (const Json& name : member(json, "inputs", Json::value_t::array)) inputs.push_back(vertex(name));
    const bool fits = kind.more_inputs ? inputs.size() >= kind.num_inputs : inputs.size() == kind.num_inputs;
    if (!fits)
      refuse("has " + std::to_string(inputs.size()) + " inputs; allowed: " + std::to_string(kind.num_inputs) +
             (kind.more_inputs ? " or more" : ""));
    return inputs;
  }

  Attributes attributes_of(const Json& json, const LayerKind& kind) const {
    const Json none = Json::object();
    const Json& given = json.contains("attributes") ? member(json, "attributes", Json::value_t::object) : none;
    std::vector<std::string> known;
    std::vector<Attributes::Entry> entries;
    for (const AttributeRange& range : kind.attributes) {
      known.emplace_back(range.name);
      entries.push_back({range.name, value_of(given.value(known.back(), Json()), range)});
    }
    only(given, known);
    return Attributes(entries);
  }

  std::int64_t value_of(const Json& value, const AttributeRange& range) const {
    const std::string what = "has " + std::string(range.name) + " = " + shown(value);
    if (!range.names.empty()) {
      const std::vector<std::string> names(range.names.begin(), range.names.end());
      const std::string name = value.is_string() ? value.get<std::string>() : "";
      const auto found = std::find(names.begin(), names.end(), name);
      if (found == names.end()) refuse(what + "; allowed: " + join(names));
      return found - names.begin();
    }
    const bool fits = value.is_number_integer() && !(value.is_number_unsigned() && value.get<std::uint64_t>() >> 62) &&
                      value.get<std::int64_t>() >= range.smallest && value.get<std::int64_t>() <= range.largest;
    if (!fits) refuse(what + "; allowed: " + std::to_string(range.smallest) + " to " + std::to_string(range.largest));
    return value.get<std::int64_t>();
  }

  void check_output(const Json& json, const Layer& layer) const {
    const std::int64_t extents[] = {layer.output.channels.value(), layer.output.height.value(),
                                    layer.output.width.value()};
    std::int64_t size = 1;
    for (const std::int64_t extent : extents) {
      if (extent < 1) refuse("has an empty output");
      if (extent > kMostActivations / size) refuse("has an output of more than 2^28 numbers");
      size *= extent;
    }
    const Json& given = member(json, "output", Json::value_t::array);
    if (given != shape_json(layer.output))
      refuse("has output " + shown(given) + ", but its inputs and attributes make it " +
             shape_json(layer.output).dump());
  }

  void check_parameters(const Json& json, Vertex v) const {
    Json expected = Json::object();
    for (const ParameterSpec& spec : parameters_of(graph_, v)) {
      std::int64_t size = 1;
      for (const Dim& extent : spec.shape) {
        if (extent.value() < 1) refuse("has an empty parameter '" + spec.name + "'");
        if (extent.value() > kMostScalars / size) refuse("has a parameter of more than 2^32 numbers");
        size *= extent.value();
        expected[spec.name].push_back(extent.value());
      }
    }
    const Json given = json.value("parameters", Json::object());
    if (given != expected)
      refuse("has parameters " + shown(given) + ", but its inputs and attributes need " + shown(expected));
  }

  void check_macs(Vertex v) {
    const std::int64_t macs = layer_macs(graph_, v).value();
    if (macs < 0 || macs > kMostMacs - macs_) refuse("makes the network larger than 2^42 multiply-accumulates");
    macs_ += macs;
  }

  std::string_view source_;
  std::string place_;
  NetworkGraph graph_;
  std::unordered_map<std::string, Vertex> vertices_;
  std::int64_t macs_ = 0;
};

}  // namespace

FinishedGraph finished(const NetworkGraph& graph) {
  const std::vector<bool> needed = needed_layers(graph);
  Names names(graph);
  const auto layers = layer_names(graph);
  FinishedGraph result;
  std::vector<Vertex> places(graph.size());
  std::string block;
  for (Vertex v = 0; v < graph.size(); ++v) {
    if (!needed[v]) continue;
    Layer layer = graph[v];
    require_finished(layer);
    layer.exists = 1;
    layer.site = {};
    if (!layer.name.empty()) block = block_of(layers, layer.name);
    const std::string wanted =
        !layer.name.empty() ? layer.name : (block.empty() ? "" : block + ".") + plain_label(layer);
    if (parameters_of(graph, v).empty()) layer.name = names.take(wanted);
    std::vector<Vertex> inputs;
    for (const Vertex input : graph.inputs(v)) inputs.push_back(places[input]);
    places[v] = result.graph.add(std::move(layer), inputs);
    result.origins.push_back(v);
  }
  result.graph.set_output(places[graph.output()]);
  return result;
}

std::vector<std::string> block_names(const NetworkGraph& graph) {
  const auto names = layer_names(graph);
  std::vector<std::string> blocks;
  for (Vertex v = 0; v < graph.size(); ++v) blocks.push_back(block_of(names, graph[v].name));
  return blocks;
}

nlohmann::ordered_json graph_to_json(const NetworkGraph& graph) {
  nlohmann::ordered_json json = {{"format", kFormat}, {"layers", nlohmann::ordered_json::array()}};
  for (Vertex v = 0; v < graph.size(); ++v) json["layers"].push_back(layer_json(graph, v));
  json["output"] = graph[graph.output()].name;
  return json;
}

NetworkGraph graph_from_json(const Json& json, std::string_view source) { return Reader(source).read(json); }

}  // namespace frontier
