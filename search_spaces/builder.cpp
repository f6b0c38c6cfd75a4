#include "search_spaces/builder.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

namespace frontier {
Builder::Builder(const InputShape& input) {
  input_ =
      layer("input", "input", {}, {{"channels", input.channels}, {"height", input.height}, {"width", input.width}});
}

Builder::Builder(const InputShape& input, const std::unordered_map<std::string, std::uint16_t>& index,
                 const Selection& selection)
    : Builder(input) {
  index_ = &index;
  selection_ = &selection;
  soft_ = !selection.is_hard();
}

Builder::Scope::Scope(Builder& builder, std::string_view name) : builder_(builder), length_(builder.prefix_.size()) {
  builder.prefix_.append(name).append(".");
}
Builder::Scope::~Scope() { builder_.prefix_.resize(length_); }

std::uint16_t Builder::decide(Decision decision) {
  decision.name = place_name(decision.name);
  if (index_) {
    const auto it = index_->find(decision.name);
    if (it == index_->end())
      throw std::logic_error("decision '" + decision.name + "' was not met when everything was selected");
    check_combine(decision, it->second);
    return it->second;
  }
  const auto [it, inserted] = recorded_.try_emplace(decision.name, static_cast<std::uint16_t>(decisions_.size()));
  if (inserted) {
    if (decision.options.empty() || decision.options.size() > 65535)
      throw std::logic_error("decision '" + decision.name + "' has no options or too many");
    decisions_.push_back(std::move(decision));
    activity_.push_back(exists_);
  } else {
    const Decision& known = decisions_[it->second];
    if (known.options != decision.options || known.kind != decision.kind)
      throw std::logic_error("decision '" + decision.name + "' is declared twice with different options or kinds");
    activity_[it->second] = Dim::either(activity_[it->second], exists_);
  }
  return it->second;
}

/// Options are combined as their kind can be: outputs are added, numbers are masked, widths may be interpolated.
void Builder::check_combine(const Decision& decision, std::uint16_t index) const {
  const SelectedOptions& chosen = (*selection_)[index];
  const Combine usual = usual_combine(decision.kind);
  if (chosen.options.size() == 1 || chosen.combine == usual) return;
  const std::string place =
      "decision '" + decision.name + "' selects " + std::to_string(chosen.options.size()) + " options, combined by ";
  if (chosen.combine == Combine::kInterpolate) {
    if (decision.kind == DecisionKind::kWidth) return;  // whether it has layers for that shows behind
    throw std::logic_error(place + "interpolation, which is for widths; combine " +
                           (usual == Combine::kMask ? "other numbers by masks" : "layers by a sum"));
  }
  if (usual == Combine::kMask)
    throw std::logic_error(place + "a sum, but they are numbers and have no outputs to add; combine them by masks");
  throw std::logic_error(place + "masks, but they are layers; combine them by a sum");
}

std::string Builder::decision_name(std::uint16_t decision) const {
  if (!index_) return decisions_.at(decision).name;
  return std::find_if(index_->begin(), index_->end(), [&](const auto& e) { return e.second == decision; })->first;
}

std::string Builder::name_of(std::uint16_t decision) const { return "decision '" + decision_name(decision) + "'"; }

std::vector<std::uint16_t> Builder::selected(std::uint16_t decision, std::size_t num_options) const {
  if (index_) return (*selection_)[decision].options;
  std::vector<std::uint16_t> all(num_options);
  std::iota(all.begin(), all.end(), std::uint16_t{0});
  return all;
}

/// The selected options' values. Where one is selected and gated, what the others would give is not there: 0.
template <class ValueOf>
Dim Builder::values_of(std::uint16_t decision, std::size_t num_options, const ValueOf& value_of) const {
  if (is_hard(decision)) return Dim(value_of((*selection_)[decision].options.front()));
  const std::vector<std::uint16_t> options = selected(decision, num_options);
  std::vector<std::int64_t> values;
  if (options.size() == 1) {
    values.assign(num_options, 0);
    values[options.front()] = value_of(options.front());
  } else {
    for (const auto option : options) values.push_back(value_of(option));
  }
  return Dim(decision, values);
}

Dim Builder::indicator(std::uint16_t decision, std::size_t num_options, std::size_t option) const {
  return values_of(decision, num_options, [&](std::size_t i) { return std::int64_t{i == option}; });
}

Dim Builder::choose(std::string_view name, const std::vector<std::int64_t>& options, DecisionKind kind) {
  const std::uint16_t decision = decide_number(name, labelled(options), kind);
  return values_of(decision, options.size(), [&](std::size_t i) { return options.at(i); });
}

Dim Builder::choose(std::string_view name, const std::vector<LabelledValue>& options, DecisionKind kind) {
  const std::uint16_t decision = decide_number(name, options, kind);
  return values_of(decision, options.size(), [&](std::size_t i) { return options.at(i).value; });
}

std::vector<LabelledValue> Builder::labelled(const std::vector<std::int64_t>& options) const {
  std::vector<LabelledValue> labelled;
  for (const auto option : options) labelled.push_back({index_ ? "" : std::to_string(option), option});
  return labelled;
}

std::uint16_t Builder::decide_number(std::string_view name, const std::vector<LabelledValue>& options,
                                     DecisionKind kind) {
  Decision declared{std::string(name), {}, kind};
  // What a decision about layers means for one place is no value of its options.
  const bool numbers = kind != DecisionKind::kBranch && kind != DecisionKind::kSubset;
  if (!index_)
    for (const auto& option : options) {
      declared.options.push_back(option.label);
      if (numbers) declared.values.push_back(option.value);
    }
  const std::uint16_t decision = decide(std::move(declared));
  num_options_[decision] = options.size();
  return decision;
}

void Builder::require(const Dim& condition, std::string_view message) {
  if (index_) return;
  const Dim holds = Dim::either(condition, Dim::equal(exists_, 0));
  if (!holds.is_constant() || holds.value() == 0) constraints_.push_back({holds, prefix_ + std::string(message)});
}

Signal Builder::when(std::string_view name, const Dim& condition, Signal x,
                     const std::function<Signal(Signal)>& layers) {
  if (condition.is_constant()) return condition.value() != 0 ? layers(x) : x;
  const Dim holds = Dim::either(condition, 0), outer = exists_;
  exists_ = outer * holds;
  const Signal y = layers(x);
  exists_ = outer;
  if (y.vertex == x.vertex && y.is_zero == x.is_zero) return x;  // no layers: decisions alone
  Candidates candidates;
  candidates.add(0, y, holds);
  candidates.add(1, x, Dim(1) - holds);
  return mixed({place_name(name), 2}, std::move(candidates));
}

void Builder::Candidates::add(std::uint16_t input, Signal signal, Dim indicator) {
  inputs.push_back(input);
  signals.push_back(std::move(signal));
  indicators.push_back(std::move(indicator));
}

/// Of terms that are all added: zeros add nothing. The last stays where there is nothing else.
Builder::Candidates Builder::without_zeros(const Candidates& terms) {
  Candidates kept;
  for (std::size_t i = 0; i < terms.signals.size(); ++i)
    if (!terms.signals[i].is_zero || (kept.signals.empty() && i + 1 == terms.signals.size()))
      kept.add(terms.inputs[i], terms.signals[i], terms.indicators[i]);
  return kept;
}

/// Those of the candidates whose indicators are 1: a weighted sum in a soft network.
Signal Builder::mixed(Site site, Candidates candidates, std::string_view kind) {
  const auto [known, inserted] = site_inputs_.try_emplace(site.name, site.inputs);
  if (!inserted && known->second != site.inputs)
    throw std::logic_error("site '" + site.name + "' is met with " + std::to_string(known->second) + " and with " +
                           std::to_string(site.inputs) + " inputs");
  Layer layer;
  layer.kind = &layer_kind(kind);
  layer.indicators = std::move(candidates.indicators);
  layer.site = std::move(site);
  layer.site_inputs = std::move(candidates.inputs);
  return emit(std::move(layer), std::move(candidates.signals));
}

Signal Builder::mix(std::string_view name, Signal x, const std::vector<Branch>& branches, const MixOptions& options) {
  if (options.partial != 1)
    return partial_mix(x, options.partial, [&](Signal part) { return mix(name, part, branches); });
  Decision declared{std::string(name), {}, DecisionKind::kBranch};
  if (!index_)
    for (const auto& branch : branches) declared.options.push_back(branch.label);
  const std::uint16_t decision = decide(std::move(declared));
  const auto chosen = selected(decision, branches.size());
  if (is_hard(decision) || branches.size() == 1) return branches.at(chosen.front()).layers(x);
  Candidates candidates;
  const Dim outer = exists_;
  for (const auto option : chosen) {
    const Dim taken = indicator(decision, branches.size(), option);
    exists_ = outer * taken;
    candidates.add(option, branches.at(option).layers(x), taken);
  }
  exists_ = outer;
  return mixed({place_name(name), branches.size()}, std::move(candidates));
}

Signal Builder::partial_mix(Signal x, std::int64_t partial, const std::function<Signal(Signal)>& layers) {
  const std::string place = "a mix of one in " + std::to_string(partial) + " channels at '" + prefix_ + "'";
  const Dim& channels = x.shape.channels;
  const Dim part = channels / Dim(partial);
  if (partial < 1 || !(part * Dim(partial) == channels))
    throw std::logic_error(place + ": that does not divide the channels");
  const Signal y = layers(slice(x, 0, part));
  Signal rest = slice(x, part, channels - part);
  const auto has_sides_of = [&](const Signal& other) {
    return other.shape.height == y.shape.height && other.shape.width == y.shape.width;
  };
  if (!has_sides_of(rest)) rest = max_pool(rest, 2, 2);
  if (!has_sides_of(rest) || !(y.shape.channels == part))
    throw std::logic_error(place + ": the branches neither keep the shape nor halve its sides");
  return channel_shuffle(concat({y, rest}), partial);
}

Signal Builder::repeat(std::string_view name, const std::vector<std::int64_t>& depths, Signal x,
                       const std::function<Signal(int, Signal)>& body) {
  const std::uint16_t decision = decide_number(name, labelled(depths), DecisionKind::kDepth);
  const Dim depth = values_of(decision, depths.size(), [&](std::size_t i) { return depths.at(i); });
  if (is_hard(decision) || depths.size() == 1) {
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
  Candidates candidates;
  for (const auto option : selected(decision, depths.size()))
    candidates.add(option, after.at(static_cast<std::size_t>(depths.at(option))),
                   indicator(decision, depths.size(), option));
  return mixed({place_name(name), depths.size()}, std::move(candidates));
}

Signal Builder::each_width(Signal x, const std::function<Signal(Signal, std::int64_t)>& layers) {
  const Dim& width = x.shape.channels;
  if (width.is_constant()) return layers(x, width.value());
  const std::uint16_t decision = width.first_decision();
  if (width.size() != 1)
    throw std::logic_error("layers of each width at '" + prefix_ + "': the width depends on more than one decision");
  const auto branches = width.branches();
  const auto chosen = selected(decision, branches.size());
  const bool interpolates = index_ && (*selection_)[decision].combine == Combine::kInterpolate;
  Candidates candidates;
  const Dim outer = exists_;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const std::int64_t channels = branches[branches.size() == chosen.size() ? i : chosen[i]].value();
    const Dim taken = indicator(decision, branches.size(), chosen[i]);
    exists_ = outer * taken;
    Signal y = layers(truncate(x, channels), channels);
    if (interpolates) y = layer("interpolate_channels", "", {y}, {{"channels", width}});
    candidates.add(chosen[i], y, taken);
  }
  exists_ = outer;
  return mixed({decision_name(decision), num_options_.at(decision)}, std::move(candidates));
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
  std::uint16_t decision = 0;
  bool decided = subsets.size() == 1;
  if (!decided) {
    Decision declared{std::string(name), {}, DecisionKind::kSubset};
    if (!index_)
      for (const auto& members : subsets) {
        std::string label;
        for (const int member : members)
          label += (label.empty() ? "" : "+") + terms[static_cast<std::size_t>(member)].label;
        declared.options.push_back(std::move(label));
      }
    decision = decide(std::move(declared));
    decided = is_hard(decision);
  }
  const auto contains = [&](std::size_t term) {
    return [&, term](std::size_t option) -> std::int64_t {
      return std::count(subsets[option].begin(), subsets[option].end(), static_cast<int>(term));
    };
  };
  Candidates candidates;
  const Dim outer = exists_;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Dim taken = subsets.size() == 1 ? Dim(1) : values_of(decision, subsets.size(), contains(t));
    if (taken.max() == 0) continue;
    exists_ = outer * taken;
    candidates.add(static_cast<std::uint16_t>(t), terms[t].layers(), taken);
  }
  exists_ = outer;
  if (decided && index_ && !soft_) return sum(candidates.signals);
  if (decided) candidates = without_zeros(candidates);
  return mixed({place_name(name), terms.size()}, std::move(candidates));
}

