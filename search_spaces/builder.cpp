#include "search_spaces/builder.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace frontier {
namespace {

/// Output side of a layer with "same" padding: ceil(side / stride) for odd kernels.
Dim reduced(const Dim& side, int stride) { return stride == 1 ? side : (side + Dim(stride - 1)) / Dim(stride); }

/// Sum over the selected options of [this option is chosen] * its value.
Dim select(std::uint16_t decision, std::span<const Dim> values) {
  if (std::all_of(values.begin(), values.end(), [&](const Dim& v) { return v == values.front(); }))
    return values.front();
  Dim result = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<std::int64_t> chosen(values.size(), 0);
    chosen[i] = 1;
    result = result + Dim(decision, std::move(chosen)) * values[i];
  }
  return result;
}

}  // namespace

Builder::Builder(const InputShape& input) {
  Layer layer;
  layer.name = "input";
  layer.output = {input.channels, input.height, input.width};
  input_ = emit(std::move(layer), {});
}

Builder::Builder(const InputShape& input, const std::unordered_map<std::string, std::uint16_t>& index,
                 const Selection& selection)
    : Builder(input) {
  index_ = &index;
  selection_ = &selection;
}

Builder::Scope::Scope(Builder& builder, std::string_view name) : builder_(builder), length_(builder.prefix_.size()) {
  builder.prefix_.append(name).append(".");
}
Builder::Scope::~Scope() { builder_.prefix_.resize(length_); }

std::uint16_t Builder::decide(std::string_view name, std::vector<std::string> options) {
  const std::string full = full_name(name);
  if (index_) {
    const auto it = index_->find(full);
    if (it == index_->end()) throw std::logic_error("decision '" + full + "' was not met when everything was selected");
    return it->second;
  }
  const auto [it, inserted] = recorded_.try_emplace(full, static_cast<std::uint16_t>(decisions_.size()));
  if (inserted) {
    if (options.empty() || options.size() > 65535)
      throw std::logic_error("decision '" + full + "' has no options or too many");
    decisions_.push_back({full, std::move(options)});
    activity_.push_back(exists_);
  } else {
    if (decisions_[it->second].options != options)
      throw std::logic_error("decision '" + full + "' is declared twice with different options");
    activity_[it->second] = Dim::either(activity_[it->second], exists_);
  }
  return it->second;
}

std::span<const std::uint16_t> Builder::selected(std::uint16_t decision) const {
  return (*selection_)[decision].options;
}

Dim Builder::choose(std::string_view name, const std::vector<std::int64_t>& options) {
  std::vector<std::string> labels;
  if (!index_)
    for (const auto option : options) labels.push_back(std::to_string(option));
  const std::uint16_t decision = decide(name, std::move(labels));
  if (!index_) return Dim(decision, options);
  const auto chosen = selected(decision);
  if (chosen.size() == 1) return options.at(chosen.front());
  std::vector<std::int64_t> values;
  for (const auto option : chosen) values.push_back(options.at(option));
  return Dim(decision, std::move(values));
}

Signal Builder::merge(std::uint16_t decision, std::span<const Signal> candidates) {
  if (candidates.size() == 1) return candidates.front();
  std::vector<Dim> channels, heights, widths;
  for (const auto& candidate : candidates) {
    channels.push_back(candidate.shape.channels);
    heights.push_back(candidate.shape.height);
    widths.push_back(candidate.shape.width);
  }
  Layer layer;
  layer.kind = LayerKind::kMix;
  layer.decision = decision;
  layer.output = {select(decision, channels), select(decision, heights), select(decision, widths)};
  return emit(std::move(layer), std::vector<Signal>(candidates.begin(), candidates.end()));
}

