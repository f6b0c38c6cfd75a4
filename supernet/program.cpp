#include "supernet/program.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/text.h"
#include "search_spaces/cost.h"
#include "supernet/second_derivative.h"

namespace frontier {

void BatchNormStatistics::add(NetworkGraph::Vertex layer, const at::Tensor& mean, const at::Tensor& variance) {
  Entry& entry = entries_[layer];
  if (entry.batches == 0) {
    entry = {mean, variance, 1};
    return;
  }
  // Moments of the union of `batches` batches and one more of the same size.
  const double old_share = static_cast<double>(entry.batches) / (entry.batches + 1);
  const at::Tensor difference = mean - entry.mean;
  entry.variance =
      entry.variance * old_share + variance * (1 - old_share) + difference * difference * (old_share * (1 - old_share));
  entry.mean = entry.mean + difference * (1 - old_share);
  ++entry.batches;
}

const BatchNormStatistics::Entry& BatchNormStatistics::at(NetworkGraph::Vertex layer) const {
  const auto it = entries_.find(layer);
  if (it == entries_.end()) throw std::logic_error("batch-norm statistics were not calibrated for this network");
  return it->second;
}

const LayerFunction& layer_function(const LayerKind& kind) {
  const auto all = layer_functions();
  const auto it =
      std::lower_bound(all.begin(), all.end(), kind.name,
                       [](const LayerFunction* function, std::string_view name) { return function->name < name; });
  if (it == all.end() || (*it)->name != kind.name)
    throw std::logic_error("nothing computes layers of kind '" + std::string(kind.name) + "'");
  return **it;
}

namespace {

using Vertex = NetworkGraph::Vertex;

struct Step {
  const LayerFunction* function = nullptr;
  std::vector<BoundLayer> chain;
  std::vector<Vertex> inputs;
  std::vector<Vertex> last_uses;  ///< values that no later step reads
  std::vector<at::Tensor> folded;
  Vertex value() const { return chain.back().vertex; }
};

/// What a soft layer multiplies with is physical: its cost is an expectation, not what runs.
bool is_decided(const NetworkGraph& graph, Vertex v) {
  const Layer& layer = graph[v];
  const auto decided = [](const Shape& s) {
    return s.channels.is_constant() && s.height.is_constant() && s.width.is_constant();
  };
  const auto shapes = graph.input_shapes(v);
  const auto attributes = layer.attributes.entries();
  return layer.exists.is_constant() && decided(layer.output) &&
         std::all_of(shapes.begin(), shapes.end(), [&](const Shape* s) { return decided(*s); }) &&
         std::all_of(attributes.begin(), attributes.end(), [](const auto& a) { return a.value.is_constant(); });
}

/// cuDNN would copy weights that are not dense in every call: here it is once a program, for both passes. What is dense
/// begins anywhere in the bank, and kernels that load vectors of 16 bytes end with a misaligned address there.
at::Tensor packed(const at::Tensor& weight) {
  if (!weight.is_cuda()) return weight;
  const auto format = weight.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  constexpr std::uintptr_t kVector = 16;
  const at::Tensor dense = weight.contiguous(format);
  return reinterpret_cast<std::uintptr_t>(dense.data_ptr()) % kVector == 0 ? dense : dense.clone(format);
}

}  // namespace

struct Program::State {
  const NetworkGraph& graph;
  const WeightBank& bank;
  RunSpec spec;
  std::vector<Vertex> outputs;
  std::vector<Step> steps;
  std::vector<int> readers;                       ///< how many steps and outputs read each vertex
  std::vector<std::pair<Dim, at::Tensor>> masks;  ///< of a soft network's dimensions
  std::optional<std::int64_t> encoded_macs = 0;

  State(const NetworkGraph& g, const WeightBank& b, const RunSpec& s, std::span<const Vertex> wanted)
      : graph(g), bank(b), spec(s), outputs(wanted.begin(), wanted.end()), readers(g.size()) {
    if ((spec.norm == Norm::kCollect || spec.norm == Norm::kStored) && spec.statistics == nullptr)
      throw std::logic_error("collected and stored norms need a place for batch-norm statistics");
    count_readers();
    std::vector<bool> done(graph.size());
    for (Vertex v = 0; v < graph.size(); ++v)
      if (readers[v] > 0 && !done[v]) add_step(v, done);
    find_last_uses();
  }