Signal Builder::emit(Layer layer, std::vector<Signal> inputs) {
  std::vector<const Shape*> shapes;
  shapes.reserve(inputs.size());
  for (const Signal& input : inputs) shapes.push_back(&input.shape);
  bool zero_beyond = true;
  try {
    layer.output = layer.kind->output(layer, shapes);
    if (soft_) zero_beyond = soften(layer, inputs);
  } catch (const std::logic_error& error) {
    throw std::logic_error(std::string(layer.kind->name) + " '" + (layer.name.empty() ? prefix_ : layer.name) +
                           "': " + error.what());
  }
  layer.exists = exists_;
  layer.training_only = training_only_;
  if (!training_only_)
    for (const Signal& input : inputs) require_kept(input);
  if (!index_ && layer.kind->parameters && !layer.kind->parameters(layer, shapes).empty() &&
      ++layer_names_[layer.name] > 1)
    throw std::logic_error("two layers are named '" + layer.name + "'; give each its own scope");
  std::vector<NetworkGraph::Vertex> vertices;
  vertices.reserve(inputs.size());
  for (const Signal& input : inputs) vertices.push_back(vertex_of(input));
  Shape shape = layer.output;
  zero_beyond_.push_back(zero_beyond);
  return {graph_.add(std::move(layer), vertices), std::move(shape)};
}