Signal Builder::mix(std::string_view name, Signal x, const std::vector<Branch>& branches) {
  std::vector<std::string> labels;
  if (!index_)
    for (const auto& branch : branches) labels.push_back(branch.label);
  const std::uint16_t decision = decide(name, std::move(labels));
  std::vector<std::uint16_t> all(branches.size());
  std::iota(all.begin(), all.end(), std::uint16_t{0});
  const std::span<const std::uint16_t> chosen = index_ ? selected(decision) : std::span<const std::uint16_t>(all);
  if (chosen.size() == 1) return branches.at(chosen.front()).layers(x);
  std::vector<Signal> outputs;
  const Dim outer = exists_;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    std::vector<std::int64_t> indicator(chosen.size(), 0);
    indicator[i] = 1;
    exists_ = outer * Dim(decision, std::move(indicator));
    outputs.push_back(branches.at(chosen[i]).layers(x));
  }
  exists_ = outer;
  return merge(decision, outputs);
}

Signal Builder::repeat(std::string_view name, const std::vector<std::int64_t>& depths, Signal x,
                       const std::function<Signal(int, Signal)>& body) {
  const Dim depth = choose(name, depths);
  if (depth.is_constant()) {
    for (int i = 0; i < depth.value(); ++i) x = body(i, x);
    return x;
  }
  std::vector<Signal> after{x};
  const Dim outer = exists_;
  for (int i = 0; i < depth.max(); ++i) {
    exists_ = outer * Dim::greater(depth, Dim(i));
    after.push_back(body(i, after.back()));
  }
  exists_ = outer;
  std::vector<Signal> candidates;
  for (const auto d : depth.values()) candidates.push_back(after.at(static_cast<std::size_t>(d)));
  return merge(depth.decisions().front(), candidates);
}

Signal Builder::emit(Layer layer, const std::vector<Signal>& inputs) {
  layer.exists = exists_;
  const bool has_weights =
      layer.kind == LayerKind::kConv || layer.kind == LayerKind::kBatchNorm || layer.kind == LayerKind::kLinear;
  if (!index_ && has_weights && ++layer_names_[layer.name] > 1)
    throw std::logic_error("two layers are named '" + layer.name + "'; give each its own scope");
  std::vector<NetworkGraph::Vertex> vertices;
  vertices.reserve(inputs.size());
  for (const auto& input : inputs) vertices.push_back(input.vertex);
  Shape shape = layer.output;
  return {graph_.add(std::move(layer), vertices), std::move(shape)};
}

Signal Builder::conv(std::string_view name, Signal x, const ConvSpec& spec) {
  Layer layer;
  layer.kind = LayerKind::kConv;
  layer.name = full_name(name);
  layer.output = {spec.out, reduced(x.shape.height, spec.stride), reduced(x.shape.width, spec.stride)};
  layer.kernel = spec.kernel;
  layer.groups = spec.groups;
  layer.stride = spec.stride;
  layer.dilation = spec.dilation;
  layer.bias = spec.bias;
  return emit(std::move(layer), {x});
}

Signal Builder::batch_norm(std::string_view name, Signal x) {
  Layer layer;
  layer.kind = LayerKind::kBatchNorm;
  layer.name = full_name(name);
  layer.output = x.shape;
  return emit(std::move(layer), {x});
}

Signal Builder::activation(Signal x, Activation activation) {
  Layer layer;
  layer.kind = LayerKind::kActivation;
  layer.activation = activation;
  layer.output = x.shape;
  return emit(std::move(layer), {x});
}

Signal Builder::linear(std::string_view name, Signal x, const Dim& out, bool bias) {
  Layer layer;
  layer.kind = LayerKind::kLinear;
  layer.name = full_name(name);
  layer.output = {out, 1, 1};
  layer.bias = bias;
  return emit(std::move(layer), {x});
}

Signal Builder::global_pool(Signal x) {
  Layer layer;
  layer.kind = LayerKind::kGlobalPool;
  layer.output = {x.shape.channels, 1, 1};
  return emit(std::move(layer), {x});
}

Signal Builder::pool(LayerKind kind, Signal x, int kernel, int stride) {
  Layer layer;
  layer.kind = kind;
  layer.kernel = kernel;
  layer.stride = stride;
  layer.output = {x.shape.channels, reduced(x.shape.height, stride), reduced(x.shape.width, stride)};
  return emit(std::move(layer), {x});
}

