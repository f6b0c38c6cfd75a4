#include "exports/model.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/data_file.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"
#include "exports/onnx.h"
#include "search_spaces/graph_json.h"
#include "supernet/safetensors.h"

namespace frontier {
namespace {

using Vertex = NetworkGraph::Vertex;

constexpr const char *kGraph = "graph", *kInput = "reference.input", *kOutput = "reference.output";
constexpr const char* kNames = "names";  // of tensors, where a file calls them otherwise
constexpr double kTolerance = 1e-4;

std::string shape_text(const at::Tensor& tensor) {
  std::vector<std::string> extents;
  for (const std::int64_t extent : tensor.sizes()) extents.push_back(std::to_string(extent));
  return c10::toString(tensor.scalar_type()) + std::string(" [") + join(extents) + "]";
}

/// Statistics by vertices of the finished graph.
BatchNormStatistics statistics_of(const Network& network, const FinishedGraph& taken) {
  const TensorMap by_name = network.statistics();
  BatchNormStatistics statistics;
  for (Vertex v = 0; v < taken.graph.size(); ++v) {
    if (!taken.graph[v].is("batch_norm")) continue;
    const std::string& name = network.graph()[taken.origins[v]].name;
    statistics.add(v, by_name.at(name + ".mean").to(at::kCPU), by_name.at(name + ".variance").to(at::kCPU));
  }
  return statistics;
}

Network taken_away(const Network& network) {
  FinishedGraph taken = finished(network.graph());
  BatchNormStatistics statistics = statistics_of(network, taken);
  WeightBank weights = network.weights().extract(taken.graph);
  weights.to(at::kCPU);
  return {std::move(taken.graph), std::move(weights), std::move(statistics)};
}

/// What LibTorch or a layer finds wrong with a network from a file is the file's fault.
template <class Work>
auto of_file(std::string_view source, const Work& work) {
  const auto refuse = [&](const std::string& why) {
    return UsageError(std::string(source) + " holds no network that can be run: " + printable(why, 300));
  };
  try {
    return work();
  } catch (const c10::Error& error) {
    throw refuse(error.what_without_backtrace());
  } catch (const std::logic_error& error) {
    throw refuse(error.what());
  }
}

/// Texts are as they are, everything else is JSON.
std::map<std::string, std::string> texts_of(const ModelInfo& info) {
  std::map<std::string, std::string> texts;
  const nlohmann::json json = write_options(info);
  for (const auto& [key, value] : json.items())
    texts.emplace(key, value.is_string() ? value.get<std::string>() : value.dump());
  return texts;
}

ModelInfo info_of(const std::map<std::string, std::string>& texts, std::string_view source) {
  nlohmann::json json = write_options(ModelInfo{});
  for (auto& [key, value] : json.items()) {
    const auto text = texts.find(key);
    if (text == texts.end())
      throw UsageError(std::string(source) + " does not say its '" + key +
                       "': it is no network written by frontier export");
    if (value.is_string()) {
      value = text->second;
    } else {
      value = parse_json(text->second, std::string(source) + " (" + key + ")");
    }
  }
  ModelInfo info;
  read_options(json, std::string(source), info);
  return info;
}

const at::Tensor& tensor_of(const TensorMap& tensors, const std::string& name, std::string_view source) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw UsageError(std::string(source) + " lacks the tensor '" + printable(name) + "'");
  return found->second;
}

void require_shape(const at::Tensor& tensor, const std::string& name, at::IntArrayRef shape, std::string_view source) {
  if (tensor.scalar_type() == at::kFloat && tensor.sizes() == shape) return;
  throw UsageError(std::string(source) + ": tensor '" + printable(name) + "' is " + shape_text(tensor) +
                   "; its layer needs Float of " + std::to_string(shape.size()) + " dimensions, as the graph says");
}

/// The weights that the graph names; checked before any memory is taken for them.
TensorMap weights_of(const NetworkGraph& graph, const TensorMap& tensors, std::string_view source) {
  TensorMap weights;
  for (Vertex v = 0; v < graph.size(); ++v)
    for (const ParameterSpec& spec : parameters_of(graph, v)) {
      const std::string name = graph[v].name + "." + spec.name;
      std::vector<std::int64_t> shape;
      for (const Dim& extent : spec.shape) shape.push_back(extent.value());
      const at::Tensor& tensor = tensor_of(tensors, name, source);
      require_shape(tensor, name, shape, source);
      weights.emplace(name, tensor);
    }
  return weights;
}

TensorMap statistics_of(const NetworkGraph& graph, const TensorMap& tensors, std::string_view source) {
  TensorMap statistics;
  for (Vertex v = 0; v < graph.size(); ++v) {
    if (!graph[v].is("batch_norm")) continue;
    for (const char* what : {".mean", ".variance"}) {
      const std::string name = graph[v].name + what;
      const at::Tensor& tensor = tensor_of(tensors, name, source);
      require_shape(tensor, name, {graph[v].output.channels.value()}, source);
      statistics.emplace(name, tensor);
    }
  }
  return statistics;
}

Network network_of(NetworkGraph graph, const TensorMap& tensors, std::string_view source) {
  const TensorMap weights = weights_of(graph, tensors, source);
  const TensorMap statistics = statistics_of(graph, tensors, source);
  if (tensors.size() != weights.size() + statistics.size() + 2)
    throw UsageError(std::string(source) + " holds " +
                     std::to_string(tensors.size() - weights.size() - statistics.size() - 2) +
                     " tensors that no layer of its graph has");
  WeightBank bank(graph, Rng(0), {.initializer = "zero"});
  bank.load(weights, source);
  auto by_vertex = frontier::statistics_of(graph, statistics);
  return {std::move(graph), std::move(bank), std::move(by_vertex)};
}

void check_info(const Model& model, std::string_view source) {
  const Layer& input = model.network.graph()[0];
  const auto channels = static_cast<std::size_t>(input.output.channels.value());
  const ModelInfo& info = model.info;
  const auto refuse = [&](const std::string& why) { throw UsageError(std::string(source) + ": " + why); };
  const auto wrong_size = [&](std::size_t size) { return size != 0 && size != channels; };
  if (wrong_size(info.mean.size()) || info.stddev.size() != info.mean.size())
    refuse("mean and stddev must have a number for each of the " + std::to_string(channels) + " channels");
  for (const double deviation : info.stddev)
    if (!(deviation > 0)) refuse("stddev must be above 0, not " + exact(deviation));
  if (info.input == kBytes && info.mean.empty()) refuse("its network takes pixels, but mean and stddev are not said");
  const auto classes = static_cast<std::size_t>(model.reference_output.size(1));
  if (!info.classes.empty() && info.classes.size() != classes)
    refuse(std::to_string(info.classes.size()) + " names of classes for " + std::to_string(classes) + " outputs");
}

void check_reference(const Model& model, std::string_view source) {
  const at::Tensor &input = model.reference_input, &output = model.reference_output;
  const bool typed = input.scalar_type() == (model.info.input == kBytes ? at::kByte : at::kFloat);
  if (!typed || input.dim() != 4 || input.size(0) < 1 || output.scalar_type() != at::kFloat || output.dim() < 2 ||
      output.size(0) != input.size(0))
    throw UsageError(std::string(source) + ": its reference is " + shape_text(input) + " and " + shape_text(output) +
                     ", which is no input of its network with an output");
}

/// Gives tensors that a file calls otherwise the names that they have here.
void restore_names(StoredModel& parts, std::string_view source) {
  const auto text = parts.texts.find(kNames);
  if (text == parts.texts.end()) return;
  const auto names = parse_json(text->second, std::string(source) + " (names)");
  if (!names.is_object()) throw UsageError(std::string(source) + ": its names must be a JSON object");
  for (const auto& [name, other] : names.items()) {
    const auto found = other.is_string() ? parts.tensors.find(other.get<std::string>()) : parts.tensors.end();
    if (found == parts.tensors.end())
      throw UsageError(std::string(source) + ": its names say that '" + printable(name) + "' is " +
                       printable(other.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)) +
                       ", which it lacks");
    parts.tensors.emplace(name, found->second);
    if (found->first != name) parts.tensors.erase(found);
  }
}