/// Puts masks in front of a layer of a soft network that needs them.
/// @returns whether it gives zeros beyond its width.
bool Builder::soften(const Layer& layer, std::vector<Signal>& inputs) {
  require_decided(layer.output.height, "height");
  require_decided(layer.output.width, "width");
  std::vector<const Shape*> shapes;
  for (const Signal& input : inputs) shapes.push_back(&input.shape);
  const Beyond beyond = layer.kind->beyond ? layer.kind->beyond(layer, shapes) : Beyond::kMixes;
  if (beyond == Beyond::kMixes || beyond == Beyond::kSums)
    for (Signal& input : inputs) input = masked(input);
  const auto is_zero = [&](const Signal& input) { return is_zero_beyond(input); };
  return beyond == Beyond::kSums || (beyond == Beyond::kKeeps && std::any_of(inputs.begin(), inputs.end(), is_zero));
}

void Builder::require_decided(const Dim& side, const char* what) const {
  if (!side.is_constant())
    throw std::logic_error(std::string("its ") + what + " depends on " + name_of(side.first_decision()) +
                           ", and a soft network runs at one size; select one option of it");
}

void Builder::require_maskable(const Dim& width) const {
  for (const auto decision : width.decisions()) {
    const SelectedOptions& chosen = (*selection_)[decision];
    if (chosen.combine == Combine::kInterpolate && chosen.options.size() > 1)
      throw std::logic_error(name_of(decision) +
                             " is combined by interpolation, but its widths have no layers (norms) of their own here; "
                             "combine it by masks");
  }
}