  /// Backwards from the outputs, so that layers nobody needs are not run.
  void count_readers() {
    for (const Vertex output : outputs) ++readers[output];
    for (Vertex v = graph.size(); v-- > 0;) {
      if (readers[v] == 0) continue;
      for (const Vertex input : graph.inputs(v)) ++readers[input];
    }
  }

  std::optional<Vertex> sole_reader(Vertex v) const {
    if (readers[v] != 1) return std::nullopt;
    for (auto [edge, end] = boost::out_edges(v, graph.graph()); edge != end; ++edge)
      if (const Vertex target = boost::target(*edge, graph.graph()); readers[target] > 0)
        return graph.inputs(target).size() == 1 ? std::optional(target) : std::nullopt;
    return std::nullopt;  // read as an output
  }

  void add_step(Vertex v, std::vector<bool>& done) {
    Step step;
    step.function = &layer_function(*graph[v].kind);
    step.inputs = graph.inputs(v);
    step.chain.push_back(bind(v));
    while (step.function->absorbs && !tapped(step.value())) {
      const auto next = sole_reader(step.value());
      if (!next || tapped(*next) || !step.function->absorbs(step.chain, graph[*next], spec)) break;
      step.chain.push_back(bind(*next));
    }
    for (const BoundLayer& bound : step.chain) {
      done[bound.vertex] = true;
      if (encoded_macs && is_decided(graph, bound.vertex)) {
        *encoded_macs += layer_macs(graph, bound.vertex).value();
      } else {
        encoded_macs.reset();
      }
    }
    if (step.function->fold && spec.norm == Norm::kStored && spec.learn == Learn::kNothing)
      step.folded = step.function->fold({step.chain, {}, {}, spec});
    steps.push_back(std::move(step));
  }

  bool tapped(Vertex v) const { return spec.tap != nullptr && spec.tap->wants(v); }

  BoundLayer bind(Vertex v) {
    BoundLayer bound{v, &graph[v], {}, {}, {}};
    for (const ParameterSpec& parameter : parameters_of(graph, v)) {
      std::vector<std::int64_t> shape;
      for (const Dim& dim : parameter.shape) shape.push_back(spec.gates ? dim.max() : dim.value());
      bound.weights.push_back(weight(*bound.layer, parameter, shape));
    }
    if (!bound.layer->indicators.empty()) bound.input_weights = input_weights(*bound.layer);
    if (bound.layer->kind->masks)
      for (const Dim& dim : bound.layer->kind->masks(*bound.layer, graph.input_shapes(v)))
        bound.masks.push_back(mask(dim));
    return bound;
  }

  /// Many layers share a width: each is found once.
  at::Tensor mask(const Dim& dim) {
    if (dim.is_constant()) return {};
    const auto known = std::find_if(masks.begin(), masks.end(), [&](const auto& m) { return m.first == dim; });
    if (known != masks.end()) return known->second;
    if (spec.gates == nullptr) throw std::logic_error("a soft network ran without gates");
    masks.emplace_back(dim, gated(soft::prefix(dim, *spec.gates, dim.max())));
    return masks.back().second;
  }

  at::Tensor gated(const at::Tensor& x) const { return learns(spec.learn, Learn::kGates) ? x : x.detach(); }

  /// A slice of the bank, whose gradients go there where weights are learned.
  at::Tensor weight(const Layer& layer, const ParameterSpec& parameter, const std::vector<std::int64_t>& shape) {
    const Region region = bank.region(layer.name + "." + parameter.name, shape);
    const at::Tensor slice =
        learns(spec.learn, Learn::kWeights) ? learned(bank, region) : bank.layout().view(bank.values(), region);
    return packed(spec.view ? (*spec.view)(layer, parameter, slice) : slice);
  }