bool is_safetensors(std::string_view bytes) { return bytes.size() > 8 && bytes[8] == '{'; }

}  // namespace

at::Tensor Model::operator()(const at::Tensor& images) const {
  const Shape& shape = network.graph()[0].output;
  const std::int64_t wanted[] = {shape.channels.value(), shape.height.value(), shape.width.value()};
  const bool typed = images.scalar_type() == at::kFloat || images.scalar_type() == at::kByte;
  if (!typed || images.dim() != 4 || images.size(0) < 1 || images.sizes().slice(1) != at::IntArrayRef(wanted))
    throw UsageError("the network takes images [N, " + std::to_string(wanted[0]) + ", " + std::to_string(wanted[1]) +
                     ", " + std::to_string(wanted[2]) + "] of float32 or uint8, not " + shape_text(images));
  if (images.scalar_type() == at::kFloat) return network(images);
  if (info.mean.empty())
    throw UsageError("the network's file does not say mean and stddev, so pixels cannot be normalised for it");
  return network(normalised(images, info.mean, info.stddev));
}

at::Tensor normalised(const at::Tensor& pixels, const std::vector<double>& mean, const std::vector<double>& stddev) {
  const auto by_channel = [&](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble).to(pixels.device()).reshape({1, -1, 1, 1});
  };
  return ((pixels.to(at::kDouble) / 255.0 - by_channel(mean)) / by_channel(stddev)).to(at::kFloat);
}