bool Builder::is_zero_beyond(const Signal& signal) const {
  return signal.is_zero || signal.shape.channels.is_constant() || zero_beyond_.at(signal.vertex);
}

/// The signal with zeros beyond its width.
Signal Builder::masked(Signal signal) {
  if (!soft_ || is_zero_beyond(signal)) return signal;
  require_maskable(signal.shape.channels);
  const auto known = masks_.find(signal.vertex);
  if (known != masks_.end()) return {known->second, signal.shape};
  const bool outer = std::exchange(training_only_, graph_[signal.vertex].training_only);
  const Signal mask = layer("mask", "", {signal});
  training_only_ = outer;
  zero_beyond_.at(mask.vertex) = true;
  masks_.emplace(signal.vertex, mask.vertex);
  return mask;
}

NetworkGraph::Vertex Builder::vertex_of(const Signal& signal) {
  if (!signal.is_zero) return signal.vertex;
  const Shape& shape = signal.shape;
  return layer("zero", "", {{.vertex = signal.vertex, .shape = shape}},
               {{"channels", shape.channels}, {"height", shape.height}, {"width", shape.width}})
      .vertex;
}

Signal Builder::layer(std::string_view kind, std::string_view name, const std::vector<Signal>& inputs,
                      Attributes attributes) {
  Layer layer;
  layer.kind = &layer_kind(kind);
  if (!name.empty()) layer.name = full_name(name);
  layer.attributes = std::move(attributes);
  return emit(std::move(layer), inputs);
}

