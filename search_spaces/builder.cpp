#include "search_spaces/builder.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>

namespace frontier {
namespace {

/// Output side of a layer with "same" padding: ceil(side / stride) for odd kernels.
Dim reduced(const Dim& side, int stride) { return stride == 1 ? side : (side + Dim(stride - 1)) / Dim(stride); }

/// 1 where `a` divides `b`.
Dim divides(const Dim& a, const Dim& b) { return Dim::equal(b / a * a, b); }
/// Whether a condition (0 or 1) holds for any of the selected options.
bool somewhere(const Dim& condition) { return condition.max() != 0; }

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
  const std::string full = name.starts_with('/') ? std::string(name.substr(1)) : full_name(name);
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

/// The selected options' values.
template <class ValueOf>
Dim Builder::values_of(std::uint16_t decision, std::size_t num_options, const ValueOf& value_of) const {
  if (index_ && selected(decision).size() == 1) return Dim(value_of(selected(decision).front()));
  std::vector<std::int64_t> values;
  if (index_) {
    for (const auto option : selected(decision)) values.push_back(value_of(option));
  } else {
    for (std::size_t option = 0; option < num_options; ++option) values.push_back(value_of(option));
  }
  return Dim(decision, values);
}

Dim Builder::choose(std::string_view name, const std::vector<std::int64_t>& options) {
  std::vector<std::string> labels;
  if (!index_)
    for (const auto option : options) labels.push_back(std::to_string(option));
  return values_of(decide(name, std::move(labels)), options.size(), [&](std::size_t i) { return options.at(i); });
}

Dim Builder::choose(std::string_view name, const std::vector<LabelledValue>& options) {
  std::vector<std::string> labels;
  if (!index_)
    for (const auto& option : options) labels.push_back(option.label);
  return values_of(decide(name, std::move(labels)), options.size(), [&](std::size_t i) { return options.at(i).value; });
}

void Builder::require(const Dim& condition, std::string_view message) {
  if (index_) return;
  const Dim holds = Dim::either(condition, Dim::equal(exists_, 0));
  if (!holds.is_constant() || holds.value() == 0) constraints_.push_back({holds, prefix_ + std::string(message)});
}

Signal Builder::when(const Dim& condition, Signal x, const std::function<Signal(Signal)>& layers) {
  if (condition.is_constant()) return condition.value() != 0 ? layers(x) : x;
  if (index_) throw std::logic_error("layers at '" + prefix_ + "' depend on a dimension that is not decided");
  const Dim holds = Dim::either(condition, 0), outer = exists_;
  exists_ = outer * holds;
  Signal y = layers(x);
  exists_ = outer;
  const auto either_of = [&](const Dim& with, const Dim& without) {
    return with == without ? with : holds * with + (Dim(1) - holds) * without;
  };
  y.shape = {either_of(y.shape.channels, x.shape.channels), either_of(y.shape.height, x.shape.height),
             either_of(y.shape.width, x.shape.width)};
  return y;
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
  for (const Dim& d : depth.branches()) candidates.push_back(after.at(static_cast<std::size_t>(d.value())));
  return merge(depth.first_decision(), candidates);
}

Signal Builder::sum_of(std::string_view name, std::size_t count, const std::vector<Term>& terms) {
  std::vector<std::vector<int>> subsets;  // of `count` terms, in lexicographic order
  std::vector<int> subset(count);
  std::iota(subset.begin(), subset.end(), 0);
  const int n = static_cast<int>(terms.size());
  for (bool more = count > 0 && count <= terms.size(); more;) {
    subsets.push_back(subset);
    more = false;
    for (std::size_t i = count; i-- > 0 && !more;) {
      if (subset[i] == n - static_cast<int>(count - i)) continue;
      more = true;
      ++subset[i];
      for (std::size_t k = i + 1; k < count; ++k) subset[k] = subset[k - 1] + 1;
    }
  }
  if (subsets.empty()) throw std::logic_error("a sum at '" + prefix_ + "' takes more terms than there are, or none");
  std::vector<std::uint16_t> chosen{0};
  std::uint16_t decision = 0;
  if (subsets.size() > 1) {
    std::vector<std::string> labels;
    if (!index_)
      for (const auto& members : subsets) {
        std::string label;
        for (const int member : members)
          label += (label.empty() ? "" : "+") + terms[static_cast<std::size_t>(member)].label;
        labels.push_back(std::move(label));
      }
    decision = decide(name, std::move(labels));
    chosen.resize(subsets.size());
    std::iota(chosen.begin(), chosen.end(), std::uint16_t{0});
    if (index_) chosen.assign(selected(decision).begin(), selected(decision).end());
  }
  std::vector<Signal> signals;
  std::vector<int> place(terms.size(), -1);
  const Dim outer = exists_;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    std::vector<std::int64_t> contains;
    for (const auto option : chosen)
      contains.push_back(std::count(subsets[option].begin(), subsets[option].end(), static_cast<int>(t)));
    const Dim taken(decision, contains);
    if (taken.max() == 0) continue;
    exists_ = outer * taken;
    place[t] = static_cast<int>(signals.size());
    signals.push_back(terms[t].layers());
  }
  exists_ = outer;
  if (chosen.size() == 1) return sum(signals);
  Layer layer;
  layer.kind = LayerKind::kMix;
  layer.decision = decision;
  layer.output = signals.front().shape;
  for (const auto option : chosen) {
    layer.members.emplace_back();
    for (const int member : subsets[option]) layer.members.back().push_back(place[static_cast<std::size_t>(member)]);
  }
  return emit(std::move(layer), signals);
}

Signal Builder::emit(Layer layer, const std::vector<Signal>& inputs) {
  layer.exists = exists_;
  layer.training_only = training_only_;
  if (!training_only_)
    for (const auto& input : inputs) require_kept(input);
  if (!index_ && has_weights(layer) && ++layer_names_[layer.name] > 1)
    throw std::logic_error("two layers are named '" + layer.name + "'; give each its own scope");
  std::vector<NetworkGraph::Vertex> vertices;
  vertices.reserve(inputs.size());
  for (const auto& input : inputs) vertices.push_back(vertex_of(input));
  Shape shape = layer.output;
  return {graph_.add(std::move(layer), vertices), std::move(shape)};
}

NetworkGraph::Vertex Builder::vertex_of(const Signal& signal) {
  if (!signal.is_zero) return signal.vertex;
  Layer layer;
  layer.kind = LayerKind::kZero;
  layer.output = signal.shape;
  return emit(std::move(layer), {{.vertex = signal.vertex, .shape = signal.shape}}).vertex;
}

Signal Builder::conv(std::string_view name, Signal x, const ConvSpec& spec) {
  Layer layer;
  layer.kind = LayerKind::kConv;
  layer.name = full_name(name);
  const auto side = [&](const Dim& in) {
    const bool even = spec.kernel.is_constant() && spec.kernel.value() % 2 == 0;
    return even ? (in - spec.kernel) / Dim(spec.stride) + Dim(1) : reduced(in, spec.stride);
  };
  layer.output = {spec.out, side(x.shape.height), side(x.shape.width)};
  layer.kernel = spec.kernel;
  layer.groups = spec.groups;
  layer.stride = spec.stride;
  layer.dilation = spec.dilation;
  layer.bias = spec.bias;
  return emit(std::move(layer), {x});
}

Signal Builder::norm(LayerKind kind, std::string_view name, Signal x) {
  Layer layer;
  layer.kind = kind;
  layer.name = full_name(name);
  layer.output = x.shape;
  return emit(std::move(layer), {x});
}

Signal Builder::batch_norm(std::string_view name, Signal x) { return norm(LayerKind::kBatchNorm, name, x); }
Signal Builder::layer_norm(std::string_view name, Signal x) { return norm(LayerKind::kLayerNorm, name, x); }

Signal Builder::attention(std::string_view name, Signal q, Signal k, Signal v, const AttentionSpec& spec) {
  const std::string where = "attention '" + full_name(name) + "': ";
  const auto same_sides = [](const Shape& a, const Shape& b) { return a.height == b.height && a.width == b.width; };
  if (!(q.shape == k.shape) || !same_sides(k.shape, v.shape))
    throw std::logic_error(where + "queries, keys and values differ in shape");
  if (!somewhere(divides(spec.heads, q.shape.channels) * divides(spec.heads, v.shape.channels)))
    throw std::logic_error(where + "the heads do not divide the channels");
  Layer layer;
  layer.kind = LayerKind::kAttention;
  layer.name = full_name(name);
  layer.output = {v.shape.channels, q.shape.height, q.shape.width};
  layer.heads = spec.heads;
  layer.position = spec.position;
  if (spec.position == Position::kRelative) {
    const Dim tokens = spec.grid_height * spec.grid_width + 1;
    if (!somewhere(Dim::equal(tokens, q.shape.height * q.shape.width)) || spec.max_distance < 1)
      throw std::logic_error(where +
                             "relative positions need a class token, the sides of the grid of tokens behind it" +
                             " and a distance of at least 1");
    layer.grid_height = spec.grid_height;
    layer.grid_width = spec.grid_width;
    layer.max_distance = spec.max_distance;
  }
  return emit(std::move(layer), {q, k, v});
}

Signal Builder::tokens(std::string_view name, Signal x) {
  Layer layer;
  layer.kind = LayerKind::kTokens;
  layer.name = full_name(name);
  layer.output = {x.shape.channels, x.shape.height * x.shape.width + 1, 1};
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

Signal Builder::token_pool(Signal x, int skip) {
  if (skip < 0 || !somewhere(Dim::greater(x.shape.height, skip)) || !somewhere(Dim::equal(x.shape.width, 1)))
    throw std::logic_error("token_pool at '" + prefix_ + "': the input is no sequence of more than " +
                           std::to_string(skip) + " tokens");
  Layer layer;
  layer.kind = LayerKind::kGlobalPool;
  layer.skip_tokens = skip;
  layer.output = {x.shape.channels, 1, 1};
  return emit(std::move(layer), {x});
}

Signal Builder::resize(Signal x, const Dim& height, const Dim& width) {
  if (x.shape.height == height && x.shape.width == width) return x;
  Layer layer;
  layer.kind = LayerKind::kResize;
  layer.output = {x.shape.channels, height, width};
  return emit(std::move(layer), {x});
}

Signal Builder::shift(Signal x) {
  Layer layer;
  layer.kind = LayerKind::kShift;
  layer.output = x.shape;
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

Signal Builder::sum(const std::vector<Signal>& terms) {
  std::optional<Signal> total;
  for (const auto& term : terms) {
    if (term.is_zero) continue;
    total = total ? add(*total, term) : term;
  }
  return total ? *total : terms.at(0);
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
  if (!somewhere(1 - Dim::greater(channels, x.shape.channels)))
    throw std::logic_error("truncate at '" + prefix_ + "': more channels asked for than the input has");
  Layer layer;
  layer.kind = LayerKind::kTruncate;
  layer.output = {channels, x.shape.height, x.shape.width};
  return emit(std::move(layer), {x});
}

Signal Builder::zero(Signal x, const Dim& channels, int stride) {
  return {x.vertex, {channels, reduced(x.shape.height, stride), reduced(x.shape.width, stride)}, true};
}

Signal Builder::conv_bn(std::string_view name, Signal x, const ConvSpec& spec) {
  return batch_norm(std::string(name) + ".bn", conv(name, x, spec));
}

Signal Builder::conv_bn(std::string_view name, Signal x, const ConvSpec& spec, Activation act) {
  return activation(conv_bn(name, x, spec), act);
}

Signal Builder::relu_conv_bn(std::string_view name, Signal x, const ConvSpec& spec) {
  return conv_bn(name, activation(x, Activation::kReLU), spec);
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

void Builder::require_kept(Signal x) const {
  if (graph_[x.vertex].training_only)
    throw std::logic_error("a layer at '" + prefix_ +
                           "' reads a layer of an auxiliary output, which is for training alone");
}

void Builder::auxiliary(double weight, const std::function<Signal()>& head) {
  if (training_only_) throw std::logic_error("auxiliary at '" + prefix_ + "' is within another");
  training_only_ = true;
  const Signal logits = head();
  training_only_ = false;
  if (!graph_[logits.vertex].training_only)
    throw std::logic_error("auxiliary at '" + prefix_ + "' has no layers of its own");
  graph_.add_auxiliary(logits.vertex, weight);
}

NetworkGraph Builder::finish(Signal output) {
  require_kept(output);
  graph_.set_output(vertex_of(output));
  return std::move(graph_);
}

}  // namespace frontier