Signal Builder::average_pool(Signal x, int kernel, int stride) {
  return pool(LayerKind::kAveragePool, x, kernel, stride);
}
Signal Builder::max_pool(Signal x, int kernel, int stride) { return pool(LayerKind::kMaxPool, x, kernel, stride); }

Signal Builder::add(Signal a, Signal b) {
  if (!(a.shape == b.shape)) throw std::logic_error("add at '" + prefix_ + "': the two inputs differ in shape");
  Layer layer;
  layer.kind = LayerKind::kAdd;
  layer.output = a.shape;
  return emit(std::move(layer), {a, b});
}

Signal Builder::residual(Signal x, Signal y) {
  const Dim same = Dim::equal(x.shape.channels, y.shape.channels) * Dim::equal(x.shape.height, y.shape.height) *
                   Dim::equal(x.shape.width, y.shape.width);
  if (same.max() == 0) return y;
  Layer layer;
  layer.kind = LayerKind::kAdd;
  layer.output = y.shape;
  const Dim outer = exists_;
  exists_ = outer * same;
  Signal sum = emit(std::move(layer), {x, y});
  exists_ = outer;
  return sum;
}

Signal Builder::multiply(Signal x, Signal gate) {
  Layer layer;
  layer.kind = LayerKind::kMultiply;
  layer.output = x.shape;
  return emit(std::move(layer), {x, gate});
}

Signal Builder::concat(const std::vector<Signal>& inputs) {
  Layer layer;
  layer.kind = LayerKind::kConcat;
  layer.output = inputs.at(0).shape;
  for (std::size_t i = 1; i < inputs.size(); ++i)
    layer.output.channels = layer.output.channels + inputs[i].shape.channels;
  return emit(std::move(layer), inputs);
}

Signal Builder::truncate(Signal x, const Dim& channels) {
  if (channels == x.shape.channels) return x;
  if (Dim::greater(channels, x.shape.channels).max() > 0)
    throw std::logic_error("truncate at '" + prefix_ + "': more channels asked for than the input has");
  Layer layer;
  layer.kind = LayerKind::kTruncate;
  layer.output = {channels, x.shape.height, x.shape.width};
  return emit(std::move(layer), {x});
}

Signal Builder::zero(Signal x, const Dim& channels, int stride) {
  Layer layer;
  layer.kind = LayerKind::kZero;
  layer.stride = stride;
  layer.output = {channels, reduced(x.shape.height, stride), reduced(x.shape.width, stride)};
  return emit(std::move(layer), {x});
}

Signal Builder::conv_bn(std::string_view name, Signal x, const ConvSpec& spec) {
  return batch_norm(std::string(name) + ".bn", conv(name, x, spec));
}

Signal Builder::conv_bn(std::string_view name, Signal x, const ConvSpec& spec, Activation act) {
  return activation(conv_bn(name, x, spec), act);
}

Signal Builder::squeeze_excite(std::string_view name, Signal x, const Dim& hidden, Activation gate) {
  auto inner = scope(name);
  Signal s = global_pool(x);
  s = activation(conv("reduce", s, {.out = hidden, .bias = true}), Activation::kReLU);
  s = activation(conv("expand", s, {.out = x.shape.channels, .bias = true}), gate);
  return multiply(x, s);
}

Signal Builder::inverted_residual(Signal x, const InvertedResidual& block) {
  const Dim hidden = x.shape.channels * block.expansion;
  const bool expands = !(block.expansion.is_constant() && block.expansion.value() == 1);
  Signal y = expands ? conv_bn("expand", x, {.out = hidden}, block.activation) : x;
  y = conv_bn("depthwise", y, {.out = hidden, .kernel = block.kernel, .stride = block.stride, .groups = hidden},
              block.activation);
  if (block.after_depthwise) y = block.after_depthwise(y);
  return conv_bn("project", y, {.out = block.out});
}

NetworkGraph Builder::finish(Signal output) {
  graph_.set_output(output.vertex);
  return std::move(graph_);
}

}  // namespace frontier