Signal Builder::conv(std::string_view name, Signal x, const ConvSpec& spec) {
  return layer("conv", name, {x},
               {{"out", spec.out},
                {"kernel", spec.kernel},
                {"stride", spec.stride},
                {"groups", spec.groups},
                {"dilation", spec.dilation},
                {"bias", spec.bias}});
}
Signal Builder::batch_norm(std::string_view name, Signal x, bool affine) {
  return layer("batch_norm", name, {x}, {{"affine", affine}});
}
Signal Builder::layer_norm(std::string_view name, Signal x) { return layer("layer_norm", name, {x}); }
Signal Builder::attention(std::string_view name, Signal q, Signal k, Signal v, const AttentionSpec& spec) {
  const bool relative = spec.position == Position::kRelative;
  return layer("attention", name, {q, k, v},
               {{"heads", spec.heads},
                {"position", static_cast<int>(spec.position)},
                {"grid_height", relative ? spec.grid_height : Dim(0)},
                {"grid_width", relative ? spec.grid_width : Dim(0)},
                {"max_distance", relative ? spec.max_distance : 0}});
}
Signal Builder::tokens(std::string_view name, Signal x) { return layer("tokens", name, {x}); }
Signal Builder::activation(Signal x, Activation activation) {
  return layer("activation", "", {x}, {{"function", static_cast<int>(activation)}});
}
Signal Builder::linear(std::string_view name, Signal x, const Dim& out, bool bias) {
  return layer("linear", name, {x}, {{"out", out}, {"bias", bias}});
}
Signal Builder::global_pool(Signal x) { return layer("global_pool", "", {x}, {{"skip", 0}}); }
Signal Builder::token_pool(Signal x, int skip) { return layer("global_pool", "", {x}, {{"skip", skip}}); }
Signal Builder::resize(Signal x, const Dim& height, const Dim& width) {
  if (x.shape.height == height && x.shape.width == width) return x;
  return layer("resize", "", {x}, {{"height", height}, {"width", width}});
}
Signal Builder::shift(Signal x) { return layer("shift", "", {x}); }
Signal Builder::average_pool(Signal x, int kernel, int stride) {
  return layer("average_pool", "", {x}, {{"kernel", kernel}, {"stride", stride}});
}
Signal Builder::max_pool(Signal x, int kernel, int stride) {
  return layer("max_pool", "", {x}, {{"kernel", kernel}, {"stride", stride}});
}
Signal Builder::add(Signal a, Signal b) { return layer("add", "", {a, b}); }
Signal Builder::multiply(Signal x, Signal gate) { return layer("multiply", "", {x, gate}); }
Signal Builder::concat(const std::vector<Signal>& inputs) { return layer("concat", "", inputs); }
Signal Builder::truncate(Signal x, const Dim& channels) {
  return channels == x.shape.channels ? x : layer("truncate", "", {x}, {{"channels", channels}});
}

Signal Builder::sum(const std::vector<Signal>& terms) {
  std::optional<Signal> total;
  for (const auto& term : terms) {
    if (term.is_zero) continue;
    total = total ? add(*total, term) : term;
  }
  return total ? *total : terms.at(0);
}

Signal Builder::residual(Signal x, Signal y, std::string_view name) {
  const Dim same = Dim::equal(x.shape.channels, y.shape.channels) * Dim::equal(x.shape.height, y.shape.height) *
                   Dim::equal(x.shape.width, y.shape.width);
  if (same.max() == 0) return y;
  if (same.is_constant()) return add(x, y);
  const Dim outer = exists_;
  exists_ = outer * same;
  Candidates candidates;
  candidates.add(0, x, same);
  candidates.add(1, y, Dim(1));
  const Signal sum = mixed({place_name(name), 2}, std::move(candidates), "add");
  exists_ = outer;
  return sum;
}

Signal Builder::zero(Signal x, const Dim& channels, int stride) {
  return {x.vertex, {channels, reduced_side(x.shape.height, stride), reduced_side(x.shape.width, stride)}, true};
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
  graph_.set_output(vertex_of(masked(output)));
  return std::move(graph_);
}

}  // namespace frontier