  /// Of a site's weights those of the layer's inputs, by slot.
  static at::Tensor of_inputs(const Layer& layer, const at::Tensor& weights) {
    if (weights.size(0) != static_cast<std::int64_t>(layer.site.inputs))
      throw std::logic_error("site '" + layer.site.name + "' has " + std::to_string(layer.site.inputs) +
                             " inputs, and " + std::to_string(weights.size(0)) + " weights");
    if (layer.site_inputs.size() == layer.site.inputs) return weights;
    const std::vector<std::int64_t> places(layer.site_inputs.begin(), layer.site_inputs.end());
    return weights.index_select(0, at::tensor(places, weights.options().dtype(at::kLong)));
  }

  at::Tensor input_weights(const Layer& layer) const {
    const bool hard = std::all_of(layer.indicators.begin(), layer.indicators.end(),
                                  [](const Dim& indicator) { return indicator.is_constant(); });
    if (!hard && spec.gates == nullptr) throw std::logic_error("a soft network ran without gates");
    if (const at::Tensor own = spec.gates ? spec.gates->site(layer.site.name) : at::Tensor(); own.defined())
      return gated(of_inputs(layer, own));
    return gated(soft::expectations(layer.indicators, spec.gates ? *spec.gates : Gates()));
  }

  void find_last_uses() {
    std::vector<bool> used(graph.size());
    for (const Vertex output : outputs) used[output] = true;
    for (std::size_t i = steps.size(); i-- > 0;)
      for (const Vertex input : steps[i].inputs) {
        if (!used[input]) steps[i].last_uses.push_back(input);
        used[input] = true;
      }
  }

  Forward run(const at::Tensor& images) const {
    c10::AutoGradMode grad_mode(spec.learn != Learn::kNothing);
    const DifferentiableTwice twice(spec.twice);
    std::vector<at::Tensor> values(graph.size());
    std::vector<at::Tensor> inputs;
    Forward result;
    for (const Step& step : steps) {
      inputs.clear();
      for (const Vertex input : step.inputs) inputs.push_back(values[input]);
      if (step.chain.front().vertex == 0) inputs.push_back(images);
      if (tapped(step.chain.front().vertex)) spec.tap->before(step.chain.front().vertex, inputs);
      const LayerCall call{step.chain, inputs, step.folded, spec};
      at::Tensor& y = values[step.value()];
      y = step.function->forward(call);
      if (step.function->macs && !call.layer().training_only) result.macs += step.function->macs(call, y);
      if (tapped(step.value())) y = spec.tap->after(step.value(), y);
      for (const Vertex value : step.last_uses) values[value].reset();
    }
    if (encoded_macs && result.macs != *encoded_macs)
      throw std::logic_error(std::to_string(result.macs) + " multiply-accumulates an image ran, the network has " +
                             std::to_string(*encoded_macs));
    for (const Vertex output : outputs) {
      at::Tensor y = values[output];
      if (y.dim() == 4 && y.size(2) == 1 && y.size(3) == 1) y = y.flatten(1);
      result.outputs.push_back(std::move(y));
    }
    return result;
  }
};

Program::Program(const NetworkGraph& graph, const WeightBank& bank, const RunSpec& spec,
                 std::span<const Vertex> outputs) {
  c10::AutoGradMode grad_mode(spec.learn != Learn::kNothing);  // for views and gates, which are bound once
  state_ = std::make_unique<State>(graph, bank, spec, outputs);
}
Program::Program(const NetworkGraph& graph, const WeightBank& bank, const RunSpec& spec)
    : Program(graph, bank, spec, std::vector<Vertex>{graph.output()}) {}
Program::~Program() = default;
Program::Program(Program&&) noexcept = default;

Forward Program::operator()(const at::Tensor& images) const { return state_->run(images); }

std::size_t Program::num_steps() const { return state_->steps.size(); }

Forward run(const NetworkGraph& graph, const WeightBank& bank, const at::Tensor& images, const RunSpec& spec) {
  return Program(graph, bank, spec)(images);
}

}  // namespace frontier