Model make_model(const Network& network, ModelInfo info, const at::Tensor& images) {
  Model model{taken_away(network), std::move(info), {}, {}};
  const bool as_it_is = model.info.input == kBytes || images.scalar_type() == at::kFloat;
  model.reference_input = as_it_is ? images.contiguous() : normalised(images, model.info.mean, model.info.stddev);
  model.reference_output = model(model.reference_input);
  if (!at::isfinite(model.reference_output).all().item<bool>())
    throw Error("the outputs of " + model.info.arch + " are not finite; its weights are unusable");
  return model;
}

Reproduction reproduce(const Model& model) {
  const at::Tensor output = model(model.reference_input.to(model.network.device())).cpu();
  if (output.sizes() != model.reference_output.sizes()) return {std::numeric_limits<double>::infinity(), kTolerance};
  const double difference = (output - model.reference_output).abs().max().item<double>();
  const double largest = model.reference_output.abs().max().item<double>();
  return {std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference,
          kTolerance * std::max(1.0, largest)};
}

StoredModel stored(const Model& model) {
  StoredModel result{texts_of(model.info), model.network.weights().tensors()};
  result.texts.emplace(kGraph, graph_to_json(model.network.graph()).dump());
  result.tensors.merge(model.network.statistics());
  result.tensors.emplace(kInput, model.reference_input);
  result.tensors.emplace(kOutput, model.reference_output);
  return result;
}

Model restored(const StoredModel& stored, std::string_view source) {
  ModelInfo info = info_of(stored.texts, source);
  const auto graph = stored.texts.find(kGraph);
  if (graph == stored.texts.end()) throw UsageError(std::string(source) + " does not say its 'graph'");
  const std::string place = std::string(source) + " (graph)";
  return of_file(source, [&] {
    Model model{network_of(graph_from_json(parse_json(graph->second, place), place), stored.tensors, source),
                std::move(info), tensor_of(stored.tensors, kInput, source), tensor_of(stored.tensors, kOutput, source)};
    check_reference(model, source);
    check_info(model, source);
    model(model.reference_input);  // what does not fit together is said now
    return model;
  });
}

std::string to_safetensors(const Model& model) {
  const StoredModel parts = stored(model);
  return to_safetensors(parts.tensors, parts.texts);
}

Model read_model(const std::string& path) {
  if (path.ends_with(".py"))
    throw UsageError(printable(path, 200) + " is a program, which checks itself (python " + printable(path, 200) +
                     "); what can be given here is the .safetensors file beside it");
  return model_from_bytes(read_input(path), printable(path, 200));
}

Model model_from_bytes(std::string_view bytes, std::string_view source) {
  if (!is_safetensors(bytes)) return restored(from_onnx(bytes, source), source);
  StoredModel parts{safetensors_metadata(bytes, source), from_safetensors(bytes, source)};
  restore_names(parts, source);
  return restored(parts, source);
}

}  // namespace frontier
